"""The music that a caller hears on hold: a piece of audio in a loop."""

from __future__ import annotations

from phone_daemon.events import FRAME_BYTES


class HoldMusic:
    """True while there is music to hear."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._at = 0

    def __bool__(self) -> bool:
        return len(self._pcm) >= FRAME_BYTES

    def add(self, pcm: bytes) -> None:
        """Adds to the piece: 16-bit samples at 8 kHz."""
        self._pcm += pcm

    def stop(self) -> None:
        """Stops the music."""
        self._pcm.clear()
        self._at = 0

    def pull(self) -> bytes:
        """The next frame; after the last whole frame, the first one again."""
        if self._at + FRAME_BYTES > len(self._pcm):
            self._at = 0
        frame = bytes(self._pcm[self._at : self._at + FRAME_BYTES])
        self._at += FRAME_BYTES
        return frame
