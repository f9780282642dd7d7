"""The daemon's view of one call on a line card: first it rings, and then it is a line (`wire/line.py`)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

from phone_daemon.events import FRAME_BYTES, Digit, EndReason, Frame, LineClosed, LineEvent, TransferFailed
from phone_daemon.media.dtmf import ToneKeys
from phone_daemon.wire import protocol
from sidecars.log import Event

logger = logging.getLogger(__name__)

MAX_BEHIND = 500
"""The most frames (ten seconds) that wait for a reader; after that the newest are dropped, which their positions
show."""


class CallRefused(Exception):
    """A placed call that was not answered. `code` is the SIP status; 0 if there was none."""

    def __init__(self, code: int, reason: str, *, rang: bool = False) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason
        self.rang = rang
        """Whether the other telephone rang first."""


class SipLine:
    """A `wire.line.Line` over one call of a line card."""

    def __init__(self, id: str, caller: str, called: str, send: Callable[[protocol.Command], None]) -> None:
        """`send` takes the commands for this call."""
        self.id = id
        self.caller = caller
        self.called = called
        self.caller_name = ""
        self.wide = False
        self.may_transfer: Callable[[str], bool] = lambda uri: True
        """Whether the caller may be transferred to a SIP URI."""
        self.bridge: Callable[[SipLine, str, bytes], None] | None = None
        """Connects the caller with a SIP URI, playing a briefing there first; None: the caller's side is asked to do it
        (REFER)."""
        self.newest_reply = 0
        self.over = asyncio.Event()
        """Set when the call is over on the wire, or the agent has transferred it."""
        self.rings = False
        """For a call that we placed: whether the other telephone rings, or rang."""
        self.closed: LineClosed | None = None
        """Set as soon as the call is over on the wire, even before the reader of `events` gets there."""
        self.lost_frames = 0
        """The number of frames dropped because nobody read them for ten seconds."""
        self._tell = send
        self._tones: ToneKeys | None = None
        """Detects keys in the audio, if they come in no other way."""
        self._queue: deque[LineEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._heir: Callable[[LineEvent], None] | None = None
        """Receives the line's events once the agent has transferred the call."""

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

    def play(self, reply: int, pcm: bytes, wide: bytes = b"") -> None:
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes of audio: samples have two")
        self.newest_reply = max(self.newest_reply, reply)
        if wide and self.wide:
            self._send_pieces(partial(protocol.PlayWide, reply), wide)
        else:
            self._send_pieces(partial(protocol.Play, reply), pcm)

    def _send_pieces(self, message: Callable[[bytes], protocol.Command], pcm: bytes) -> None:
        for start in range(0, len(pcm), protocol.PLAY_BYTES):
            self.send(message(pcm[start : start + protocol.PLAY_BYTES]))

    def finish(self, reply: int) -> None:
        self.send(protocol.Finish(reply))

    def flush(self, reply: int) -> None:
        self.send(protocol.Flush(reply))

    def duck(self, reply: int, down: bool) -> None:
        self.send(protocol.Duck(reply, down))

    def send_digits(self, digits: str) -> None:
        self.send(protocol.SendDigits(digits))

    def transfer(self, uri: str) -> None:
        if self._may_not(uri):
            return
        if self.bridge is not None:
            self.bridge(self, uri, b"")
            return
        self.send(protocol.Transfer(uri))

    def _may_not(self, uri: str) -> bool:
        """Whether the transfer to `uri` is forbidden; if so, reports its failure."""
        if not self.may_transfer(uri):
            # The target is personal data, and stays out of the log.
            logger.warning(Event("transfer.refused", call=self.id, reason="[sip] transfer_to does not have the number"))
            self.push(TransferFailed(403, "[sip] transfer_to does not have the number"))
            return True
        return False

    def consult(self, uri: str, briefing: bytes) -> None:
        if self._may_not(uri):
            return
        if self.bridge is not None:
            self.bridge(self, uri, briefing)
            return
        self._send_pieces(protocol.Brief, briefing)
        self.send(protocol.Consult(uri, self.caller))

    def play_music(self, pcm: bytes) -> None:
        self._send_pieces(protocol.Music, pcm)

    def stop_music(self) -> None:
        self.send(protocol.Music(b""))

    def hang_up(self, reason: EndReason = EndReason.AGENT_HUNG_UP) -> None:
        self.send(protocol.HangUp(reason))

    def send(self, command: protocol.Command) -> None:
        """Sends a command to the card, unless the call is over."""
        if self.closed is None:
            self.tell(command)

    def tell(self, command: protocol.Command) -> None:
        """Sends a command to the card, even if the agent has transferred the call."""
        self._tell(command)

    def hand_over(self, heir: Callable[[LineEvent], None]) -> None:
        """Ends the call for the reader of its events; `heir` receives all further events."""
        self.push(LineClosed(EndReason.TRANSFERRED))
        self._heir = heir

    def hear_tones(self, expected: bool) -> None:
        """Sets whether the caller's keys come as tones in the audio."""
        self._tones = (self._tones or ToneKeys()) if expected else None

    def push(self, event: LineEvent) -> None:
        """Takes an event of the call from the card."""
        if self._heir is not None:
            self._heir(event)
            return
        if self.closed is not None:
            return
        if isinstance(event, Frame) and self._tones is not None:
            key = self._tones.hear(event.pcm)
            if self._tones.sounding:
                # A key tone is not speech, and what was pressed must not be in the recording.
                event = replace(event, pcm=bytes(FRAME_BYTES))
            if key:
                self._put(Digit(key))
        self._put(event)

    def _put(self, event: LineEvent) -> None:
        if isinstance(event, LineClosed):
            self.closed = event
            self.over.set()
        elif len(self._queue) >= MAX_BEHIND and isinstance(event, Frame):
            self.lost_frames += 1
            return
        self._queue.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class IncomingCall:
    """A call that waits for an answer. The caller hears nothing until `ring`, `answer`, or `refuse`."""

    def __init__(self, line: SipLine, address: str, numbers: tuple[str, ...] = (), trunk: str = "") -> None:
        self.id = line.id
        self.caller = line.caller
        self.called = line.called
        self.caller_name = line.caller_name
        self.numbers = numbers or (line.called,)
        """What was dialled according to each part of the INVITE; `called` is the first."""
        self.address = address
        """The sender of the INVITE, `host:port`."""
        self.trunk = trunk
        """The trunk that the call came through; empty if there are no trunks."""
        self.from_web = False
        """Whether it came from the web process."""
        self.join = ""
        """The live call that a colleague takes over with this one (Join, RFC 3911); empty if it is for the agent."""
        self._line = line

    @property
    def gone(self) -> bool:
        """Whether the caller gave up before an answer."""
        return self._line.closed is not None

    def ring(self) -> None:
        """180 Ringing."""
        self._line.send(protocol.Ring())

    def answer(self, called: str = "") -> SipLine:
        """200 OK. `called`: the one of `numbers` that counts.

        From now on the line carries audio. If the caller has given up, its only event is `LineClosed`.
        """
        self.called = self._line.called = called or self.called
        self._line.send(protocol.Answer())
        return self._line

    def refuse(self, code: int, retry_after: int | None = None) -> None:
        """A final response, 300 to 699, with a Retry-After header (seconds) if given (RFC 3261 section 20.33)."""
        if not 300 <= code <= 699:
            raise ValueError(f"refuse with {code}: a refusal is 300 to 699")
        self._line.send(protocol.Refuse(code, retry_after or 0))
