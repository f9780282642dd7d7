"""Engines that process whole utterances: the audio of each session is kept, and recognized at its end.

The daemon's voice activity detection cuts the utterances, so a segment is the speech between two pauses. A partial
requires recognizing everything so far again, at the full cost each time; by default there are none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecars.engine import EngineFull, Hypothesis

RATE = 16000
LONGEST_S = 30.0
"""The longest audio that such models were trained on; the beginning of a longer segment is dropped."""
LEAST_S = 0.1
"""Shorter audio cannot be a word."""


class SegmentEngine(ABC):
    """An `SttEngine` made from a function from audio to text."""

    sample_rate = RATE

    def __init__(self, max_sessions: int = 64, partials_s: float = 0.0) -> None:
        """`partials_s`: a partial follows after every so many seconds of audio; 0: there are no partials."""
        self.max_sessions = max_sessions
        self._partial_bytes = 2 * round(partials_s * RATE)
        self._heard: dict[int, bytearray] = {}
        self._options: dict[int, Mapping[str, Any]] = {}
        self._due: dict[int, int] = {}
        """The number of received bytes at which the next partial is due."""
        self._told: dict[int, str] = {}

    @abstractmethod
    def understand(self, audio: NDArray[np.float32], options: Mapping[str, Any]) -> Hypothesis:
        """Recognizes `audio` (samples at 16 kHz, full scale 1.0, at most `LONGEST_S`). May raise anything. `options`:
        the session's; options that this engine does not know are not an error.
        """

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        if len(self._heard) >= self.max_sessions:
            raise EngineFull(f"{self.max_sessions} utterances are open already")
        self._heard[session] = bytearray()
        self._options[session] = options
        self._due[session] = self._partial_bytes
        self._told[session] = ""

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        changed = {}
        for session, pcm in audio.items():
            heard = self._heard[session]
            heard += pcm
            self._due[session] -= len(pcm)
            del heard[: -2 * round(LONGEST_S * RATE)]
            if self._partial_bytes and self._due[session] <= 0:
                self._due[session] = self._partial_bytes
                guess = self._understood(heard, self._options[session])
                if guess.text != self._told[session]:
                    self._told[session] = guess.text
                    changed[session] = guess
        return changed

    def finalize(self, session: int) -> Hypothesis:
        heard, options = self._heard[session], self._options[session]
        self.cancel(session)
        return self._understood(heard, options)

    def cancel(self, session: int) -> None:
        for store in (self._heard, self._options, self._due, self._told):
            store.pop(session, None)

    def held(self) -> Mapping[str, int]:
        """The number of open `sessions`."""
        return {"sessions": len(self._heard)}

    def _understood(self, heard: bytearray, options: Mapping[str, Any]) -> Hypothesis:
        if len(heard) < 2 * LEAST_S * RATE:
            return Hypothesis("", 0.0)
        return self.understand(np.frombuffer(bytes(heard), "<i2").astype(np.float32) / np.float32(32768), options)
