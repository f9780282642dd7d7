"""Carries out an operator's commands to one live call, and answers them."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Protocol

from phone_daemon.events import DTMF_KEYS, EndReason
from phone_daemon.state.store import Command, CommandKind, State
from phone_daemon.telemetry.turn_record import CancelReport
from sidecars.log import Event

log = logging.getLogger(__name__)

SIP_URI = re.compile(r"sips?:[^\s<>\"]{1,200}", re.ASCII)


class Steerable(Protocol):
    """The part of a call that an operator may use."""

    async def interrupt(self) -> CancelReport | None: ...

    def say(self, text: str) -> bool: ...

    def send_digits(self, digits: str) -> None: ...

    def hold(self, held: bool) -> bool: ...

    def transfer(self, uri: str) -> bool: ...

    def hang_up(self, reason: EndReason) -> None: ...


async def serve_commands(call: Steerable, state: State, call_id: str) -> None:
    """Carries out commands as they come, until the call is unregistered. A slow command does not delay others."""
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


async def _carry_out(call: Steerable, command: Command) -> dict[str, object]:  # noqa: PLR0911
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
        case CommandKind.DTMF:
            if not command.argument or not set(command.argument) <= DTMF_KEYS:
                return {"error": "keys are 0 to 9, *, # and A to D"}
            call.send_digits(command.argument)
            return {"sent": command.argument}
        case CommandKind.HOLD:
            held = command.argument == "on"
            return {"held": held} if call.hold(held) else {"error": "the call cannot speak now"}
        case CommandKind.TRANSFER:
            if not SIP_URI.fullmatch(command.argument):
                return {"error": "a call is transferred to a SIP URI, such as sip:reception@192.0.2.7"}
            if not call.transfer(command.argument):
                return {"error": "the call cannot speak now"}
            return {"transferring": command.argument}
        case CommandKind.HANG_UP:
            call.hang_up(EndReason.DRAINED)
            return {"hung_up": True}
    return {"error": f"{command.kind} is for the daemon, not for a call"}
