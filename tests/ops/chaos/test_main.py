"""`make chaos` with a few of its faults: real parts are broken, and the table shows the outcome."""

from __future__ import annotations

import json

import pytest

from ops.chaos.__main__ import FAULTS, main
from tests.foreign.programs import need


def test_every_fault_has_a_name_of_its_own_and_says_what_must() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert all(fault.must for fault in FAULTS)


@pytest.mark.timeout(300)
def test_what_must_hold_holds_when_a_card_is_killed_and_a_caller_goes_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    need("kamailio")
    need("rtpengine")
    assert main(["--json", "--only", "rtp-gone", "card-killed"]) == 0
    seen = {row["fault"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(seen) == {"rtp-gone", "card-killed"}
    assert all(row["held"] for row in seen.values())


def test_a_fault_that_there_is_not_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--only", "nonsense"])
    assert end.value.code == 2
    assert "nonsense" in capsys.readouterr().err
