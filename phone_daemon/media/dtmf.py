"""DTMF tones in audio (ITU-T Q.23, Q.24): keys of phones and gateways that send no telephone-event.

Each window of 20 ms, every 10 ms, is compared with the eight frequencies (Goertzel's filters, as one matrix product). A
key is two tones, one from each group, that make up nearly all of the sound, which speech never does for long.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phone_daemon.events import FRAME_SAMPLES, SAMPLE_RATE

ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
LEAST_RMS = 60.0
"""About -48 dBov of both tones together; weaker ones come from another line."""
SHARE = 0.75
"""Share of the window's energy that the two tones must have; the tones of a phone whose pitch is 1 % off have 0.83."""
TWIST = 8.0
"""How many times stronger one of the two tones may be than the other: 9 dB."""
ABOVE = 5.0
"""How many times stronger a tone must be than the others in its group: 7 dB."""
HITS, MISSES = 2, 2
"""Consecutive windows that begin a key and that end it: 30 ms of tone, 30 ms of anything else. In 2.9 hours of recorded
speech in five languages, these values detect no key."""
_HOP = FRAME_SAMPLES // 2
_TIME = np.arange(FRAME_SAMPLES) / SAMPLE_RATE
_FILTERS = np.exp(-2j * np.pi * np.outer(ROWS + COLUMNS, _TIME))


class ToneKeys:
    """One caller's keys, detected frame by frame."""

    def __init__(self) -> None:
        self._before = np.zeros(_HOP)
        self._held = ""
        """The key that is down and has been reported."""
        self._candidate = ""
        self._hits = self._misses = 0

    @property
    def sounding(self) -> bool:
        """Whether a key's tones are in the last frame."""
        return bool(self._held) or self._hits > 1

    def hear(self, pcm: bytes) -> str:
        """The key whose press this frame (20 ms at 8 kHz) confirms; otherwise empty."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        heard = np.concatenate((self._before, samples))
        self._before = samples[_HOP:]
        pressed = ""
        for start in (0, _HOP):
            pressed = self._feed(tone_key(heard[start : start + FRAME_SAMPLES])) or pressed
        return pressed

    def _feed(self, key: str) -> str:
        if self._held:
            self._misses = 0 if key == self._held else self._misses + 1
            if self._misses < MISSES:
                return ""
            self._held, self._misses = "", 0
        self._hits = self._hits + 1 if key and key == self._candidate else int(bool(key))
        self._candidate = key
        if self._hits < HITS:
            return ""
        self._held, self._hits = key, 0
        return key


def tone_key(window: npt.NDArray[np.float64]) -> str:
    """The key whose tones fill these `FRAME_SAMPLES`; empty if there is none."""
    energy = float(window @ window)
    if energy < FRAME_SAMPLES * LEAST_RMS**2:
        return ""
    shares = np.abs(_FILTERS @ window) ** 2 * (2 / FRAME_SAMPLES / energy)
    row, column = int(shares[:4].argmax()), int(shares[4:].argmax())
    low, high = float(shares[row]), float(shares[4 + column])
    if low + high < SHARE or not high / TWIST < low < high * TWIST:
        return ""
    others = max(np.delete(shares[:4], row).max() / low, np.delete(shares[4:], column).max() / high)
    return KEYS[row][column] if others * ABOVE < 1 else ""
