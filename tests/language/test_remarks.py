from __future__ import annotations

import pytest

from phone_daemon.language.remarks import is_remark


@pytest.mark.parametrize(
    "text",
    ["", "...", "okay okay stop", "no", "wait", "yes but on Tuesday", "right away please", "hello", "mm yes yes okay"],
)
def test_whoever_says_more_wants_the_floor(text: str) -> None:
    assert not is_remark(text)


def test_a_dialplan_may_have_remarks_of_its_own() -> None:
    assert is_remark("Ja, genau!", ["ja", "genau"])
    assert not is_remark("okay", ["ja", "genau"])
    assert not is_remark("okay", [])
