"""The asyncio side of a line card: calls come in, calls are placed, lines carry them (`wire/line.py`).

One callback reads the card's socket until it is empty and puts each value on its line's queue; no task and no
copy a frame. A card that dies takes its calls with it: each gets `LineClosed(LINE_CARD_DIED)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from phone_daemon.config import SipSettings
from phone_daemon.events import EndReason, Frame, LineClosed, LineEvent
from phone_daemon.wire import protocol
from phone_daemon.wire.uri import user_part

logger = logging.getLogger(__name__)

START_S = 10.0
STOP_S = 5.0
EXIT_PORT = 98
"""Exit code of a card whose SIP port is taken (`line_card.EXIT_PORT`; that module needs pjsua2)."""
MAX_BEHIND = 500
"""Frames (ten seconds) that wait for a reader; then the newest are dropped, which shows in their positions."""
OURS = 1 << 31
"""Calls that we place are numbered from here, calls that come in from 1."""


class LineCardError(Exception):
    """A line card that does not start, or is gone. One line that says what to do."""


class PortInUse(LineCardError):
    """The SIP port belongs to somebody else."""


class CallRefused(Exception):
    """A placed call that was not answered: `code` is the SIP status, 0 when none came."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


def new_call_id() -> str:
    """Sorts by time, safe as a folder name: `20260131T142501.123456Z-1f9c`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}"


class SipLine:
    """Implements `wire.line.Line` over one call of a line card."""

    def __init__(self, card: LineCard, number: int, id: str, caller: str, called: str) -> None:
        self.id = id
        self.caller = caller
        self.called = called
        self.closed: LineClosed | None = None
        """Set as soon as the call is over on the wire, before the reader of `events` has come to it."""
        self.lost_frames = 0
        """Frames dropped because nobody read them for ten seconds."""
        self._card = card
        self._number = number
        self._queue: deque[LineEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None

    async def events(self) -> AsyncIterator[LineEvent]:
        while True:
            while self._queue:
                event = self._queue.popleft()
                yield event
                if isinstance(event, LineClosed):
                    return
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def play(self, reply: int, pcm: bytes) -> None:
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes of audio: samples have two")
        for start in range(0, len(pcm), protocol.PLAY_BYTES):
            self._send(protocol.Play(reply, pcm[start : start + protocol.PLAY_BYTES]))

    def finish(self, reply: int) -> None:
        self._send(protocol.Finish(reply))

    def flush(self, reply: int) -> None:
        self._send(protocol.Flush(reply))

    def send_digits(self, digits: str) -> None:
        self._send(protocol.SendDigits(digits))

    def transfer(self, uri: str) -> None:
        self._send(protocol.Transfer(uri))

    def hang_up(self, reason: EndReason = EndReason.AGENT_HUNG_UP) -> None:
        self._send(protocol.HangUp(reason))

    def _send(self, command: protocol.Command) -> None:
        if self.closed is None:
            self._card.send(self._number, command)

    def push(self, event: LineEvent) -> None:
        """Takes an event of the call from the card."""
        if self.closed is not None:
            return
        if isinstance(event, LineClosed):
            self.closed = event
        elif len(self._queue) >= MAX_BEHIND and isinstance(event, Frame):
            self.lost_frames += 1
            return
        self._queue.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class IncomingCall:
    """A call that waits for an answer. The caller hears nothing until `ring`, `answer` or `refuse`."""

    def __init__(self, line: SipLine, address: str) -> None:
        self.id = line.id
        self.caller = line.caller
        self.called = line.called
        self.address = address
        """Where the INVITE came from, `host:port`."""
        self._line = line

    @property
    def gone(self) -> bool:
        """The caller gave up before an answer."""
        return self._line.closed is not None

    def ring(self) -> None:
        """180 Ringing."""
        self._line._send(protocol.Ring())

    def answer(self) -> SipLine:
        """200 OK. The line carries audio from now on; if the caller has given up, `LineClosed` is its only event."""
        self._line._send(protocol.Answer())
        return self._line

    def refuse(self, code: int, retry_after: int | None = None) -> None:
        """A final response, 300 to 699, with `Retry-After` seconds if given (RFC 3261 section 20.33)."""
        if not 300 <= code <= 699:
            raise ValueError(f"refuse with {code}: a refusal is 300 to 699")
        self._line._send(protocol.Refuse(code, retry_after or 0))


class LineCard:
    """One line card process. Made by `start`, ended by `close`; the starter ends it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        sock: socket.socket,
        incoming: asyncio.Queue[IncomingCall] | None,
        new_id: Callable[[], str],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.incoming: asyncio.Queue[IncomingCall] = asyncio.Queue() if incoming is None else incoming
        """Calls that wait for an answer, in the order in which they came."""
        self.died: asyncio.Future[int] = loop.create_future()
        """Resolves with the exit code when the process ends unasked; cancelled by `close`."""
        self.port = 0
        self.max_calls = 0
        self._loop = loop
        self._process = process
        self._sock = sock
        self._new_id = new_id
        self._lines: dict[int, SipLine] = {}
        self._placed = OURS
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._hello: asyncio.Future[protocol.Hello] = loop.create_future()
        self._stats: deque[asyncio.Future[protocol.Stats]] = deque()
        self._backlog: deque[bytes] = deque()
        self._closing = False
        self._reading = True
        loop.add_reader(sock, self._read)

    @classmethod
    async def start(
        cls,
        settings: SipSettings,
        *,
        port: int | None = None,
        rtp_port: int | None = None,
        incoming: asyncio.Queue[IncomingCall] | None = None,
        new_id: Callable[[], str] = new_call_id,
        extra: tuple[str, ...] = (),
    ) -> LineCard:
        """Starts the process and waits until it takes calls.

        `port` and `rtp_port` override the settings' (several cards share them); `extra` are more options of
        `line_card.py`. Raises `PortInUse`, `LineCardError`.
        """
        wanted = settings.port if port is None else port
        options = {
            "bind": settings.bind,
            "port": wanted,
            "public-address": settings.public_address,
            "codecs": ",".join(settings.codecs),
            "rtp-port": settings.rtp_port if rtp_port is None else rtp_port,
            "rtp-timeout": settings.rtp_timeout_s,
            "ack-timeout": settings.ack_timeout_s,
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "phone_daemon.wire.line_card", f"--fd={theirs.fileno()}"),
                    *(f"--{name}={value}" for name, value in options.items()),
                    *extra,
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                )
            except BaseException:
                ours.close()
                raise
        card = cls(process, ours, incoming, new_id)
        try:
            async with asyncio.timeout(START_S):
                hello = await card._hello
        except BaseException as error:
            await card.close()
            if isinstance(error, TimeoutError):
                raise LineCardError(f"line card: not ready within {START_S:g} s") from None
            if isinstance(error, LineCardError) and process.returncode == EXIT_PORT:
                raise PortInUse(
                    f"SIP port {settings.bind}:{wanted}/udp is in use: "
                    "stop what holds it (`ss -lunp`), or set another `port` under [sip]"
                ) from None
            raise
        card.port, card.max_calls = hello.port, hello.max_calls
        return card

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def live(self) -> int:
        """Calls on this card, those that ring included."""
        return len(self._lines)

    async def place(self, uri: str, caller: str = "") -> SipLine:
        """Calls `uri` with `caller` as our number and returns the line once it is answered.

        Raises `CallRefused`. Cancelling it hangs up.
        """
        number = self._placed
        self._placed += 1
        line = self._lines[number] = SipLine(self, number, self._new_id(), caller, user_part(uri))
        answered = self._answers[number] = self._loop.create_future()
        self.send(number, protocol.Place(uri, caller))
        try:
            await answered
        except asyncio.CancelledError:
            line.hang_up()
            raise
        finally:
            del self._answers[number]
        return line

    async def stats(self) -> protocol.Stats:
        """Asks the card for its counters."""
        if not self._reading:
            raise LineCardError("line card: gone")
        answer: asyncio.Future[protocol.Stats] = self._loop.create_future()
        self._stats.append(answer)
        self.send(0, protocol.AskStats())
        return await answer

    def drain(self) -> None:
        """No new calls (503) from now on; the process ends with its last call."""
        self._closing = True
        self.send(0, protocol.Stop(drain=True))

    async def close(self) -> None:
        """Ends every call (`DRAINED`) and the process. May be called again."""
        self._closing = True
        self.died.cancel()
        self.send(0, protocol.Stop(drain=False))
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            logger.warning("line card %d did not stop within %g s: killed", self.pid, STOP_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        self._read()
        self._ended()

    # ---------------------------------------------------------------------------------------------- packets

    def send(self, call: int, command: protocol.Command) -> None:
        """Tells the card; what its socket has no room for waits here."""
        if not self._reading:
            return
        self._backlog.append(protocol.pack(call, command))
        if len(self._backlog) == 1:
            self._write()

    def _write(self) -> None:
        try:
            while self._backlog:
                self._sock.send(self._backlog[0])
                self._backlog.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._sock, self._write)
            return
        except OSError:
            # The reader will see the end, after what the card said before it.
            self._backlog.clear()
        self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        while self._reading:
            try:
                packet = self._sock.recv(protocol.MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._ended()
                return
            self._take(*protocol.unpack(packet))

    def _take(self, call: int, message: protocol.Message) -> None:
        if isinstance(message, protocol.Hello):
            self._hello.set_result(message)
        elif isinstance(message, protocol.Stats):
            answer = self._stats.popleft()
            if not answer.done():
                answer.set_result(message)
        elif isinstance(message, protocol.Incoming):
            line = self._lines[call] = SipLine(self, call, self._new_id(), message.caller, message.called)
            self.incoming.put_nowait(IncomingCall(line, message.address))
        elif call in self._lines:
            self._of_line(call, message)

    def _of_line(self, call: int, message: protocol.Message) -> None:
        answer = self._answers.get(call)
        if isinstance(message, protocol.Answered):
            if answer is not None and not answer.done():
                answer.set_result(None)
            return
        if isinstance(message, LineClosed):
            if answer is not None and not answer.done():
                answer.set_exception(CallRefused(message.code, message.detail))
            self._lines.pop(call).push(message)
        elif isinstance(message, LineEvent):
            self._lines[call].push(message)

    def _ended(self) -> None:
        """The process is gone: so is everything that waits for it."""
        if not self._reading:
            return
        self._reading = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        reason = EndReason.DRAINED if self._closing else EndReason.LINE_CARD_DIED
        for call in list(self._lines):
            self._of_line(call, LineClosed(reason, 0, "the line card is gone"))
        gone = LineCardError("line card: gone before it was ready")
        waiting: list[asyncio.Future[Any]] = [self._hello, *self._stats]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(gone)
                # Somebody who gave up waiting leaves nobody to take it.
                answer.exception()
        self._stats.clear()
        if not self._closing:
            self._reaper = self._loop.create_task(self._reap())

    async def _reap(self) -> None:
        code = await self._process.wait()
        logger.error("line card %d died with %d", self.pid, code)
        if not self.died.done():
            self.died.set_result(code)
