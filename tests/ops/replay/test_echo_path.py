from __future__ import annotations

import numpy as np
import pytest

from ops.replay.echo_path import Echo, EchoPath, mixed
from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from tests.media.echoes import Sound


def through(path: EchoPath, sound: Sound) -> Sound:
    pcm = sound.astype("<i2").tobytes()
    back = b"".join(path.feed(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES))
    return np.frombuffer(back, "<i2").astype(np.float64)


def tone(hz: float) -> Sound:
    return np.asarray(8000 * np.sin(2 * np.pi * hz / SAMPLE_RATE * np.arange(SAMPLE_RATE)))


@pytest.mark.parametrize("loss_db", [0, 12, 30])
def test_an_echo_is_weaker_by_its_loss_and_comes_after_its_delay(loss_db: float) -> None:
    back = through(EchoPath(Echo(loss_db, 0.2)), tone(1000))
    assert np.abs(back[: int(0.2 * SAMPLE_RATE)]).max() < 100
    told = 20 * np.log10(np.sqrt(np.mean(back[4000:] ** 2)) / (8000 / np.sqrt(2)))
    assert abs(told + loss_db) < 0.5


def test_a_telephones_band_is_all_that_comes_back() -> None:
    inside, below = (np.abs(through(EchoPath(Echo(6)), tone(hz))[4000:]).max() for hz in (1000, 100))
    assert below < 0.05 * inside


def test_a_room_goes_on_sounding() -> None:
    click = np.zeros(SAMPLE_RATE)
    click[0] = 30000
    dry, room = (np.abs(through(EchoPath(Echo(0, 0, room_s)), click)[1600:2000]).max() for room_s in (0, 0.4))
    assert dry == 0
    assert room > 20


def test_silence_returns_silence_and_two_sounds_at_once_are_clipped() -> None:
    assert EchoPath(Echo(12, 0.1, 0.3)).feed(b"") == bytes(FRAME_BYTES)
    loud = np.full(160, 30000, "<i2").tobytes()
    assert np.frombuffer(mixed(loud, loud), "<i2").tolist() == [32767] * 160
