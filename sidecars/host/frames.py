"""The frames in which messages travel over a byte stream:

    u32 length of the rest · u32 channel · u32 length of the JSON · JSON in UTF-8 · audio

All integers are big-endian. Channel 0 belongs to the host itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from sidecars.host.host import Letter, Message

HEADER = struct.Struct("!III")
MAX_FRAME = 16 << 20
"""The most bytes in a frame; a longer one means that the stream is broken."""


def encode(channel: int, message: Message, payload: bytes = b"") -> bytes:
    """Encodes one frame. Raises `ValueError` if it would be longer than `MAX_FRAME`."""
    text = json.dumps(message, separators=(",", ":")).encode()
    length = 8 + len(text) + len(payload)
    if length > MAX_FRAME:
        raise ValueError(f"a frame of {length} bytes; {MAX_FRAME} is the most")
    return HEADER.pack(length, channel, len(text)) + text + payload


class Decoder:
    """Splits a stream into frames, however its bytes arrive."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Letter]:
        """Takes bytes, and returns the frames that are now complete. Raises `ValueError` for a broken stream."""
        self._bytes += data
        while len(self._bytes) >= HEADER.size:
            length, channel, text_length = HEADER.unpack_from(self._bytes)
            if length > MAX_FRAME or 8 + text_length > length:
                raise ValueError(f"broken frame: {length} bytes with {text_length} of JSON")
            end = 4 + length
            if len(self._bytes) < end:
                return
            text_end = HEADER.size + text_length
            message = json.loads(self._bytes[HEADER.size : text_end])
            if not isinstance(message, dict):
                raise ValueError(f"broken frame: {message!r:.80} is not a message")
            payload = bytes(self._bytes[text_end:end])
            del self._bytes[:end]
            yield channel, message, payload
