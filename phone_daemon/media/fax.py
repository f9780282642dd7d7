"""Recognizes a fax machine by its tones: one that calls (CNG), one that answers (CED), and one that begins to send.

ITU-T T.30, section 4: CNG is 1100 Hz for half a second, every three and a half; CED is 2100 Hz for 2.6 to 4 s; before
every message come flags by V.21, for a second, which alternate between 1650 and 1850 Hz. Nobody speaks or whistles so.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phone_daemon.events import SAMPLE_RATE

WINDOW = 320
"""Samples that are examined together: 40 ms, so that a bin is 25 Hz wide."""
LEAST_RMS = 60.0
"""About -48 dBov; weaker tones come from another line."""
PURE = 0.8
"""Share of the window's power that a tone has."""
LOWER, HIGHER = 0.3, 0.08
"""Least shares of a window of flags that the two frequencies have; the higher one sounds a fourth of the time."""
CALLING_S, EVERY_S, OFF = 0.5, 3.5, 0.2
"""CNG's length, its period, and by how much they may be off; T.30 allows 15 %, and a window may be cut."""
ANSWERING_S, FLAGS_S = 1.5, 0.6
"""How long these tones are heard before they are believed."""
_SHAPE = np.hanning(WINDOW)


class FaxTones:
    """What one side of a call sends, 16-bit PCM at 8 kHz."""

    def __init__(self) -> None:
        self._waiting = b""
        self._windows = 0
        self._sounds = ""
        """The tone in the last window."""
        self._run = 0
        """For how many windows it has sounded."""
        self._called: int | None = None
        """The window in which the last CNG began."""

    def hear(self, pcm: bytes) -> str:
        """The tone that this audio completes: "CNG", "CED" or "V.21"; mostly none."""
        self._waiting += pcm
        found = ""
        while len(self._waiting) >= 2 * WINDOW:
            window = np.frombuffer(self._waiting[: 2 * WINDOW], "<i2").astype(np.float64)
            self._waiting = self._waiting[2 * WINDOW :]
            found = self._look(_tone(window)) or found
        return found

    def _look(self, tone: str) -> str:
        before, length = self._sounds, self._run * WINDOW / SAMPLE_RATE
        self._run = self._run + 1 if tone == before else 1
        self._sounds = tone
        self._windows += 1
        seconds = self._run * WINDOW / SAMPLE_RATE
        if (tone == "CED" and seconds >= ANSWERING_S) or (tone == "V.21" and seconds >= FLAGS_S):
            return tone
        if before == "CNG" and tone != before and abs(length - CALLING_S) <= OFF * CALLING_S + WINDOW / SAMPLE_RATE:
            began = self._windows - 1 - round(length * SAMPLE_RATE / WINDOW)
            last, self._called = self._called, began
            # One that the agent's own voice has covered may be missing between two.
            periods = 0.0 if last is None else (began - last) * WINDOW / SAMPLE_RATE / EVERY_S
            if periods and abs(periods - min(max(round(periods), 1), 2)) <= OFF:
                return before
        return ""


def _tone(window: npt.NDArray[np.float64]) -> str:
    """The tone of a fax machine that fills a window."""
    if float(np.mean(window**2)) < LEAST_RMS**2:
        return ""
    power = np.abs(np.fft.rfft(window * _SHAPE)) ** 2
    total = float(power.sum())

    def share(low: float, high: float) -> float:
        return float(power[round(low * WINDOW / SAMPLE_RATE) : round(high * WINDOW / SAMPLE_RATE) + 1].sum()) / total

    if share(1050, 1150) >= PURE:
        return "CNG"
    if share(2050, 2150) >= PURE:
        return "CED"
    if share(1500, 2000) >= PURE and share(1575, 1700) >= LOWER and share(1775, 1950) >= HIGHER:
        return "V.21"
    return ""
