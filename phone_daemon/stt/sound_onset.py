"""Detects any kind of sound on the caller's line within 40 ms of its onset. A voice activity detector needs 80 to 300
ms to notice a voice.

A line that returns the agent's voice is full of sounds while the agent speaks. So sounds count only once the line has
been silent for some time while the agent spoke.

The line's noise is tracked as a minimum of its level. A sound is new for as long as the voice activity detector may
take to recognize it as a voice; so a fan that starts is a sound for a moment, and noise after that.
"""

from __future__ import annotations

from collections import deque

from phone_daemon.stt.near_talker import level_db

ABOVE_DB = 8.0
"""A sound begins with two consecutive frames that are louder than the line's noise by this much; a single one may be a
click."""
QUIETEST_DB = -63.0
"""The least level of the line's noise, because some lines send nothing between words."""
RISE_DB = 0.05
"""The line's noise is assumed to rise by no more than this per frame (2.5 dB/s)."""
SILENT = 40
"""After this many frames (0.8 s) of the agent's voice without a sound, the line has no echo, which would come within
0.6 s."""
AUDIBLE_DB = -45.0
"""Frames of the agent's voice below this level do not count, because their echo may be softer than the line's noise."""
NEW = 8
"""A sound is new for this many frames (160 ms)."""
OVER = 3
"""A sound ends after this many frames without it: between syllables, a voice is as soft as the line's noise."""


STEADY_DB, LOUDEST_NOISE_DB = 6.0, -45.0
"""A sound no louder than `LOUDEST_NOISE_DB` whose last `NEW` frames differ by no more than `STEADY_DB` is noise. Many
lines send noise only around a voice, and a voice that begins within such noise is a sound. No echo is as steady."""


class SoundOnset:
    """Follows one line, 20 ms at a time."""

    def __init__(self) -> None:
        self._noise_db = 0.0
        self._loud = self._soft = 0
        self._silent = 0
        """Frames of the agent's voice since the last sound over it."""
        self._counts = False
        self._levels = deque([0.0], NEW)

    @property
    def new(self) -> bool:
        """Whether a sound has just begun."""
        return self._counts and 2 <= self._loud <= NEW and not self._soft

    def hear(self, level: float, agent: bytes) -> None:
        """Takes the level of the next 20 ms (`level_db`). `agent`: the audio that was played meanwhile; empty if
        none."""
        spoken = bool(agent) and level_db(agent) >= AUDIBLE_DB
        self._levels.append(level)
        if max(self._levels) <= min(LOUDEST_NOISE_DB, min(self._levels) + STEADY_DB):
            self._noise_db = max(self._noise_db, min(self._levels))
            if self._loud and self._counts:
                self._silent = max(self._silent, SILENT)
            self._loud = 0
        if level >= self._noise_db + ABOVE_DB:
            if not self._loud:
                self._counts = self._silent >= SILENT
            self._loud, self._soft = self._loud + 1, 0
            if spoken and (self._loud > 1 or level > LOUDEST_NOISE_DB):
                self._silent = 0
        else:
            self._silent += spoken
            self._soft += 1
            if self._loud < 2 or self._soft >= OVER:
                self._loud = 0
        self._noise_db = max(QUIETEST_DB, min(level, self._noise_db + RISE_DB))
