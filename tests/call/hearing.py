"""A caller's side by itself: a test plays the caller's audio, and says what the engine understands."""

from __future__ import annotations

import asyncio
from typing import Any

from phone_daemon.call.caller_side import CallerSide, PendingTurn
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, Frame, SpeechEnded, SpeechStarted, samples
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.utterance import Utterance
from sidecars.host.channel import QueueChannel
from sidecars.local.inline import InlineHost
from tests.phone import speech
from tests.sidecars.clinic import CLINIC

SETS = {"": CLINIC, "doctor": ["my name is katherine"], "patient": ["my name is catherine"]}
"""The two sound the same: only the expected words can tell which it was."""


class Expecting:
    """A caller's side with an engine of its own, and the expected words of each utterance that it opened."""

    def __init__(self, host: InlineHost) -> None:
        self.opened: list[str] = []
        self.told: list[tuple[str, dict[str, object]]] = []
        self.host = host
        self.side = CallerSide(
            self.open,
            VadSettings(),
            TurnSettings(),
            spawn=asyncio.create_task,
            tell=lambda kind, data: self.told.append((kind, data)),
        )

    def open(self, expected: str = "") -> Utterance:
        self.opened.append(expected)
        return Utterance(self.host, {"grammar": "clinic"}, expected=expected)

    async def name(self) -> str:
        """How the current utterance spells the name."""
        utterance = self.side.restart()
        utterance.feed(speech("my name is catherine"))
        return (await utterance.finalize()).text.split()[-1].strip(".")


class Hearing:
    """Feeds a caller's side frame by frame, and attends to what it hears."""

    def __init__(self, side: CallerSide) -> None:
        self.side = side
        self.position = 0
        self.events: list[SpeechStarted | SpeechEnded] = []

    def hear(self, pcm: bytes, *, has_floor: bool = False) -> None:
        for begin in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
            frame = Frame(self.position, pcm[begin:][:FRAME_BYTES], b"", 0, 0, 0)
            self.position += FRAME_SAMPLES
            for event in self.side.hear(frame, has_floor=has_floor):
                self.events.append(event)
                if isinstance(event, SpeechStarted):
                    self.side.attend(event.onset)

    def understand(self, text: str) -> None:
        self.engine_says(type="Partial", text=text, confidence=1.0)

    def engine_says(self, **message: Any) -> None:
        channel = self.side.utterance._channel
        assert isinstance(channel, QueueChannel)
        channel.put(message, b"")

    async def final(self, text: str, confidence: float = 1.0, *others: str) -> list[PendingTurn]:
        """The utterance is finalized, and this is what the engine makes of it. Returns the turns that it ended."""
        self.engine_says(type="Final", text=text, confidence=confidence, others=others, held={})
        ended: list[PendingTurn] = []
        self.side.make_final(ended.append)
        assert self.side._finalizing is not None
        await self.side._finalizing
        return ended


def silent(seconds: float) -> bytes:
    return bytes(2 * samples(seconds))
