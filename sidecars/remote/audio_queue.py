"""Audio that waits to be sent to a server, and the limits on it if the server is slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

WAITING_S = 20.0
"""The longest utterance with its pre-roll. Beyond it, the oldest audio is dropped."""
PIECE_S = 0.1
"""The most audio in one message."""


class AudioQueue:
    """Pieces of 16-bit mono PCM, first in, first out."""

    def __init__(self, rate: int, dropping: Callable[[], None]) -> None:
        """`dropping` is called once, when the first piece is dropped."""
        self._rate = rate
        self._dropping = dropping
        self._pieces: deque[bytes] = deque()
        self._bytes = 0
        self.dropped_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def waiting_s(self) -> float:
        return self._bytes / (2 * self._rate)

    def put(self, pcm: bytes) -> None:
        piece = 2 * round(PIECE_S * self._rate)
        self._pieces.extend(pcm[start : start + piece] for start in range(0, len(pcm), piece))
        self._bytes += len(pcm)
        while self.waiting_s > WAITING_S:
            if not self.dropped_s:
                self._dropping()
            self.dropped_s += len(self.take()) / (2 * self._rate)

    def take(self) -> bytes:
        """Removes and returns the oldest piece. Raises `IndexError` if there is none."""
        piece = self._pieces.popleft()
        self._bytes -= len(piece)
        return piece

    def clear(self) -> None:
        self._pieces.clear()
        self._bytes = 0
