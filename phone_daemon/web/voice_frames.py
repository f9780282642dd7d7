"""The frames of `/ws/voice`: byte 0 is the type, byte 1 holds flags, and raw PCM or UTF-8 follows. Pure. See
docs/web.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Type(IntEnum):
    AUDIO_START = 0x01
    """From a client: a call begins (JSON: called, caller, rate). To a client: a reply's audio begins (JSON: reply)."""
    AUDIO_CHUNK = 0x02
    """From a client: PCM audio of the caller."""
    AUDIO_END = 0x03
    """From a client: the microphone is off. To a client: a reply's audio ends (JSON: reply, played_ms, drop)."""
    TRANSCRIPTION = 0x04
    """What the caller said: a partial, or with is_final the final transcript."""
    LLM_CHUNK = 0x05
    """What the agent says; needs_followup: it only bridges the wait for the reply."""
    TTS_AUDIO = 0x06
    """20 ms of the reply that most recently began."""
    ERROR = 0x07
    """An error in one line; the call continues unless the connection is closed after it."""
    READY = 0x08
    """The call is answered (JSON: call, rate, frame_ms)."""
    DONE = 0x09
    """The call is over (JSON: reason, detail); from a client: the caller hangs up."""
    DIGITS = 0x0A
    """Telephone keys, from either side (ASCII)."""
    NOTE = 0x0B
    """Something happened in the call (JSON: kind, at_ns, data), for a client that asked for `notes`."""


class Flag(IntFlag):
    NONE = 0
    IS_FINAL = 1
    NEEDS_FOLLOWUP = 2


class BadFrame(ValueError):
    """An invalid frame; the message says in one line what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class VoiceFrame:
    type: Type
    flags: Flag = Flag.NONE
    payload: bytes = b""

    @property
    def text(self) -> str:
        """The payload as UTF-8. Raises `BadFrame`."""
        try:
            return self.payload.decode()
        except UnicodeDecodeError:
            raise BadFrame(f"{self.type.name.lower()}: the payload is not UTF-8") from None

    @property
    def fields(self) -> dict[str, object]:
        """The payload as a JSON object, which is empty if the payload is. Raises `BadFrame`."""
        if not self.payload:
            return {}
        text = self.text
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise BadFrame(f"{self.type.name.lower()}: the payload is not JSON") from None
        if not isinstance(found, dict):
            raise BadFrame(f'{self.type.name.lower()}: the payload is not a JSON object, such as {{"rate": 16000}}')
        return found

    def pack(self) -> bytes:
        return bytes((self.type, self.flags)) + self.payload


def json_frame(type: Type, fields: Mapping[str, object], flags: Flag = Flag.NONE) -> VoiceFrame:
    return VoiceFrame(type, flags, json.dumps(fields, ensure_ascii=False).encode())


def unpack(message: bytes) -> VoiceFrame:
    """Splits a message into its parts. Raises `BadFrame`."""
    if len(message) < 2:
        raise BadFrame(f"a frame of {len(message)} bytes: it has a type, flags, and then a payload")
    try:
        return VoiceFrame(Type(message[0]), Flag(message[1] & 3), message[2:])
    except ValueError:
        raise BadFrame(f"0x{message[0]:02x} is not a frame type; they are 0x01 to 0x0b") from None
