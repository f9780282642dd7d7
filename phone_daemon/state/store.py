"""What others may see of the live calls and ask of them: leases, events, and commands in Redis.

A call never waits for Redis. Its reports are kept in memory, and every method returns at once; one background task
writes them, and only that task notices that Redis is slow, dead, or back. A dead Redis costs only what it would have
stored: when it is back, every live call is written again.

Keys, all under `phone:`

- `calls`, `daemons`: sets of ids; `call:ID`, `daemon:ID`: one hash each, with a lease: it expires unless its daemon
  renews it, so the calls of a crashed daemon disappear by themselves. A member whose hash is gone is stale.
- `events`: one stream of every call's notes, capped in length. Fields `call`, `kind`, `at_ns`, `daemon`, `data` (JSON).
- `inbox:ID`: list of commands for a daemon (JSON); `reply:ID`: the one answer to a command.

An event whose fate is unknown (because the connection broke while it was sent) is not sent again: each is reported at
most once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from redis.asyncio import Redis

from phone_daemon.events import Note
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import ANSWER_S, POLL_S, blame, connect, where
from phone_daemon.state.server import RedisServer
from sidecars.log import Event

log = logging.getLogger(__name__)

CALLS = "phone:calls"
DAEMONS = "phone:daemons"
EVENTS = "phone:events"
MAX_PENDING = 4096
"""Most events that wait for Redis; beyond it the oldest are dropped."""
BATCH = 256
MAX_COMMANDS = 16
REPLY_KEPT_S = 60
TEXTS = frozenset({"text", "stable", "contradicts", "heard", "slots", "digit", "argument"})
"""Keys of notes that contain what people said or pressed."""


def call_key(call: str) -> str:
    return f"phone:call:{call}"


def daemon_key(daemon: str) -> str:
    return f"phone:daemon:{daemon}"


def inbox_key(daemon: str) -> str:
    return f"phone:inbox:{daemon}"


def reply_key(command: str) -> str:
    return f"phone:reply:{command}"


class CommandKind(StrEnum):
    """What an operator may ask: `drain`, `trunks`, and `dial` are for a daemon, the others for a call."""

    INTERRUPT = "interrupt"
    HANG_UP = "hang_up"
    SAY = "say"
    DTMF = "dtmf"
    """Keys to play to the caller's side (`argument`)."""
    HOLD = "hold"
    """`argument`: on or off."""
    TRANSFER = "transfer"
    """To the SIP URI in `argument`."""
    DRAIN = "drain"
    TRUNKS = "trunks"
    DIAL = "dial"


@dataclass(frozen=True, slots=True)
class Command:
    """A command from an operator to one call, or to the daemon if `call` is empty."""

    kind: CommandKind
    argument: str = ""
    call: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def encode(self) -> str:
        return json.dumps({"kind": self.kind, "argument": self.argument, "call": self.call, "id": self.id})

    @classmethod
    def decode(cls, text: str) -> Command:
        """Raises `ValueError` if `text` is not a command."""
        match json.loads(text):
            case {"kind": str(kind), "argument": str(argument), "call": str(call), "id": str(id)}:
                return cls(CommandKind(kind), argument, call, id)
        raise ValueError("not a command")


class State:
    """Live calls, events, and commands of one daemon. Every method returns at once and raises nothing into a call."""

    def __init__(self, settings: StateSettings) -> None:
        self._settings = settings
        self.daemon = f"{os.getpid()}-{secrets.token_hex(3)}"
        """This daemon's id in Redis."""
        self.shown: dict[str, str] = {}
        """What else is shown about this daemon, such as `cards`, the addresses of its line cards."""
        self.ready = settings.url == "off"
        self.problem = "" if self.ready else "not connected yet"
        """Why it is not ready, in one line without secrets."""
        self.dropped = 0
        """Number of events that were dropped because Redis was away for too long."""
        self.server = None if settings.url else RedisServer(settings.directory)
        self._keep_texts = settings.texts if settings.texts is not None else self.server is not None
        self._calls: dict[str, dict[str, str]] = {}
        self._changed: set[str] = set()
        self._inboxes: dict[str, asyncio.Queue[Command | None]] = {"": asyncio.Queue(MAX_COMMANDS)}
        self._pending: deque[tuple[str | int, ...]] = deque()
        self._wake = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, settings: StateSettings) -> State:
        """The state that `settings` specify; use it as `async with`. An empty url means an embedded server, and `off`
        means none."""
        return cls(settings)

    @classmethod
    def off(cls) -> State:
        """A state that stores nothing and touches nothing outside the process."""
        return cls(StateSettings(url="off"))

    async def __aenter__(self) -> Self:
        """Starts, and waits until Redis has answered or failed for the first time."""
        if self._settings.url != "off":
            self._task = asyncio.create_task(self._run(), name="state")
            try:
                await self._tried.wait()
            except asyncio.CancelledError:
                await self.__aexit__(None, None, None)
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Says goodbye if Redis is there, and stops the embedded server if it is ours."""
        for call in list(self._calls):
            self._forget(call)
        self._end_inbox("")
        if self._task is not None:
            await _end(self._task)
            if self.ready:
                await self._farewell()
        if self.server is not None:
            await self.server.stop()

    # ------------------------------------------------------------------------------------------ what a call tells

    def register(self, call_id: str, data: Mapping[str, object]) -> None:
        """Makes a call visible, showing `data` (caller, called, dialplan, …)."""
        self._calls[call_id] = {"call": call_id, "daemon": self.daemon, "state": "", "turn": "0", **_flat(data)}
        self._inboxes[call_id] = asyncio.Queue(MAX_COMMANDS)
        self._touch(call_id)

    def note(self, note: Note) -> None:
        """Adds a note to the event stream, and keeps what the list of calls shows of it."""
        if self._settings.url == "off":
            return
        shown = self._calls.get(note.call)
        if shown is not None:
            match note.kind:
                case "started" | "state" | "hold" | "take_over":
                    shown.update(_flat(note.data))
                case "turn":
                    shown["turn"] = str(note.data.get("number", ""))
                case "ended":
                    shown["state"] = "ENDED"
            self._touch(note.call)
        data = note.data if self._keep_texts else {k: v for k, v in note.data.items() if k not in TEXTS}
        self._put(
            *("XADD", EVENTS, "MAXLEN", "~", self._settings.max_events, "*"),
            *("call", note.call, "kind", note.kind, "at_ns", note.at_ns, "daemon", self.daemon),
            *("data", json.dumps(data, default=str)),
        )

    def unregister(self, call_id: str, reason: str) -> None:
        """Forgets a call, and ends its `commands`. Harmless if the call is unknown."""
        if call_id in self._calls:
            log.debug(Event("state.forgotten", call=call_id, reason=reason))
        self._forget(call_id)

    # -------------------------------------------------------------------------------------- what an operator asks

    async def commands(self, call_id: str = "") -> AsyncIterator[Command]:
        """Commands for a registered call, until it is unregistered; without an id, commands for the daemon itself.

        There is one reader for each. Answer every command once with `ack`. Ends at once for a call that is not
        registered.
        """
        inbox = self._inboxes.get(call_id)
        while inbox is not None and (command := await inbox.get()) is not None:
            yield command

    def ack(self, command: Command, result: Mapping[str, object]) -> None:
        """Answers a command; with `{"error": …}` if it could not be done."""
        key = reply_key(command.id)
        self._put("RPUSH", key, json.dumps(result, default=str))
        self._put("EXPIRE", key, REPLY_KEPT_S)

    # ------------------------------------------------------------------------------------------------- background

    def _touch(self, call: str) -> None:
        self._changed.add(call)
        self._wake.set()

    def _put(self, *command: str | int) -> None:
        if self._settings.url == "off":
            return
        if len(self._pending) >= MAX_PENDING:
            self._pending.popleft()
            self.dropped += 1
        self._pending.append(command)
        self._wake.set()

    def _forget(self, call: str) -> None:
        if self._calls.pop(call, None) is not None:
            self._put("DEL", call_key(call))
            self._put("SREM", CALLS, call)
        self._changed.discard(call)
        self._end_inbox(call)

    def _end_inbox(self, call: str) -> None:
        inbox = self._inboxes.pop(call, None)
        if inbox is not None:
            while inbox.full():
                inbox.get_nowait()
            inbox.put_nowait(None)

    async def _run(self) -> None:
        """Connects, and serves until Redis fails, again and again; ends only when it is cancelled."""
        pause = 0.1
        while True:
            client: Redis | None = None
            try:
                if self.server is not None:
                    await self.server.ensure()
                client = connect(self._settings)
                async with asyncio.timeout(ANSWER_S):
                    await client.ping()
                pause = 0.1
                self._say("")
                await self._serve(client)
            except Exception as error:
                # Whatever went wrong is a problem of the state, and never of a call.
                self._say(f"{where(self._settings)}: {blame(error)}")
            finally:
                self._tried.set()
                if client is not None:
                    with contextlib.suppress(Exception):
                        await client.aclose()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)

    def _say(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning(Event("state.lost", reason=problem, remedy="start it, or correct [state] url; calls go on"))
        elif not problem and not self.ready:
            log.info(Event("state.connected", server=where(self._settings)))
        self.ready, self.problem = not problem, problem
        self._tried.set()

    async def _serve(self, client: Redis) -> None:
        """Writes and reads until one of them fails; raises the error of that one."""
        tasks = [asyncio.create_task(part) for part in (self._write(client), self._listen(client))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _end(*tasks)

    async def _write(self, client: Redis) -> None:
        loop = asyncio.get_running_loop()
        renew_at = loop.time()
        while True:
            if loop.time() >= renew_at:
                renew_at = loop.time() + self._settings.lease_s / 3
                self._changed.update(self._calls)
                await self._send(client, self._lease("daemon", self.daemon, self._self_description()))
            await self._flush(client)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(renew_at):
                    await self._wake.wait()

    async def _flush(self, client: Redis) -> None:
        """Sends everything that is waiting."""
        self._wake.clear()
        while self._changed or self._pending:
            batch: list[tuple[str | int, ...]] = []
            while self._changed and len(batch) < BATCH:
                call = self._changed.pop()
                batch += self._lease("call", call, self._calls.get(call, {}))
            while self._pending and len(batch) < BATCH:
                batch.append(self._pending.popleft())
            await self._send(client, batch)

    async def _send(self, client: Redis, batch: list[tuple[str | int, ...]]) -> None:
        if not batch:
            return
        async with asyncio.timeout(ANSWER_S), client.pipeline(transaction=False) as pipe:
            for command in batch:
                pipe.execute_command(*command)
            for answer in await pipe.execute(raise_on_error=False):
                if isinstance(answer, Exception):
                    raise answer

    def _lease(self, kind: str, id: str, shown: Mapping[str, str]) -> list[tuple[str | int, ...]]:
        if not shown:
            return []
        key = f"phone:{kind}:{id}"
        return [
            ("HSET", key, *(part for pair in shown.items() for part in pair)),
            ("PEXPIRE", key, round(self._settings.lease_s * 1000)),
            ("SADD", f"phone:{kind}s", id),
        ]

    def _self_description(self) -> dict[str, str]:
        return {
            "daemon": self.daemon,
            "pid": str(os.getpid()),
            "host": socket.gethostname(),
            "calls": str(len(self._calls)),
            **self.shown,
        }

    async def _listen(self, client: Redis) -> None:
        """Passes commands to their calls, and answers those that nobody can take."""
        while True:
            async with asyncio.timeout(POLL_S + ANSWER_S):
                popped: Any = await client.execute_command("BLPOP", inbox_key(self.daemon), POLL_S)  # type: ignore[no-untyped-call]
            if popped is None:
                continue
            try:
                command = Command.decode(popped[1])
            except ValueError:
                log.warning(Event("command.malformed", remedy="it is ignored"))
                continue
            inbox = self._inboxes.get(command.call)
            if inbox is None:
                self.ack(command, {"error": "no such call"})
            elif inbox.full():
                self.ack(command, {"error": "too many commands wait for it"})
            else:
                inbox.put_nowait(command)

    async def _farewell(self) -> None:
        """Sends, within a time limit, what is waiting, and that this daemon is gone."""
        self._put("DEL", daemon_key(self.daemon), inbox_key(self.daemon))
        self._put("SREM", DAEMONS, self.daemon)
        client = connect(self._settings)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ANSWER_S):
                await self._flush(client)
        with contextlib.suppress(Exception):
            await client.aclose()


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancels until it takes effect, because redis-py loses a cancellation that arrives together with an answer."""
    while alive := [task for task in tasks if not task.done()]:
        for task in alive:
            task.cancel()
        await asyncio.wait(alive, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)


def _flat(data: Mapping[str, object]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in data.items()}
