"""Tones to play if there is no voice, because a caller must never be left in silence."""

from __future__ import annotations

from functools import cache

import numpy as np

from phone_daemon.events import SAMPLE_RATE
from sidecars.resample import to_pcm


@cache
def attention_tone() -> bytes:
    """Two soft beeps of 0.15 s, 0.1 s apart, as 8 kHz PCM; played in place of speech when the voice is dead.

    425 Hz at -20 dBm0 is what phone users already know as a network tone (ITU-T E.180).
    """
    on_s, off_s = 0.15, 0.10
    t = np.arange(round(on_s * SAMPLE_RATE)) / SAMPLE_RATE
    # Raised-cosine edges of 10 ms: a hard edge clicks across the whole band, and may be taken for speech or DTMF.
    edge = np.clip(np.minimum(t, on_s - t) / 0.010, 0, 1)
    tone = 32768 * 10 ** (-17 / 20) * np.sin(2 * np.pi * 425 * t) * (1 - np.cos(np.pi * edge)) / 2
    return 2 * to_pcm(np.concatenate((tone, np.zeros(round(off_s * SAMPLE_RATE)))))
