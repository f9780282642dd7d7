"""The operator's end of the command channel: which calls are live, and commands to one of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import blame, connect, where
from phone_daemon.state.store import CALLS, DAEMONS, Command, CommandKind, call_key, daemon_key, inbox_key, reply_key

ANSWER_S = 2.5
"""A daemon that takes longer to answer a command has not received it."""


class CommandFailed(Exception):
    """The command was not carried out. The message is one line that says why."""


class Commands:
    """Commands to the daemons that write to one Redis; `async with Commands(settings) as commands`."""

    def __init__(self, settings: StateSettings) -> None:
        self._settings = settings
        self._redis = connect(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def calls(self) -> dict[str, dict[str, str]]:
        """Live calls by id, with the data shown for each. Raises `CommandFailed` if Redis cannot be asked."""
        try:
            ids = await self._ask("SMEMBERS", CALLS)
            async with self._redis.pipeline(transaction=False) as pipe:
                for id in sorted(ids):
                    pipe.hgetall(call_key(id))
                shown = dict(zip(sorted(ids), await pipe.execute(), strict=True))
        except Exception as error:
            raise CommandFailed(f"{where(self._settings)}: {blame(error)}") from None
        return {id: fields for id, fields in shown.items() if fields}

    async def daemons(self) -> dict[str, dict[str, str]]:
        """Live daemons by id, with the data shown for each. Raises `CommandFailed` if Redis cannot be asked."""
        try:
            shown = {id: await self._hash(daemon_key(id)) for id in sorted(await self._ask("SMEMBERS", DAEMONS))}
        except Exception as error:
            raise CommandFailed(f"{where(self._settings)}: {blame(error)}") from None
        return {id: fields for id, fields in shown.items() if fields}

    async def call_of(self, caller: str, timeout: float = 5.0) -> str:
        """Id of the live call from a calling number, once there is one. Raises `TimeoutError`, `CommandFailed`."""
        async with asyncio.timeout(timeout):
            while True:
                for call, shown in (await self.calls()).items():
                    if shown.get("caller") == caller:
                        return call
                await asyncio.sleep(0.02)

    async def order(self, call: str, kind: CommandKind, argument: str = "") -> dict[str, Any]:
        """Sends a command to a live call and returns the daemon's answer. Raises `CommandFailed`."""
        try:
            daemon = (await self._hash(call_key(call))).get("daemon", "")
        except Exception as error:
            raise CommandFailed(f"{where(self._settings)}: {blame(error)}") from None
        if not daemon:
            raise CommandFailed(f"call {call} is not live")
        return await self.deliver(daemon, Command(kind, argument, call))

    async def deliver(self, daemon: str, command: Command, patience_s: float = 0.0) -> dict[str, Any]:
        """Sends a command to a daemon and returns its answer, within `patience_s` (0: the time allowed for a command
        that only reads). Raises `CommandFailed`."""
        patience_s = patience_s or ANSWER_S
        whom = f"call {command.call}" if command.call else f"daemon {daemon}"
        try:
            if not await self._hash(daemon_key(daemon)):
                raise CommandFailed(f"{whom} is not live")
            await self._ask("RPUSH", inbox_key(daemon), command.encode())
            # Nobody wants a command carried out that was given up long ago.
            await self._ask("EXPIRE", inbox_key(daemon), round(ANSWER_S))
            async with asyncio.timeout(patience_s):
                # In short waits, because a connection that is silent for longer counts as broken.
                while (answer := await self._ask("BLPOP", reply_key(command.id), min(patience_s, ANSWER_S))) is None:
                    pass
        except TimeoutError:
            answer = None
        except CommandFailed:
            raise
        except Exception as error:
            raise CommandFailed(f"{where(self._settings)}: {blame(error)}") from None
        if answer is None:
            raise CommandFailed(f"{whom} did not answer within {patience_s:g} s")
        result: dict[str, Any] = json.loads(answer[1])
        if "error" in result:
            raise CommandFailed(str(result["error"]))
        return result

    async def _hash(self, key: str) -> dict[str, str]:
        return dict(await self._ask("HGETALL", key))

    async def _ask(self, *words: str | float) -> Any:
        return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
