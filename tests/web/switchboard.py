"""The daemon's end of the web process: a live call that obeys commands, in place of a real one."""

from __future__ import annotations

import json

from phone_daemon.events import Note
from phone_daemon.state.store import Command, CommandKind, State


def answer_to(command: Command) -> dict[str, object]:
    """What a call answers to a command that it can carry out."""
    match command.kind:
        case CommandKind.SAY:
            return {"said": command.argument}
        case CommandKind.DTMF:
            return {"sent": command.argument}
        case CommandKind.HOLD:
            return {"held": command.argument == "on"}
        case CommandKind.TRANSFER:
            return {"transferring": command.argument}
        case CommandKind.INTERRUPT:
            return {"reply": 3, "legs_ms": {"rtp_silent": 20.0, "total": 21.5}, "missed": []}
    return {"hung_up": True}


class Switchboard:
    """The daemon's end: a live call that obeys commands and records them."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.asked: list[tuple[str, str]] = []

    async def obey(self, call: str) -> None:
        async for command in self.state.commands(call):
            self.asked.append((str(command.kind), command.argument))
            busy = command.argument == "busy"
            self.state.ack(command, {"error": "the call cannot speak now"} if busy else answer_to(command))

    async def dial(self) -> None:
        async for command in self.state.commands():
            asked = json.loads(command.argument)
            self.asked.append((str(command.kind), asked["number"]))
            known = asked["dialplan"] == "reminder"
            result = (
                {"result": "answered", "call": "new-1"} if known else {"error": "there is no dialplan of that name"}
            )
            self.state.ack(command, result)

    def note(self, call: str, kind: str, **data: object) -> None:
        self.state.note(Note(call, kind, 1, data))
