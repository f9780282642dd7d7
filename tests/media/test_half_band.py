"""8 and 16 kHz versions of the same sound, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest

from phone_daemon.events import SAMPLE_RATE, WIDE_RATE
from phone_daemon.media.half_band import HALF, Doubler, Halver


def tone(hertz: float, rate: int, seconds: float = 0.5) -> bytes:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype("<i2").tobytes()


def halved(pcm: bytes, size: int = 640) -> tuple[np.ndarray, np.ndarray]:
    """The sound at 8 and at 16 kHz."""
    halver = Halver()
    pieces = [halver.feed(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    narrow, wide = (np.frombuffer(b"".join(each), "<i2").astype(float) for each in zip(*pieces, strict=True))
    return narrow, wide


def doubled(pcm: bytes, size: int = 320) -> np.ndarray:
    doubler = Doubler()
    out = b"".join(doubler.feed(pcm[at : at + size]) for at in range(0, len(pcm), size))
    return np.frombuffer(out, "<i2").astype(float)


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples[400:] ** 2)))


@pytest.mark.parametrize("hertz", [100, 1000, 3400])
def test_a_voice_is_where_it_was_sample_for_sample(hertz: float) -> None:
    pcm = tone(hertz, WIDE_RATE)
    narrow, wide = halved(pcm)
    assert len(narrow) * 2 == len(wide) == len(pcm) // 2
    assert np.abs(narrow - wide[::2])[HALF:].max() < 20
    assert (wide[HALF:] == np.frombuffer(pcm, "<i2")[:-HALF]).all()


@pytest.mark.parametrize("hertz", [4600, 6000, 7900])
def test_what_8_khz_cannot_carry_is_not_heard_there(hertz: float) -> None:
    narrow, wide = halved(tone(hertz, WIDE_RATE))
    assert level(narrow) < 8000 / 1000 < level(wide)


@pytest.mark.parametrize("hertz", [100, 1000, 3400])
def test_what_is_doubled_is_the_same_tone_and_no_other(hertz: float) -> None:
    out = doubled(tone(hertz, SAMPLE_RATE))
    same = np.frombuffer(tone(hertz, WIDE_RATE), "<i2").astype(float)
    assert len(out) == len(same)
    assert np.abs(out[HALF:] - same[:-HALF])[200:].max() < 20


def test_how_a_stream_is_cut_changes_nothing() -> None:
    noise = np.random.default_rng(1).integers(-30_000, 30_000, 3200).astype("<i2").tobytes()
    assert (doubled(noise) == doubled(noise, 34)).all()
    for one, other in zip(halved(noise), halved(noise, 100), strict=True):
        assert (one == other).all()


def test_silence_stays_silence_and_the_loudest_does_not_wrap() -> None:
    assert not doubled(bytes(640)).any() and not halved(bytes(640))[0].any()
    square = (np.sign(np.sin(np.arange(3200) * 0.05)) * 32767).astype("<i2").tobytes()
    assert np.abs(np.diff(halved(square)[0])).max() < 2 * 32768
