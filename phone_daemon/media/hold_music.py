"""Music for a caller who waits, for dialplans without music of their own: a quiet melody, synthesized here."""

from __future__ import annotations

from functools import cache

import numpy as np

from phone_daemon.events import SAMPLE_RATE
from sidecars.resample import to_pcm

_NOTES = (60, 64, 67, 72, 67, 64, 62, 65, 69, 74, 69, 65, 59, 62, 67, 71, 67, 62, 60, 64, 67, 72, 76, 72)
"""MIDI numbers: broken chords of C, D minor, G, and C again."""
_NOTE_S, _TAIL_S, _REST_S = 0.5, 1.2, 1.0
LEVEL_DB = -26.0
"""RMS below full scale: softer than the agent's voice, so that the agent's return is noticed."""


@cache
def melody() -> bytes:
    """About 13 s of 8 kHz PCM that begins and ends in silence, to be played in a loop."""
    whole = np.zeros(round((len(_NOTES) * _NOTE_S + _TAIL_S + _REST_S) * SAMPLE_RATE))
    time = np.arange(round(_TAIL_S * SAMPLE_RATE)) / SAMPLE_RATE
    # A plucked string: quick to begin, slow to fade; two partials, neither of them where DTMF detection expects a pair.
    shape = np.minimum(time / 0.01, 1) * np.exp(-3.5 * time) * np.clip((_TAIL_S - time) / 0.05, 0, 1)
    for at, note in enumerate(_NOTES):
        hertz = 440 * 2 ** ((note - 69) / 12)
        tone = np.sin(2 * np.pi * hertz * time) + 0.25 * np.sin(4 * np.pi * hertz * time)
        start = round(at * _NOTE_S * SAMPLE_RATE)
        whole[start : start + len(time)] += tone * shape
    return to_pcm(whole * 32768 * 10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(whole**2)))
