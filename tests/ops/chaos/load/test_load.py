"""`make load` at a small size: real daemons, line cards, and callers, and stub engines that are called so."""

from __future__ import annotations

import json

import pytest

from ops.chaos.load.__main__ import main
from ops.chaos.load.stub_engines import SAID, tone, understood
from tests.foreign.programs import need


def figures(said: str, column: str) -> dict[str, float | None]:
    return {each["name"]: each["value"] for each in json.loads(said)[column]}


@pytest.mark.long
def test_calls_that_are_held_are_kept_answered_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--daemons", "2", "--cards", "1", "--calls", "1", "3", "--minutes", "0.2", "--json"])
    said = capsys.readouterr().out
    assert "STUB" in json.loads(said)["system"]
    for column in ("1 call", "3 calls"):
        found = figures(said, column)
        assert (found["calls lost"], found["RTP packets lost"]) == (0, 0)
        assert found["RTP gap of the worst call, p99.9"]
        assert found["CPU"]


def test_short_calls_at_a_rate_go_through_the_edge_and_none_fails(capsys: pytest.CaptureFixture[str]) -> None:
    need("kamailio")
    need("rtpengine")
    assert main(["rate", "--daemons", "1", "--cards", "1", "--calls", "3", "--per-second", "0.5", "--json"]) == 0
    assert figures(capsys.readouterr().out, "3 calls")["calls that failed"] == 0


@pytest.mark.parametrize("words", [["--calls", "0"], ["--daemons", "1", "--cards", "1", "--calls", "5"], ["held", "x"]])
def test_what_cannot_be_measured_is_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert words[-1] in capsys.readouterr().err


def test_the_stubs_understand_one_sentence_word_by_word_and_speak_as_long_as_a_text_takes() -> None:
    assert [understood(2 * 8000 * tenths // 10) for tenths in (1, 2, 4)] == ["", "what", "what are"]
    assert understood(10**6) == SAID
    assert len(tone("x" * 30)) == 2 * 2 * 8000
