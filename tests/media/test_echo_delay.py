"""When an echo comes; other voices are not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from ops.replay.echo_path import Echo
from phone_daemon.events import FRAME_SAMPLES, SAMPLE_RATE
from phone_daemon.media.echo_delay import LAGS, EchoDelay, Samples
from tests.media.echoes import agent, frames, recorded, returned
from tests.sidecars.speech import spoken

BAND_FILTER = 64
"""Samples by which the path's band filter delays."""


def floats(frame: bytes) -> Samples:
    return np.frombuffer(frame, "<i2").astype(np.float32)


def found(caller: list[bytes], agent: list[bytes]) -> EchoDelay:
    delay = EchoDelay()
    for said, played in zip(caller, agent, strict=False):
        delay.feed(floats(said), floats(played) if any(played) else None)
    return delay


@pytest.mark.parametrize("delay_ms", [0, 37, 163, 402, 600])
@pytest.mark.parametrize("loss_db", [12, 40])
def test_the_lag_is_found_to_the_millisecond(delay_ms: int, loss_db: float) -> None:
    said = agent(4.0)
    lag = found(returned(said, Echo(loss_db, delay_ms / 1000)), said).lag
    assert lag is not None
    assert abs(lag - 8 * delay_ms - BAND_FILTER) <= 8


def test_it_is_found_while_the_first_word_is_being_said() -> None:
    """Before a VAD, which needs 96 ms of speech, can have taken it for a caller's."""
    said = agent(1.0)
    line = returned(said, Echo(20, 0.2))
    begun = next(number for number, frame in enumerate(said) if np.abs(floats(frame)).max() > 1000)
    delay, number = EchoDelay(), 0
    while delay.lag is None:
        delay.feed(floats(line[number]), floats(said[number]))
        number += 1
    assert (number - begun) * FRAME_SAMPLES / SAMPLE_RATE < 0.2 + 0.008 + 0.12


@pytest.mark.parametrize("noise", [4.0, 48.0])
def test_an_echo_that_begins_after_a_while_is_found(noise: float) -> None:
    """A line that has returned nothing so far is looked at less often."""
    said, clean = agent(9.0), 350
    silent = returned(said, Echo(90, 0.2), noise=noise)[:clean]
    line = [*silent, *returned(said, Echo(25, 0.2), noise=noise)[clean:]]
    assert found(line[:clean], said).lag is None
    lag = found(line[: clean + 50], said).lag
    assert lag is not None
    assert abs(lag - 1600 - BAND_FILTER) <= 8


def test_what_we_played_long_ago_is_still_compared() -> None:
    """It is not looked at before something is heard."""
    said = agent(4.0)
    line = returned(said, Echo(20, 0.6), noise=0.0)
    silence = [bytes(2 * FRAME_SAMPLES)] * 100
    assert found([*silence, *line[100:]], said).lag == found(line, said).lag


@pytest.mark.parametrize(
    "voice",
    ["talks_for_a_minute/no", "interrupts_three_times/cancel", "shouts_into_the_phone/hours", "asks_hours_twice/when"],
)
def test_two_people_who_speak_at_once_are_no_echo(voice: str) -> None:
    said = agent(5.0)
    caller = frames(np.resize(np.frombuffer(recorded(voice), "<i2").astype(np.float64), len(said) * FRAME_SAMPLES))
    assert found(caller, said).lag is None


@pytest.mark.long
@pytest.mark.parametrize("voice", ["misses_a_delivery/wait", "hesitates_while_booking/book"])
def test_whoever_interrupts_the_greeting_is_no_echo_of_it(voice: str) -> None:
    """Both begin after silence: nothing yet distinguishes a first vowel that has the agent's own pitch."""
    sound = 32768 * spoken("Welcome to Riverside Dental. We are closed just now, but I can still take a message.")
    said = frames(np.concatenate([np.zeros(FRAME_SAMPLES), sound])[:24000])
    words = np.frombuffer(recorded(voice), "<i2").astype(np.float64)
    words = words[int(np.argmax(np.abs(words) > 1000)) - 300 :][:8000]
    for at in range(1440, 12000, 480):
        line = np.zeros(len(said) * FRAME_SAMPLES)
        line[at : at + words.size] = words
        assert found(frames(line), said).lag is None, f"after {at / SAMPLE_RATE} s"


def whistle(hz: float, seconds: float) -> list[bytes]:
    """It sets in as people's voices do, not with a click."""
    at = np.arange(round(seconds * SAMPLE_RATE))
    return frames(3000 * np.minimum(at / 800, 1) * np.sin(2 * np.pi * hz / SAMPLE_RATE * at))


def test_a_caller_who_whistles_along_is_no_echo() -> None:
    said = agent(4.0)
    assert found(whistle(1300, 4.0), said).lag is None


def test_a_tone_is_no_echo_of_another_nor_of_its_like() -> None:
    """At a tone's own period it resembles itself: no lag stands out."""
    ours, theirs = whistle(425, 3.0), whistle(440, 3.0)
    assert found(theirs, ours).lag is None
    assert found(ours[5:], ours).lag is None


def test_what_comes_too_late_is_no_echo() -> None:
    said = agent(4.0)
    assert found(returned(said, Echo(12, (LAGS + 800) / SAMPLE_RATE)), said).lag is None
