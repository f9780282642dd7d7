"""The far end's playout: plays what an agent sends, 20 ms at a time, and keeps each tick."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from phone_daemon.events import FRAME_BYTES
from phone_daemon.media import g711


@dataclass(slots=True)
class Sink:
    """A buffer like that of Twilio's media streams: `media` is queued, `clear` drops what has not been played."""

    heard: bytearray = field(default_factory=bytearray)
    """All audio played, 8 kHz PCM; silence for a tick with an empty queue."""
    dropped: int = 0
    """Bytes of PCM that were cleared."""
    _queued: bytearray = field(default_factory=bytearray)

    def receive(self, message: str) -> None:
        """Handles a message of the media stream; ignores all but `media` and `clear`."""
        told: dict[str, Any] = json.loads(message)
        match told.get("event"):
            case "media":
                self._queued += g711.decode(base64.b64decode(told["media"]["payload"]))
            case "clear":
                self.dropped += len(self._queued)
                self._queued.clear()

    def tick(self) -> bytes:
        """The 20 ms that are played now."""
        frame = bytes(self._queued[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
        del self._queued[:FRAME_BYTES]
        self.heard += frame
        return frame
