"""What an operator asks of one live call, carried out and answered."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from phone_daemon.events import EndReason
from phone_daemon.state.store import Command, CommandKind, State
from phone_daemon.telemetry.turn_record import CancelReport
from sidecars.log import Event

log = logging.getLogger(__name__)


class Steerable(Protocol):
    """The part of a call that an operator may use."""

    async def interrupt(self) -> CancelReport | None: ...

    def say(self, text: str) -> bool: ...

    def hang_up(self, reason: EndReason) -> None: ...


async def serve_commands(call: Steerable, state: State, call_id: str) -> None:
    """Carries out commands as they come, until the call is unregistered. A slow one keeps no other waiting."""
    async with asyncio.TaskGroup() as tasks:
        async for command in state.commands(call_id):
            tasks.create_task(_answer(call, state, command))


async def _answer(call: Steerable, state: State, command: Command) -> None:
    try:
        result = await _carry_out(call, command)
    except Exception as error:
        # An operator's mistake, or ours, is no reason to lose the call.
        log.exception(Event("command.failed", call=command.call, command=command.kind))
        result = {"error": f"{command.kind} failed: {error}"}
    state.ack(command, result)


async def _carry_out(call: Steerable, command: Command) -> dict[str, object]:
    match command.kind:
        case CommandKind.INTERRUPT:
            report = await call.interrupt()
            if report is None:
                return {"error": "the agent is not speaking"}
            return {
                "reply": report.reply,
                "vad_trigger_ns": report.vad_trigger_ns,
                "legs_ms": report.legs_ms(),
                "missed": list(report.missed),
            }
        case CommandKind.SAY:
            return {"said": command.argument} if call.say(command.argument) else {"error": "the call cannot speak now"}
        case CommandKind.HANG_UP:
            call.hang_up(EndReason.DRAINED)
            return {"hung_up": True}
    return {"error": f"{command.kind} is for the daemon, not for a call"}
