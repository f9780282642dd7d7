"""Uneven voices: whether the caller hears a gap, and how much the line is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from phone_daemon.call.floor import State
from tests import agents
from tests.fakes import UnevenHost
from tests.phone import OPEN, Phone, ring, speech

ONE_PHRASE = "We are open from half past eight until half past five on every day of the week."


def underruns(folder: Path, gaps_s: list[float], turns: int = 3, said: str = ONE_PHRASE) -> list[int]:
    """For replies by an engine that makes 100 ms of audio after each of these pauses."""
    tts = UnevenHost("tts", "espeak", {})
    tts.gaps_s = gaps_s

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        for _ in range(turns):
            await phone.says(speech(OPEN))
            await phone.reaches(State.SPEAKING)
            await phone.reaches(State.LISTENING)

    left = ring(folder, script, agent=agents.Lines(agents.text(said), greeting=agents.text("How can I help?")), tts=tts)
    assert [turn["heard"] for turn in left.turns[1:]] == [said] * turns
    return [turn["underruns"] for turn in left.turns]


@pytest.mark.long
def test_a_voice_that_was_seen_to_be_uneven_leaves_no_gap_inside_a_phrase(tmp_path: Path) -> None:
    greeting, *later = underruns(tmp_path, [0.3, 0.02, 0.02, 0.02])
    assert greeting > 0
    assert later == [0, 0, 0]


@pytest.mark.long
def test_a_voice_that_is_slower_than_speech_gathers_as_much_as_a_flush_may_drop(tmp_path: Path) -> None:
    _, first, *later = underruns(tmp_path, [0.125])
    assert max(later) < first
    assert first - max(later) <= 0.4 / 0.02 + 1


def test_a_voice_that_keeps_ahead_is_never_waited_for(tmp_path: Path) -> None:
    assert underruns(tmp_path, [0.0, 0.09], turns=2) == [0, 0, 0]


@pytest.mark.long
def test_what_is_still_to_be_played_of_a_phrase_is_lead_for_the_next(tmp_path: Path) -> None:
    """By then an uneven voice is ahead of playout: the second phrase has no reason to wait."""
    _, *later = underruns(tmp_path, [0.3, 0.02, 0.02, 0.02], turns=2, said=f"{ONE_PHRASE} {ONE_PHRASE}")
    assert later == [0, 0]
