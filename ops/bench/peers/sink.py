"""The far end's playout: what an agent sends is heard from here, 20 ms at a time, and each tick is kept."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from phone_daemon.events import FRAME_BYTES
from phone_daemon.media import g711


@dataclass(slots=True)
class Sink:
    """A buffer as Twilio's media streams have one: `media` is queued, `clear` drops what has not been heard."""

    heard: bytearray = field(default_factory=bytearray)
    """All that was heard, 8 kHz PCM: of a tick in which nothing was queued, silence."""
    dropped: int = 0
    """Bytes of PCM that were cleared."""
    _queued: bytearray = field(default_factory=bytearray)

    def receive(self, message: str) -> None:
        """A message of the media stream; others than `media` and `clear` are passed over."""
        told: dict[str, Any] = json.loads(message)
        match told.get("event"):
            case "media":
                self._queued += g711.decode(base64.b64decode(told["media"]["payload"]))
            case "clear":
                self.dropped += len(self._queued)
                self._queued.clear()

    def tick(self) -> bytes:
        """The 20 ms that leave now."""
        frame = bytes(self._queued[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
        del self._queued[:FRAME_BYTES]
        self.heard += frame
        return frame
