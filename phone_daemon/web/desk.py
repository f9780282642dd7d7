"""The web process's end of the line card protocol: its legs, and the 20 ms clock that drives them."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import logging
import os
import re
import resource
import socket
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from phone_daemon import __version__
from phone_daemon.clock import now_ns
from phone_daemon.events import PTIME_S, WIDE_RATE, EndReason, LineClosed
from phone_daemon.web.leg import Client, Leg
from phone_daemon.wire import protocol
from phone_daemon.wire.line_card.daemon_link import DaemonLink
from sidecars.log import Event

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""If the daemon takes longer than this to answer a call, the call is refused."""
MAX_BEHIND_S = 0.2
"""A process that was stopped for longer than this continues from the present instead of catching up."""
UNSAFE = re.compile(r"[^\w+*#.-]", re.ASCII)
"""Characters that are not allowed in the user part of the URIs that announce a call."""
LONGEST_NUMBER = 64


class Refused(Exception):
    """A call that was refused; `code` is the SIP status."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


WHY = {
    404: "no dialplan answers this number",
    481: "this call is over, or goes on at another machine",
    486: "all lines are taken",
    491: "this call is about to end, or a colleague has taken it over",
    503: "the daemon takes no calls now",
}


class Desk:
    """The calls of the web process. `sock`: the line card's end of a `SOCK_SEQPACKET` pair; None: there is no daemon,
    and every offer is refused.
    """

    def __init__(
        self,
        sock: socket.socket | None,
        *,
        max_calls: int,
        idle_s: float,
        called: str = "",
    ) -> None:
        """`called`: the number dialed if a client names none."""
        self.observe: Callable[[Mapping[str, Any]], None] = lambda note: None
        """Receives every note of every call of the daemon, on any card."""
        self.gone = asyncio.Event()
        """Set when the daemon is gone or has told this process to end."""
        self._link = None if sock is None else DaemonLink(sock)
        self._max_calls = max_calls
        self._idle_s = idle_s
        self._called = called
        self._legs: dict[int, Leg] = {}
        self._offers: dict[int, asyncio.Future[None]] = {}
        self._numbers = itertools.count(1)
        self._draining = False
        self._ticks = self._underruns = self._late_audio = 0
        self._lateness: deque[float] = deque(maxlen=3_000)
        self._writing = False

    @property
    def live(self) -> int:
        """The number of calls on this desk."""
        return len(self._legs)

    @property
    def connected(self) -> bool:
        """Whether there is a daemon to take calls."""
        return self._link is not None and not self.gone.is_set() and not self._draining

    async def offer(self, client: Client, caller: str = "", called: str = "", join: str = "") -> Leg:
        """Offers a call to the daemon and returns the answered leg. Raises `Refused`; cancellation hangs up. `join`:
        the live call whose caller the client talks with, in place of the agent.
        """
        link = self._link
        if link is None or not self.connected:
            raise Refused(503, WHY[503])
        if self.live >= self._max_calls:
            raise Refused(486, WHY[486])
        number, wide = next(self._numbers), client.rate == WIDE_RATE
        leg = Leg(
            client,
            functools.partial(self._send, number),
            functools.partial(link.send_wide_frame if wide else link.send_frame, number),
            self._idle_s,
        )
        self._legs[number] = leg
        answered = self._offers[number] = asyncio.get_running_loop().create_future()
        invite = _invite(caller, called or self._called, join)
        self._send(number, protocol.Incoming(invite, "127.0.0.1:0", wide=wide))
        try:
            async with asyncio.timeout(ANSWER_S):
                await answered
        except TimeoutError:
            leg.hang_up()
            raise Refused(503, f"the daemon did not answer within {ANSWER_S:g} s") from None
        except asyncio.CancelledError:
            leg.hang_up()
            raise
        finally:
            del self._offers[number]
            if leg.closed:
                self._release(number)
        if leg.refused is not None:
            raise Refused(leg.refused, WHY.get(leg.refused, f"refused with {leg.refused}"))
        if leg.closed:
            raise Refused(503, WHY[503])
        return leg

    # ------------------------------------------------------------------------------------------------ clock

    async def run(self, port: int) -> None:
        """Serves the daemon until it is gone or says stop; reports `port` to it as ours."""
        link = self._link
        if link is None:
            await self.gone.wait()
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(link.sock, self._read)
        self._send(0, protocol.Hello(os.getpid(), self._max_calls, __version__, port))
        due = loop.time() + PTIME_S
        try:
            while not self.gone.is_set():
                await asyncio.sleep(max(due - loop.time(), 0))
                now = loop.time()
                self._lateness.append(now - due)
                self._tick()
                due += PTIME_S
                if now - due > MAX_BEHIND_S:
                    due = now + PTIME_S
        finally:
            for leg in list(self._legs.values()):
                leg.close(EndReason.DRAINED)
            self._flush()
            loop.remove_reader(link.sock)
            loop.remove_writer(link.sock)

    def _tick(self) -> None:
        at_ns = now_ns()
        self._ticks += 1
        for number, leg in list(self._legs.items()):
            leg.tick(at_ns)
            if leg.closed and number not in self._offers:
                self._release(number)
        self._flush()

    def _release(self, number: int) -> None:
        leg = self._legs.pop(number, None)
        if leg is not None:
            self._underruns += leg.playout.underruns
            self._late_audio += leg.playout.late_audio

    # ----------------------------------------------------------------------------------------------- daemon

    def _send(self, number: int, report: protocol.Report) -> None:
        if self._link is not None:
            self._link.send(number, report)
            self._flush()

    def _flush(self) -> None:
        """Sends what is pending; what the socket has no room for is sent once it has."""
        link = self._link
        if link is None:
            return
        link.speak()
        loop = asyncio.get_running_loop()
        if link.closed:
            self.gone.set()
        elif link.waiting and not self._writing:
            self._writing = True
            loop.add_writer(link.sock, self._flush)
        elif not link.waiting and self._writing:
            self._writing = False
            loop.remove_writer(link.sock)

    def _read(self) -> None:
        assert self._link is not None
        for number, command in self._link.receive():
            self._take(number, command)
        if self._link.closed:
            self.gone.set()

    def _take(self, number: int, command: protocol.Message) -> None:
        match command:
            case protocol.Stop(drain):
                self._draining = True
                if not drain:
                    self.gone.set()
            case protocol.AskStats():
                self._send(0, self._stats())
            case protocol.Place():
                self._send(number, LineClosed(EndReason.REFUSED, 501, "nobody can be called through the web"))
            case protocol.Told(text):
                note = json.loads(text)
                if (leg := self._legs.get(number)) is not None:
                    leg.told(note)
                    self._settle_offer(number, leg)
                try:
                    self.observe(note)
                except Exception:
                    log.exception(Event("web.observer_failed", call=note.get("call", "")))
            case _ if (leg := self._legs.get(number)) is not None:
                leg.take(command)  # type: ignore[arg-type]
                self._settle_offer(number, leg)

    def _settle_offer(self, number: int, leg: Leg) -> None:
        """Settles an offer. A call counts as answered once it has begun, so that its id is known, unless it is over
        before that.
        """
        offer = self._offers.get(number)
        if offer is not None and not offer.done() and ((leg.answered and leg.call) or leg.closed):
            offer.set_result(None)

    def _stats(self) -> protocol.Stats:
        late = sorted(self._lateness) or [0.0]
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        playouts = [leg.playout for leg in self._legs.values()]
        return protocol.Stats(
            ticks=self._ticks,
            tick_late_p99_us=round(late[int(len(late) * 0.99)] * 1e6),
            tick_late_max_us=round(late[-1] * 1e6),
            underruns=self._underruns + sum(playout.underruns for playout in playouts),
            stale_frames=0,
            late_audio=self._late_audio + sum(playout.late_audio for playout in playouts),
            lost_frames=0 if self._link is None else self._link.lost,
            calls=len(self._legs),
            conf_ports=0,
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1,
            rss_bytes=pages * resource.getpagesize(),
            cpu_s=usage.ru_utime + usage.ru_stime,
        )


def _invite(caller: str, called: str, join: str) -> str:
    """Announces a call from the web to the daemon, with those parts of an INVITE's head (RFC 3261) that it reads.
    `Join` (RFC 3911) names a call's id, and is accepted only from the web process.
    """
    to = UNSAFE.sub("", called)[:LONGEST_NUMBER]
    by = UNSAFE.sub("", caller)[:LONGEST_NUMBER]
    joined = UNSAFE.sub("", join)[:LONGEST_NUMBER]
    return (
        f"INVITE sip:{to}@web SIP/2.0\nFrom: <sip:{by or 'anonymous'}@web>\nTo: <sip:{to}@web>\n"
        + f"Join: {joined}\n" * bool(joined)
    )
