"""Sweeps and tones through `Resampler`. A click anywhere would stand far above these residuals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecars.resample import Resampler

Samples = npt.NDArray[np.float64]
AMPLITUDE = 20000


def sweep(rate: int, seconds: float = 2.0, low: float = 100, high: float = 3400) -> Samples:
    t = np.arange(round(rate * seconds)) / rate
    return AMPLITUDE * np.sin(2 * np.pi * (low * t + (high - low) * t * t / (2 * seconds)))


def pcm(samples: Samples) -> bytes:
    return np.rint(samples).astype("<i2").tobytes()


def stream(data: bytes, source: int, target: int, sizes: list[int]) -> Samples:
    """`data` cut into pieces of `sizes` samples, over and over, through one stream."""
    resampler = Resampler(source, target)
    out, at, n = bytearray(), 0, 0
    while at < len(data):
        step = 2 * sizes[n % len(sizes)]
        out += resampler.feed(data[at : at + step])
        at, n = at + step, n + 1
    return np.frombuffer(bytes(out + resampler.flush()), "<i2").astype(float)


def db(residual: Samples) -> float:
    """RMS of the residual, relative to a full sine of `AMPLITUDE`."""
    return float(20 * np.log10(max(np.sqrt(np.mean(residual**2)), 1e-9) / (AMPLITUDE / np.sqrt(2))))


def test_a_sweep_to_16_khz_in_frames_is_the_sweep_itself() -> None:
    got = stream(pcm(sweep(8000)), 8000, 16000, [160])
    inside = slice(800, -800)  # a recording that starts in mid-sine rings at its ends, in any resampler
    assert len(got) == 32000
    assert db((got - sweep(16000))[inside]) < -75
    one_shot = soxr.resample(np.rint(sweep(8000)), 8000, 16000)
    assert db((got - one_shot)[inside]) < -75
    assert np.abs(got - one_shot)[inside].max() < 8, "no click, not even one sample long"


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("hertz", [300, 1000, 3400])
def test_a_tone_to_8_khz_in_frames_stays_a_pure_tone_as_loud_as_before(rate: int, hertz: int) -> None:
    tone = AMPLITUDE * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
    got = stream(pcm(tone), rate, 8000, [rate // 50])
    assert len(got) == 8000
    t = np.arange(8000) / 8000
    basis = np.stack((np.sin(2 * np.pi * hertz * t), np.cos(2 * np.pi * hertz * t)), axis=1)
    inside = slice(800, -800)
    weights = np.linalg.lstsq(basis[inside], got[inside], rcond=None)[0]
    assert db((got - basis @ weights)[inside]) < -75
    assert abs(20 * np.log10(np.hypot(*weights) / AMPLITUDE)) < 0.05


@pytest.mark.parametrize("hertz", [4300, 6000, 9000])
def test_what_a_telephone_cannot_carry_is_removed_and_not_folded_back(hertz: int) -> None:
    tone = AMPLITUDE * np.sin(2 * np.pi * hertz * np.arange(22050) / 22050)
    assert db(stream(pcm(tone), 22050, 8000, [441])[800:-800]) < -80


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([(8000, 16000), (22050, 8000), (24000, 8000), (8000, 8000)]),
    st.lists(st.integers(1, 3000), min_size=1, max_size=8),
)
def test_how_a_stream_is_cut_changes_nothing(rates: tuple[int, int], sizes: list[int]) -> None:
    data = pcm(sweep(rates[0], 0.5))
    assert np.array_equal(stream(data, *rates, sizes), stream(data, *rates, [len(data)]))


def test_what_is_held_back_never_changes_and_is_short() -> None:
    for source, target, limit_s in [(8000, 16000, 0.0301), (22050, 8000, 0.0275), (24000, 8000, 0.0275)]:
        resampler, fed, got, frame = Resampler(source, target), 0, 0, source // 50
        held = set()
        for _ in range(200):
            fed += frame
            got += len(resampler.feed(bytes(2 * frame))) // 2
            held.add(round((fed / source - got / target) * 1000))
        assert max(held) / 1000 <= limit_s
        assert len({h for h in held if h > 20}) <= 2


def test_silence_stays_silence() -> None:
    assert not stream(bytes(16000), 22050, 8000, [441]).any()


def test_a_flushed_stream_starts_anew() -> None:
    resampler, data = Resampler(8000, 16000), pcm(sweep(8000, 0.2))
    first = resampler.feed(data) + resampler.flush()
    assert resampler.feed(data) + resampler.flush() == first


def test_full_scale_is_clipped_and_never_wraps() -> None:
    square = np.where(np.sin(2 * np.pi * 500 * np.arange(8000) / 8000) >= 0, 32767, -32768).astype(float)
    got = stream(pcm(square), 8000, 16000, [160])
    assert (got[2000:6000].max(), got[2000:6000].min()) == (32767, -32768)
    assert np.abs(np.diff(got)).max() < 50000, "an overflow would jump by 65,536"


def test_half_a_sample_and_rates_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes of PCM"):
        Resampler(8000, 16000).feed(b"abc")
    with pytest.raises(ValueError, match="0 Hz to 8000 Hz"):
        Resampler(0, 8000)
