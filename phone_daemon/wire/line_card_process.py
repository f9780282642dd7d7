"""One line card process and its calls, seen from asyncio.

Each value from the card goes straight to its line's queue, without a task or a copy per frame. A card that dies takes
its calls with it: each gets `LineClosed(LINE_CARD_DIED)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import secrets
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from phone_daemon.events import EndReason, LineClosed, LineEvent, Note
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire import packets, protocol
from phone_daemon.wire.card_failed import CardFailed, PortInUse
from phone_daemon.wire.card_link import CardLink
from phone_daemon.wire.identity import identify, may_transfer
from phone_daemon.wire.line_card.message import parse
from phone_daemon.wire.sip_line import CallRefused, IncomingCall, SipLine
from phone_daemon.wire.uri import user_part
from sidecars.local.child_log import ChildLog

logger = logging.getLogger(__name__)

START_S = 10.0
STOP_S = 5.0
FROZEN_S = 10.0
"""A card that does not respond for this long is killed, because its calls wait for frames that never come."""
EXIT_PORT = 98
"""Exit code of a card whose SIP port is taken (`line_card.__main__.EXIT_PORT`; that module needs pjsua2)."""
MAX_NOTE = packets.MAX_PACKET - 1024
MAX_NOTES_WAITING = 2000
"""A web process that is this far behind misses notes, because the audio of its calls is more important."""
OURS = 1 << 31
"""Calls that we place are numbered from here, incoming calls from 1."""


def new_call_id() -> str:
    """A call id that sorts by time and is safe as a folder name: `20260131T142501.123456Z-1f9c`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}"


class TrunkReports(Protocol):
    """Receives what a card reports about trunks."""

    @property
    def trusted(self) -> frozenset[str]: ...

    def take(self, message: protocol.Registered | protocol.OptionsAnswered) -> None: ...


class LineCard:
    """One line card process. Whoever starts it with `start` must end it with `close`."""

    def __init__(  # noqa: PLR0917
        self,
        process: asyncio.subprocess.Process,
        sock: socket.socket,
        settings: SipSettings,
        incoming: asyncio.Queue[IncomingCall] | None,
        new_id: Callable[[], str],
        name: str = "line card",
    ) -> None:
        loop = asyncio.get_running_loop()
        self.incoming: asyncio.Queue[IncomingCall] = asyncio.Queue() if incoming is None else incoming
        """Calls that wait for an answer, in order of arrival."""
        self.died: asyncio.Future[int] = loop.create_future()
        """Resolves with the exit code if the process ends by itself; cancelled by `close`."""
        self.trunks: TrunkReports | None = None
        """Receives what the card reports about trunks."""
        self.may_join = False
        """Whether its calls may be from colleagues who take over a live call: their tokens have been checked."""
        self.port = 0
        self.max_calls = 0
        self._loop = loop
        self._process = process
        self._settings = settings
        self._new_id = new_id
        self._name = name
        self._lines: dict[int, SipLine] = {}
        self._placed = OURS
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._farewells: dict[str, protocol.Farewell] = {}
        self._hello: asyncio.Future[protocol.Hello] = loop.create_future()
        self._stats: deque[asyncio.Future[protocol.Stats]] = deque()
        self._watchdog: asyncio.Task[None] | None = None
        self._closing = self._draining = False
        self._link = CardLink(sock, self._take, self._ended)
        assert process.stderr is not None
        self._log = ChildLog(f"{name} {process.pid}", logger)
        self._log_reader = loop.create_task(self._log.read(process.stderr))

    @classmethod
    async def start(
        cls,
        settings: SipSettings,
        *,
        port: int | None = None,
        rtp_ports: range = range(0),
        incoming: asyncio.Queue[IncomingCall] | None = None,
        new_id: Callable[[], str] = new_call_id,
        extra: tuple[str, ...] = (),
    ) -> LineCard:
        """Starts the process and waits until it takes calls.

        `port` overrides the settings; `rtp_ports` are this card's (none: any free ports); `extra`: further options of
        `line_card`. Raises `PortInUse` and `CardFailed`.
        """
        wanted = settings.port if port is None else port
        options = {
            "bind": settings.bind,
            "port": wanted,
            "transports": ",".join(settings.transports),
            "public-address": settings.public_address,
            "codecs": ",".join(settings.codecs),
            "rtp-port": rtp_ports.start if rtp_ports else 0,
            "rtp-range": len(rtp_ports),
            "rtp-timeout": settings.rtp_timeout_s,
            "ack-timeout": settings.ack_timeout_s,
            "transfer-timeout": settings.transfer_timeout_s,
        }
        return await cls.launch(
            "phone_daemon.wire.line_card",
            (*(f"--{name}={value}" for name, value in options.items()), *extra),
            settings,
            f"SIP port {settings.bind}:{wanted} is in use: "
            "stop what holds it (`ss -lntup`), or set another `port` under [sip]",
            incoming=incoming,
            new_id=new_id,
        )

    @classmethod
    async def launch(
        cls,
        module: str,
        arguments: Sequence[str],
        settings: SipSettings,
        port_taken: str,
        *,
        told: bytes = b"",
        name: str = "line card",
        start_s: float = START_S,
        incoming: asyncio.Queue[IncomingCall] | None = None,
        new_id: Callable[[], str] = new_call_id,
    ) -> LineCard:
        """Starts `python -m MODULE --fd=N ARGUMENTS`, a program that speaks this protocol, and waits until it takes
        calls.

        `told` is written to its standard input; `port_taken` is the message of `PortInUse`. Raises `PortInUse` and
        `CardFailed`.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", module, f"--fd={theirs.fileno()}"),
                    *arguments,
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.PIPE if told else asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                )
            except BaseException:
                ours.close()
                raise
        card = cls(process, ours, settings, incoming, new_id, name)
        try:
            async with asyncio.timeout(start_s):
                if process.stdin is not None:
                    process.stdin.write(told)
                    process.stdin.close()
                hello = await card._hello
        except BaseException as error:
            await card.close()
            if isinstance(error, TimeoutError):
                raise CardFailed(f"{name}: not ready within {start_s:g} s") from None
            if isinstance(error, CardFailed) and process.returncode == EXIT_PORT:
                raise PortInUse(port_taken) from None
            if isinstance(error, CardFailed) and card._log.last_line:
                raise CardFailed(f"{name}: {card._log.last_line}") from None
            raise
        card.port, card.max_calls = hello.port, hello.max_calls
        card._watchdog = card._loop.create_task(card._watch(), name=f"{name} {card.pid}: watchdog")
        return card

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def live(self) -> int:
        """The calls on this card, including those that are ringing."""
        return len(self._lines)

    @property
    def alive(self) -> bool:
        """Whether the card takes calls, as far as is known."""
        return self._link.open and not self._draining

    def bury(self, dead: LineCard) -> None:
        """Ends the calls of a card that has died and whose port this card has: this card sends their BYEs."""
        for farewell in dead._farewells.values():
            self.send(0, farewell)

    async def place(self, uri: str, caller: str = "", trunk: str = "") -> SipLine:
        """Calls `uri` through `trunk`, with `caller` as our number, and returns the line once it is answered.

        Raises `CallRefused`, and `CardFailed` if the card is gone. Cancelling it hangs up.
        """
        if not self._link.open:
            raise CardFailed("line card: gone")
        number = self._placed
        self._placed += 1
        line = self._line(number, caller, user_part(uri))
        answered = self._answers[number] = self._loop.create_future()
        self.send(number, protocol.Place(uri, caller, trunk))
        try:
            await answered
        except asyncio.CancelledError:
            line.hang_up()
            raise
        finally:
            del self._answers[number]
        return line

    async def _watch(self) -> None:
        """Watches by the clock, because a card that hangs sends no frames to count."""
        with contextlib.suppress(CardFailed):
            while True:
                try:
                    async with asyncio.timeout(FROZEN_S):
                        await self.stats()
                except TimeoutError:
                    logger.error("%s %d has said nothing for %g s: killed", self._name, self.pid, FROZEN_S)
                    with contextlib.suppress(ProcessLookupError):
                        self._process.kill()
                    return
                await asyncio.sleep(FROZEN_S / 2)

    def _line(self, number: int, caller: str, called: str) -> SipLine:
        line = SipLine(self._new_id(), caller, called, lambda command: self.send(number, command))
        line.may_transfer = functools.partial(may_transfer, sip=self._settings)
        self._lines[number] = line
        return line

    async def stats(self) -> protocol.Stats:
        """Asks the card for its statistics."""
        if not self._link.open:
            raise CardFailed("line card: gone")
        answer: asyncio.Future[protocol.Stats] = self._loop.create_future()
        self._stats.append(answer)
        self.send(0, protocol.AskStats())
        return await answer

    def tell(self, note: Note) -> None:
        """Passes on a note about a call on this card or another; returns at once."""
        if self._link.waiting >= MAX_NOTES_WAITING:
            return
        text = json.dumps(
            {"call": note.call, "kind": note.kind, "at_ns": note.at_ns, "data": dict(note.data)}, default=str
        )
        if len(text) <= MAX_NOTE:
            number = next((number for number, line in self._lines.items() if line.id == note.call), 0)
            self.send(number, protocol.Told(text))

    def drain(self) -> None:
        """Refuses new calls (503) from now on; the process ends with its last call."""
        self._draining = True
        self.send(0, protocol.Stop(drain=True))

    async def close(self) -> None:
        """Ends every call (`DRAINED`) and the process. May be called again."""
        self._closing = True
        self.died.cancel()
        if self._watchdog is not None:
            self._watchdog.cancel()
        self.send(0, protocol.Stop(drain=False))
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            logger.warning("%s %d did not stop within %g s: killed", self._name, self.pid, STOP_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        self._link.close()
        # Its end of the pipe is closed with it.
        await self._log_reader

    # --------------------------------------------------------------------------------------------- messages

    def send(self, call: int, command: protocol.Command) -> None:
        """Sends a command to the card; it waits if the socket has no room."""
        self._link.send(call, command)

    def _take(self, call: int, message: protocol.Message) -> None:
        if isinstance(message, protocol.Hello):
            if not self._hello.done():
                self._hello.set_result(message)
        elif isinstance(message, protocol.Stats):
            answer = self._stats.popleft()
            if not answer.done():
                answer.set_result(message)
        elif isinstance(message, protocol.Incoming):
            trusted = self.trunks is not None and message.trunk in self.trunks.trusted
            invite = parse(message.invite)
            who = identify(invite, message.address, self._settings, trusted=trusted)
            line = self._line(call, who.caller, who.called[0])
            line.caller_name, line.wide = who.name, message.wide
            incoming = IncomingCall(line, message.address, who.called, message.trunk)
            incoming.from_web = self.may_join
            incoming.join = invite.header("join") if self.may_join else ""
            self.incoming.put_nowait(incoming)
        elif isinstance(message, protocol.Farewell):
            self._farewells.pop(message.call_id, None)
            if message.bye:
                self._farewells[message.call_id] = message
        elif isinstance(message, protocol.Registered | protocol.OptionsAnswered):
            if self.trunks is not None:
                self.trunks.take(message)
        elif call in self._lines:
            self._of_line(call, message)

    def _of_line(self, call: int, message: protocol.Message) -> None:
        answer = self._answers.get(call)
        if isinstance(message, protocol.Ringing):
            self._lines[call].rings = True
            return
        if isinstance(message, protocol.Answered):
            if answer is not None and not answer.done():
                answer.set_result(None)
            return
        if isinstance(message, protocol.InBandKeys):
            self._lines[call].hear_tones(message.expected)
        if isinstance(message, LineClosed):
            if answer is not None and not answer.done():
                rang = self._lines[call].rings
                answer.set_exception(CallRefused(message.code, message.detail, rang=rang))
            self._lines.pop(call).push(message)
        elif isinstance(message, LineEvent):
            self._lines[call].push(message)

    def _ended(self) -> None:
        """Cleans up after the process has ended: ends its calls, and everything that waits for it."""
        reason = EndReason.DRAINED if self._closing else EndReason.LINE_CARD_DIED
        for call in list(self._lines):
            self._of_line(call, LineClosed(reason, 0, "the line card is gone"))
        gone = CardFailed("line card: gone before it was ready")
        waiting: list[asyncio.Future[Any]] = [self._hello, *self._stats]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(gone)
                # Whoever asked may have stopped waiting.
                answer.exception()
        self._stats.clear()
        if not self._closing and not self._draining:
            self._reaper = self._loop.create_task(self._reap())

    async def _reap(self) -> None:
        code = await self._process.wait()
        if self.port:
            logger.error("%s %d died with %d: its calls are over", self._name, self.pid, code)
        if not self.died.done():
            self.died.set_result(code)
