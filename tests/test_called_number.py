"""Which dialplan answers, whatever the format in which trunks write the called number."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from phone_daemon.called import dialplan_for
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.settings.settings import SipSettings

NOON = datetime(2026, 3, 3, 12, 0)
NUMBER = "+442079460200"


def plans(folder: Path, *called: str) -> Dialplans:
    for at, pattern in enumerate(called):
        (folder / f"plan{at}.toml").write_text(
            f'name = "plan{at}"\ncalled = ["{pattern}"]\nagent = "script"\ngreeting = "Hello."\n'
            '[intents.bye]\ncaller_says = ["goodbye"]\nsay = ["Goodbye."]\nthen = "hang_up"\n'
        )
    return Dialplans.load(sorted(folder.glob("*.toml")))


@pytest.mark.parametrize(
    ("numbers", "country"),
    [
        *(((NUMBER,), ""), (("trunk-4711", NUMBER), ""), (("02079460200",), ""), (("442079460200",), "")),
        *((("trunk-4711", NUMBER), "44"), ((NUMBER,), "44")),
    ],
)
def test_the_dialplan_of_the_number_is_found_by_any_of_its_spellings(
    tmp_path: Path, numbers: tuple[str, ...], country: str
) -> None:
    found = dialplan_for(numbers, plans(tmp_path, NUMBER, "*"), NOON, SipSettings(country=country))
    assert found is not None
    assert (found[0].name, found[1]) == ("plan0", NUMBER)


def test_a_dialplan_may_name_its_number_as_it_is_written_at_home(tmp_path: Path) -> None:
    found = dialplan_for((NUMBER,), plans(tmp_path, "02079460200"), NOON, SipSettings(country="44"))
    assert found is not None
    assert found[1] == "02079460200"


def test_what_no_dialplan_names_goes_to_the_one_for_all_or_to_none(tmp_path: Path) -> None:
    found = dialplan_for(("trunk-4711", "99"), plans(tmp_path, NUMBER, "*"), NOON, SipSettings())
    assert found is not None
    assert (found[0].name, found[1]) == ("plan1", "trunk-4711")
    (tmp_path / "plan1.toml").unlink()
    assert dialplan_for(("trunk-4711", "99"), plans(tmp_path, NUMBER), NOON, SipSettings()) is None
