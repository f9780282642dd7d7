"""A line without a network: a recorded caller is at the far end, and each tick takes 20 ms of loop time.

On the sample clock a whole call takes only as long as its engines need, and every run is the same. Playout is the line
card's own (`wire/playout.py`), so results also hold for a telephone line.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from phone_daemon.clock import now_ns
from phone_daemon.events import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    PTIME_S,
    Digit,
    EndReason,
    Frame,
    LineClosed,
    LineEvent,
    samples,
)
from phone_daemon.media import g711
from phone_daemon.wire.playout import Playout

DIGIT_S = 0.160
"""The length of a pressed key and of the gap after it, as pjsua2 sends them (RFC 4733)."""


@dataclass(frozen=True, slots=True)
class Say:
    """The caller begins to say this, once anything that is still being said is over."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Press:
    """The caller presses these keys, one after the other."""

    digits: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller hangs up."""


Act = Say | Press | HangUp
FarEnd = Callable[[bytes], Iterable[Act]]
"""Takes the agent's 20 ms frame (empty: silence), and returns what the caller begins to do in the next one."""

SILENCE = bytes(FRAME_BYTES)


class TapeLine:
    """A `wire.line.Line` whose clock is `run()`: the call lasts as long as that runs."""

    def __init__(
        self,
        id: str,
        caller: str,
        called: str,
        far_end: FarEnd,
        *,
        companded: bool = True,
        echo: Callable[[bytes, bytes], bytes] | None = None,
    ) -> None:
        """`companded`: both directions go through µ-law, as on a real line.

        `echo` computes what the line sends from the caller's frame and the agent's frame of the same tick.
        """
        self.id = id
        self.caller = caller
        self.called = called
        self.caller_name = ""
        self.wide = False
        self.sent_digits = ""
        """DTMF that the agent sent."""
        self.transferred_to = ""
        self.briefing = b""
        """The briefing that the colleague heard before a transfer."""
        self.music = False
        """Whether the caller hears music, which is not part of the recording."""
        self._far_end = far_end
        self._echo = echo
        self._line = g711.through if companded else bytes
        self._playout = Playout()
        self._events: asyncio.Queue[LineEvent] = asyncio.Queue()
        self._saying = bytearray()
        self._pressing: deque[str] = deque()
        self._next_key = 0
        self._closing: LineClosed | None = None

    async def run(self) -> None:
        """Ticks until the call is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        tick = 0
        while self._closing is None:
            await asyncio.sleep(began + tick * PTIME_S - loop.time())
            self._tick(tick * FRAME_SAMPLES)
            tick += 1
        self._events.put_nowait(self._closing)

    def _tick(self, position: int) -> None:
        agent, events = self._playout.tick(position, now_ns())
        acts = self._far_end(self._line(agent))
        pcm = bytes(self._saying[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
        del self._saying[:FRAME_BYTES]
        if self._echo is not None:
            pcm = self._line(self._echo(pcm, self._line(agent)))
        for event in events:
            self._events.put_nowait(event)
        if self._pressing and position >= self._next_key:
            self._events.put_nowait(Digit(self._pressing.popleft()))
            self._next_key = position + samples(DIGIT_S)
        self._events.put_nowait(
            Frame(position, pcm, agent, self._playout.reply, self._playout.played, self._playout.queued)
        )
        for act in acts:
            match act:
                case Say(said):
                    self._saying += self._line(said)
                case Press(digits):
                    self._pressing.extend(digits)
                case HangUp():
                    self._close(EndReason.CALLER_HUNG_UP)

    async def events(self) -> AsyncIterator[LineEvent]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, LineClosed):
                return

    def play(self, reply: int, pcm: bytes, wide: bytes = b"") -> None:
        self._playout.play(reply, pcm)

    def finish(self, reply: int) -> None:
        self._playout.finish(reply)

    def flush(self, reply: int) -> None:
        self._playout.flush(reply)

    def duck(self, reply: int, down: bool) -> None:
        self._playout.duck(reply, down)

    def send_digits(self, digits: str) -> None:
        self.sent_digits += digits

    def transfer(self, uri: str) -> None:
        self.transferred_to = uri
        self._close(EndReason.TRANSFERRED)

    def consult(self, uri: str, briefing: bytes) -> None:
        self.briefing = briefing
        self.transfer(uri)

    def play_music(self, pcm: bytes) -> None:
        self.music = True

    def stop_music(self) -> None:
        self.music = False

    def hang_up(self, reason: EndReason = EndReason.AGENT_HUNG_UP) -> None:
        self._close(reason)

    def _close(self, reason: EndReason) -> None:
        if self._closing is None:
            self._closing = LineClosed(reason)
