"""Extracts 16-bit PCM from a stream that may begin with a WAV header, however its bytes arrive.

RIFF: "Multimedia Programming Interface and Data Specifications 1.0" (1991). A server that streams does not know the
length yet and writes 0 or 0xFFFFFFFF; then everything up to the end is audio.
"""

from __future__ import annotations

import struct

MAX_HEADER = 1 << 16
"""The most bytes before the audio; more cannot be a header."""
ENDLESS = 0x7FFFFFFF
PCM, EXTENSIBLE = 1, 0xFFFE


class NotWav(ValueError):
    """The stream begins like a WAV file, but is not one of 16-bit mono PCM."""


class WavStream:
    """A stream of audio. `rate`: in Hz, as given to the constructor until a header states another."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._head: bytearray | None = bytearray()
        """The bytes received while it is not known yet where the audio begins."""
        self._left = -1
        """Bytes of audio still to come; negative: unknown."""
        self._half = b""

    def feed(self, data: bytes) -> bytes:
        """Takes bytes and returns whole samples; raises `NotWav`."""
        if self._head is not None:
            self._head += data
            start = self._start(self._head)
            if start is None:
                return b""
            data, self._head = bytes(self._head[start:]), None
        if self._left >= 0:
            data = data[: self._left]
            self._left -= len(data)
        data = self._half + data
        whole = len(data) & ~1
        self._half = data[whole:]
        return data[:whole]

    def _start(self, head: bytearray) -> int | None:
        """Where the audio begins; None if that is not known yet."""
        if not b"RIFF".startswith(head[:4]):
            return 0
        if len(head) < 12:
            return None
        if head[8:12] != b"WAVE":
            raise NotWav("RIFF, but not WAVE")
        at, known = 12, False
        while at + 8 <= len(head):
            name, size = struct.unpack_from("<4sI", head, at)
            at += 8
            if name == b"data":
                if not known:
                    raise NotWav("a WAV file without a format")
                self._left = size if 0 < size < ENDLESS else -1
                return at
            if name == b"fmt " and len(head) >= at + 16:
                kind, channels, self.rate, _, _, bits = struct.unpack_from("<HHIIHH", head, at)
                if kind not in (PCM, EXTENSIBLE) or channels != 1 or bits != 16 or not self.rate:
                    raise NotWav(
                        f"a WAV file of {channels} channels of {bits} bits (format {kind}); expected 16-bit mono PCM"
                    )
                known = True
            at += size + size % 2
        if len(head) > MAX_HEADER or at > MAX_HEADER:
            raise NotWav("a WAV file without audio data")
        return None
