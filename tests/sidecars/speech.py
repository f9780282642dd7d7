"""Spoken test material: a natural voice, or espeak-ng, through a telephone, and noises that are not speech."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import soxr
from hibari import SAMPLE_RATE, Hibari
from numpy.typing import NDArray

from fixtures.line import Line, carried
from fixtures.voices import RATE
from ops.quality.score import edits
from sidecars.engines.espeak import create

Audio = NDArray[np.float64]

NATURAL = "heart"
"""Hibari's voice; every other name is one of espeak-ng's."""

LEAD_S, TAIL_S = 0.4, 0.5
"""Silence (except for the line's noise) before and after `caller`'s words; as long as a pre-roll and an endpoint."""


@cache
def spoken(text: str, voice: str = NATURAL) -> Audio:
    """`text` at 8 kHz, full scale 1, speech at -22 dBFS, without any noise. Deterministic."""
    audio = _natural(text) if voice == NATURAL else _robotic(text, voice)
    return np.asarray(audio * 0.08 / np.sqrt(np.mean(audio**2)))


@cache
def _hibari() -> Hibari:
    return Hibari(NATURAL)


def _natural(text: str) -> Audio:
    audio = np.asarray(soxr.resample(_hibari()(text, seed=0).astype(float), SAMPLE_RATE, 8000))
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    return audio[max(0, loud[0] - 240) : loud[-1] + 400]  # the voice's own silence is long


def noisy(text: str, noise: str, snr_db: float) -> bytes:
    """`text`, robotic, over a line with noise, after half a second of silence: 8 kHz PCM. Deterministic."""
    voice = soxr.resample(spoken(text, "en-us"), 8000, RATE)
    return bytes(8000) + carried(Line(noise=noise, snr_db=snr_db), voice, np.random.default_rng(1))


def _robotic(text: str, voice: str) -> Audio:
    engine = create({})
    pcm = b"".join(chunk.pcm for chunk in engine.speak(text, {"voice": voice}, lambda: False))
    return np.asarray(soxr.resample(np.frombuffer(pcm, dtype="<i2") / 32768, engine.sample_rate, 8000))


def white(seconds: float, level: float) -> Audio:
    return np.random.default_rng(7).standard_normal(round(8000 * seconds)) * level


def pink(seconds: float, level: float) -> Audio:
    spectrum = np.fft.rfft(white(seconds, 1.0))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(round(8000 * seconds), 1 / 8000), 20))
    audio = np.fft.irfft(spectrum, round(8000 * seconds))
    return np.asarray(audio / audio.std() * level)


def hum(seconds: float, level: float) -> Audio:
    """Mains hum: 50 Hz and two of its odd harmonics."""
    t = np.arange(round(8000 * seconds)) / 8000
    return np.asarray(sum(level / n * np.sin(2 * np.pi * 50 * n * t) for n in (1, 3, 5)))


def clicks(seconds: float, level: float) -> Audio:
    generator = np.random.default_rng(3)
    audio = white(seconds, 0.002)
    audio[generator.random(len(audio)) < 0.0003] = level
    return audio


def line(audio: Audio) -> bytes:
    """As it comes from the telephone line: 8 kHz PCM after µ-law (G.711) quantization."""
    squeezed = np.sign(audio) * np.log1p(255 * np.abs(np.clip(audio, -1, 1))) / np.log1p(255)
    coarse = np.round((squeezed + 1) / 2 * 255) / 255 * 2 - 1
    return bytes((np.sign(coarse) * np.expm1(np.abs(coarse) * np.log1p(255)) / 255 * 32767).astype("<i2").tobytes())


@cache
def caller(text: str, voice: str = NATURAL, level: float = 1.0) -> bytes:
    """Somebody says `text` on the telephone, on a line with noise 22 dB below the speech. 8 kHz PCM."""
    audio = np.concatenate([np.zeros(round(8000 * LEAD_S)), spoken(text, voice), np.zeros(round(8000 * TAIL_S))])
    return line((audio + white(len(audio) / 8000, 0.0064)) * level)


def wide(pcm: bytes) -> bytes:
    """The same at 16 kHz."""
    audio = soxr.resample(np.frombuffer(pcm, dtype="<i2"), 8000, 16000)
    return np.asarray(audio).astype("<i2").tobytes()


def words(text: str) -> str:
    """The words, however they are written: lower case, without punctuation."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def word_errors(said: str, understood: str) -> int:
    """The number of words to insert, delete, or change (Levenshtein distance)."""
    return edits(said.split(), understood.split())
