"""The first instant of a sound on the caller's line, of whatever kind: 40 ms after it begins, where a voice activity
detector needs 80 to 300 ms to notice a voice.

A line that returns the agent's voice is full of sounds while the agent speaks. So none counts until the line has been
silent for some time of the agent's voice.

The line's noise is followed by its minimum. A sound is new for as long as it may take the voice activity detector to
notice that it is a voice; so a fan that starts is a sound for an instant, and noise from then on.
"""

from __future__ import annotations

from phone_daemon.stt.near_talker import level_db

ABOVE_DB = 8.0
"""Two frames in a row that are louder than the line's noise by this much begin a sound: one may be a click."""
QUIETEST_DB = -63.0
"""The line's noise counts as at least this loud: a line that sends nothing between words has none."""
RISE_DB = 0.05
"""The line's noise is assumed to rise by no more than this per frame (2.5 dB/s)."""
SILENT = 40
"""Frames (0.8 s) of the agent's voice without a sound, after which the line does not return it: an echo comes within
0.6 s."""
AUDIBLE_DB = -45.0
"""A frame of the agent's voice that is softer may have an echo that is softer than the line's noise."""
NEW = 8
"""Frames (160 ms) for which a sound is new."""
OVER = 3
"""Frames without it that end a sound: between its syllables a voice is as soft as the line's noise."""


class SoundOnset:
    """Follows one line, 20 ms at a time."""

    def __init__(self) -> None:
        self._noise_db = 0.0
        self._loud = self._soft = 0
        self._silent = 0
        """Frames of the agent's voice since the last sound over it."""
        self._counts = False

    @property
    def new(self) -> bool:
        """Whether a sound has just begun."""
        return self._counts and 2 <= self._loud <= NEW and not self._soft

    def hear(self, level: float, agent: bytes) -> None:
        """Takes the level of the next 20 ms (`level_db`). `agent`: what was played meanwhile; empty: nothing."""
        spoken = bool(agent) and level_db(agent) >= AUDIBLE_DB
        if level >= self._noise_db + ABOVE_DB:
            if not self._loud:
                self._counts = self._silent >= SILENT
            self._loud, self._soft = self._loud + 1, 0
            if spoken:
                self._silent = 0
        else:
            self._silent += spoken
            self._soft += 1
            if self._loud < 2 or self._soft >= OVER:
                self._loud = 0
        self._noise_db = max(QUIETEST_DB, min(level, self._noise_db + RISE_DB))
