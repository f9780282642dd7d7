"""Decides when an utterance is over, for clients that leave that to the server, from its loudness and its words."""

from __future__ import annotations

import numpy as np

BLOCK_S = 0.02
QUIET = 0.15
"""The fraction of the highest level so far below which there is a pause (16 dB down)."""
STEADY_S = 2.0
"""However loud the line is, words that have not changed for this long will not change anymore."""


class Endpointer:
    """Tracks one utterance's audio and partial transcripts."""

    def __init__(self, rate: int, patience_s: float) -> None:
        """`rate` in Hz; `patience_s`: the length of a pause that ends the utterance."""
        self._block = round(rate * BLOCK_S)
        self._rest = np.empty(0, np.float32)
        self._loudest = 1.0
        self._quiet_s = 0.0
        self._steady_s = 0.0
        self._patience_s = patience_s
        self._text = ""

    def hear(self, pcm: bytes) -> None:
        """Takes any number of whole samples, 16-bit."""
        audio = np.concatenate([self._rest, np.frombuffer(pcm, "<i2").astype(np.float32)])
        blocks = audio[: len(audio) // self._block * self._block].reshape(-1, self._block)
        self._rest = audio[blocks.size :]
        for level in np.sqrt(np.square(blocks).mean(axis=1)):
            self._loudest = max(self._loudest, float(level))
            self._quiet_s = self._quiet_s + BLOCK_S if level < QUIET * self._loudest else 0.0
            self._steady_s += BLOCK_S

    def understood(self, text: str) -> None:
        """Takes the latest partial transcript."""
        if text != self._text:
            self._text, self._steady_s = text, 0.0

    @property
    def over(self) -> bool:
        """Whether something was said and is followed by a pause."""
        return bool(self._text) and (self._quiet_s >= self._patience_s or self._steady_s >= STEADY_S)
