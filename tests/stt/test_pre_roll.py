"""The audio before the onset of speech."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.pre_roll import QUIET_S, PreRoll

SETTINGS = VadSettings(pre_roll_s=0.4, max_speech_s=2.0)
QUIET = round(8000 * QUIET_S)
KEPT = QUIET + 16000


def counted(begin: Any, count: Any) -> Any:
    """Samples whose values are their positions."""
    return np.arange(begin, begin + count).astype("<i2").tobytes()


def filled(seconds: float) -> Any:
    pre_roll = PreRoll(SETTINGS)
    for position in range(0, round(8000 * seconds), 160):
        pre_roll.feed(position, counted(position, 160))
    return pre_roll


def test_it_begins_exactly_a_pre_roll_before_the_onset_and_ends_now() -> None:
    assert filled(2.0).since(12345) == counted(12345 - 3200, 16000 - 12345 + 3200)


def test_while_the_agent_is_silent_it_is_longer_but_does_not_begin_before_the_agent_fell_silent() -> None:
    pre_roll = filled(2.0)
    for quiet, begin in ((0, 12345 - QUIET), (8000, 8000), (12345, 12345 - 3200), (None, 12345 - 3200)):
        assert pre_roll.since(12345, quiet) == counted(begin, 16000 - begin)


def test_a_longer_pre_roll_in_the_settings_counts_all_the_time() -> None:
    pre_roll = PreRoll(replace(SETTINGS, pre_roll_s=1.0))
    for position in range(0, 16000, 160):
        pre_roll.feed(position, counted(position, 160))
    assert pre_roll.since(12345, 0) == pre_roll.since(12345) == counted(4345, 16000 - 4345)


def test_the_end_of_the_speech_before_is_not_given_again() -> None:
    pre_roll = filled(2.0)
    assert pre_roll.since(12345, heard=10000) == counted(10000, 6000)
    assert pre_roll.since(12345, 0, heard=10000) == counted(10000, 6000)
    assert pre_roll.since(12345, heard=12345) == counted(12345, 16000 - 12345)
    # The same speech, which has ended since, is given from its beginning.
    assert pre_roll.since(12345, heard=14000) == pre_roll.since(12345)


def test_at_the_start_of_a_call_there_is_what_there_is() -> None:
    assert filled(0.2).since(800) == counted(0, 1600)


def test_of_an_onset_too_long_ago_the_newest_is_given() -> None:
    assert filled(20.0).since(0) == counted(160000 - KEPT, KEPT)


def test_before_any_audio_and_for_an_onset_to_come_there_is_none() -> None:
    assert PreRoll(SETTINGS).since(0) == b""
    assert filled(1.0).since(8000 + 3200) == b""


def test_audio_after_a_hole_is_not_glued_to_what_was_before() -> None:
    pre_roll = filled(1.0)
    pre_roll.feed(8160, counted(8160, 160))
    assert pre_roll.since(8160) == counted(8160, 160)


def test_of_wideband_audio_it_is_as_long_by_the_positions_at_8_khz() -> None:
    pre_roll = PreRoll(SETTINGS, 16_000)
    for position in range(0, 16_000, 160):
        pre_roll.feed(position, counted(2 * position, 320))
    assert pre_roll.since(12_345) == counted(2 * (12_345 - 3200), 2 * (16_000 - 12_345 + 3200))
    pre_roll.feed(16_160, counted(0, 320))
    assert pre_roll.since(16_160) == counted(0, 320)


def test_its_memory_is_bounded() -> None:
    assert len(filled(60.0)._audio) <= 2 * 2 * KEPT
