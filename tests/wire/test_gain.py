"""A ducked reply: softer by 18 dB, without a click, and with the same samples everywhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.events import FRAME_SAMPLES
from phone_daemon.wire.gain import DUCKED_DB, RAMP, Gain

FULL = np.full(FRAME_SAMPLES, 20000, "<i2").tobytes()


def levels(gain: Gain, frames: int) -> np.ndarray:
    played = b"".join(gain.apply(FULL) for _ in range(frames))
    return np.frombuffer(played, "<i2").astype(float) / 20000


def test_a_gain_that_nobody_touched_changes_nothing() -> None:
    assert Gain().apply(FULL) is FULL


def test_it_falls_by_18_db_within_40_ms_and_stays_there() -> None:
    gain = Gain()
    gain.ducked = True
    ramp = levels(gain, 4)
    assert np.all(np.diff(ramp) <= 0)
    assert np.allclose(20 * np.log10(ramp[RAMP:]), DUCKED_DB, atol=0.01)
    assert np.max(-np.diff(ramp)) < 0.01  # no step that would be heard as a click


def test_it_rises_again_within_40_ms_and_then_leaves_frames_alone() -> None:
    gain = Gain()
    gain.ducked = True
    levels(gain, 3)
    gain.ducked = False
    ramp = levels(gain, 2)
    assert np.all(np.diff(ramp) >= 0) and ramp[-1] == 1.0
    assert gain.apply(FULL) is FULL


def test_at_16_khz_it_takes_as_long() -> None:
    narrow, wide = Gain(), Gain(2)
    for down in (True, True, True, False, False, False):
        narrow.ducked = wide.ducked = down
        once = np.frombuffer(narrow.apply(FULL), "<i2")
        assert (np.frombuffer(wide.apply(2 * FULL), "<i2") == np.repeat(once, 2)).all()


def test_turned_round_on_the_way_it_goes_back_from_where_it_is() -> None:
    gain = Gain()
    gain.ducked = True
    down = levels(gain, 1)
    gain.ducked = False
    up = levels(gain, 1)
    assert abs(up[0] - down[-1]) < 0.01 and up[-1] > 0.98


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_whatever_is_asked_for_nothing_jumps_and_nothing_is_louder_than_it_was(asked: list[bool]) -> None:
    gain, played = Gain(), [1.0]
    for gain.ducked in asked:
        played += list(levels(gain, 1))
    assert np.max(played) <= 1.0
    assert np.max(np.abs(np.diff(played))) < 0.01
