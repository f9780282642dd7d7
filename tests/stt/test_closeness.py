"""A voice across a room is told from one at the telephone, however loud they are."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from fixtures.line import Line, carried
from fixtures.voices import RATE
from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from phone_daemon.stt.closeness import closeness
from tests.sidecars.speech import spoken


def frames(line: Line, text: str) -> list[bytes]:
    """The first half second of the voice, as the line carries it."""
    sound = soxr.resample(spoken(text), SAMPLE_RATE, RATE)
    pcm = carried(line, sound, np.random.default_rng(1))
    begin = 11 * FRAME_BYTES  # after the line's noise
    return [pcm[at : at + FRAME_BYTES] for at in range(begin, begin + 25 * FRAME_BYTES, FRAME_BYTES)]


@pytest.mark.parametrize("text", ["what are your opening hours", "please bring me the other one from the kitchen"])
@pytest.mark.parametrize("level_db", [-20.0, -36.0])
def test_a_voice_across_the_room_is_less_close(text: str, level_db: float) -> None:
    near = closeness(frames(Line(level_db=level_db), text))
    far = closeness(frames(Line(level_db=level_db, room_s=0.4, distance=0.5), text))
    assert near > far + 0.2


def test_it_does_not_depend_on_the_level() -> None:
    loud, soft = (closeness(frames(Line(level_db=level), "what are your opening hours")) for level in (-18.0, -36.0))
    assert abs(loud - soft) < 0.1


def test_silence_is_not_close() -> None:
    assert closeness([bytes(FRAME_BYTES)] * 25) == 0.0
