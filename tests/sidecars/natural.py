"""A natural voice on the telephone: hibari's, through µ-law at 8 kHz and back to 16 kHz."""

from __future__ import annotations

from functools import cache

import numpy as np
import soxr
from hibari import SAMPLE_RATE, Hibari
from numpy.typing import NDArray

from sidecars.resample import to_pcm
from tests.sidecars.speech import line

RATE = 16000


@cache
def _voice() -> Hibari:
    return Hibari()


def _spoken(text: str) -> NDArray[np.float32]:
    """Without the silence around it."""
    audio: NDArray[np.float32] = _voice()(text, seed=1)
    loud = np.flatnonzero(np.abs(audio) > 0.003)
    return audio[loud[0] : loud[-1]]


@cache
def said(text: str, *, before_s: float = 0.4, after_s: float = 0.5) -> bytes:
    """`text` as 16-bit PCM at 16 kHz, surrounded by a line's silence; a "|" in it stands for half a second's pause."""
    pause = np.zeros(SAMPLE_RATE // 2)
    parts = [part for phrase in text.split("|") for part in (pause, _spoken(phrase.strip()))][1:]
    narrow = soxr.resample(np.concatenate(parts), SAMPLE_RATE, 8000)
    narrow *= 0.08 / np.sqrt(np.mean(np.square(narrow)))
    whole = np.concatenate([np.zeros(round(8000 * before_s)), narrow, np.zeros(round(8000 * after_s))])
    hiss = np.random.default_rng(11).normal(0, 0.0005, len(whole))
    wide = soxr.resample(np.frombuffer(line(whole + hiss), "<i2").astype(np.float32), 8000, RATE)
    return to_pcm(wide)
