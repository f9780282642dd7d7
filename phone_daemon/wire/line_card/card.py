"""A line card: starts pjsua2, passes the daemon's commands to calls, and passes calls' reports to the daemon.

pjsua2 works best on one thread, so one thread does everything: it waits for the daemon, for SIP, and for the next 20
ms, reads the RTP that has arrived, and then runs the conference bridge, which calls back into `leg.py` for audio. So
there are no locks. Without a call it rests (`rest.py`).
"""

from __future__ import annotations

import argparse
import functools
import gc
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from phone_daemon.events import PTIME_S, EndReason, LineClosed
from phone_daemon.wire import protocol
from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.call_rate import CallRate
from phone_daemon.wire.line_card.consultation import Consultations
from phone_daemon.wire.line_card.daemon_link import DaemonLink
from phone_daemon.wire.line_card.farewell import Dialogs, Farewells
from phone_daemon.wire.line_card.finished_legs import FinishedLegs
from phone_daemon.wire.line_card.guarded import guarded, log
from phone_daemon.wire.line_card.leg import Leg
from phone_daemon.wire.line_card.message import SipMessage, legible, parse
from phone_daemon.wire.line_card.options import Limits
from phone_daemon.wire.line_card.phone import Phone
from phone_daemon.wire.line_card.registration import Accounts
from phone_daemon.wire.line_card.repair import Repair
from phone_daemon.wire.line_card.rest import Rest
from phone_daemon.wire.line_card.rtp_port import is_free
from phone_daemon.wire.line_card.screening import Screening
from phone_daemon.wire.line_card.sip_module import SipModule
from phone_daemon.wire.line_card.tally import Tally
from phone_daemon.wire.line_card.tcp_streams import TcpStreams
from phone_daemon.wire.line_card.trunk_side import TrunkSide
from phone_daemon.wire.line_card.unreadable import Unreadable

MAX_BEHIND_S = 0.2
"""A card that was stopped for longer than this continues from the present instead of catching up."""
WATCH_TICKS = 5
RTP_CLOSES_S = 1.0
"""pjsua2 closes a call's RTP sockets up to half a second after the call has ended."""
LEAVE_S = 1.0
"""How long the card waits, when it ends, for answers to BYE and un-REGISTER."""


class Card:
    def __init__(self, options: argparse.Namespace, daemon: socket.socket) -> None:
        self._options = options
        self._daemon = DaemonLink(daemon)
        self._send = self._daemon.send
        self._legs: dict[int, Leg] = {}
        self._by_id: dict[str, Leg] = {}
        """The same calls by their Call-ID."""
        self._finished = FinishedLegs()
        self._numbers = 0
        self._over: deque[str] = deque(maxlen=64)
        """The Call-IDs of the latest calls that are over."""
        self._waiting: deque[tuple[int, protocol.Place]] = deque()
        self._rate = CallRate()
        self._limits = Limits.of(options)
        self._rtp_ports = range(options.rtp_port, options.rtp_port + options.rtp_range, 2)
        self._closed_at = 0.0
        """When the last call ended."""
        self._consultations = Consultations(self._colleague, self._by_id, options.transfer_timeout)
        self._replacing: SipMessage | None = None
        """The last INVITE with Replaces."""
        self._replacing_from = ""
        self._draining = self._stopping = False
        self._tally = Tally()

    def start(self) -> None:
        """Raises `PortTaken`."""
        options = self._options
        self._phone = Phone(options)
        self._endpoint = self._phone.endpoint
        if options.loopback:
            self._endpoint.audDevManager().setNullDev()
        self._bridge = None if options.loopback else native.Bridge()
        self._spare = None if options.loopback else [native.Port()]
        self._accounts = Accounts(
            functools.partial(self._phone.account, options), self.incoming, functools.partial(self._send, 0)
        )
        self._dialogs = Dialogs(self._phone.host, functools.partial(self._send, 0))
        self._farewells = Farewells(self._phone.socket)
        self._trunk_side = TrunkSide(self._phone, self._accounts, functools.partial(self._send, 0), options.guarded)
        gc.disable()
        gc.collect()
        gc.freeze()
        self._max_calls = limit = native.max_calls()
        self._screening = Screening(options.codecs.split(","))
        repair = Repair(options, self._may_be_ours)
        self._module = SipModule(self._screen, repair, options.bind.replace("0.0.0.0", "127.0.0.1"), self._phone.port)
        streams = self._phone.streams = TcpStreams(self._module.long)
        self._unreadable = Unreadable(self._phone.socket, streams, self._module.long, self._trunk_side.admits)
        version, port = self._endpoint.libVersion().full, self._phone.port
        log("INFO", f"pjsua2 {version}, {options.bind}:{port} ({options.transports}), {limit} calls, {options.codecs}")
        self._send(0, protocol.Hello(os.getpid(), limit, version, port))

    # ------------------------------------------------------------------------------------------------ loop

    def run(self) -> None:
        """Runs until the daemon stops it or ends."""
        due = time.monotonic() + PTIME_S
        daemon, sip = self._daemon.sock, self._phone.socket
        rest = Rest((daemon, sip), lambda: [*self._module.long.sockets, *self._phone.sockets])
        while not self._stopping and not self._daemon.closed and not (self._draining and not self._legs):
            self._daemon.speak()
            ready = rest.wait(due - time.monotonic(), [daemon] if self._daemon.waiting else [])
            if daemon in ready:
                for call, command in self._daemon.receive():
                    self._try(call, command)
            if sip in ready:
                self._endpoint.libHandleEvents(0)
            now = time.monotonic()
            if (self._legs or any(end is not daemon for end in ready)) and rest.stir(now):
                due = now
            if now >= due:
                self._tally.ticked(now - due)
                self._tick()
                due += rest.pace(now, busy=bool(self._legs or self._waiting or self._farewells))
                if now - due > MAX_BEHIND_S:
                    due = now + PTIME_S
        self._end()

    def _tick(self) -> None:
        # RTP, SIP timers, TCP.
        self._endpoint.libHandleEvents(0)
        if self._bridge is not None:
            self._bridge.pull()
        at_ns = time.monotonic_ns()
        self._module.long.receive()
        self._phone.pump()
        self._settle(at_ns)
        self._daemon.speak()
        now = time.monotonic()
        self._watch(now)
        self._phone.watch(now)
        self._accounts.watch(now)
        self._farewells.watch(now)
        self._consultations.watch(now)
        self._sweep()
        for call in self._rate.due(now):
            self._try(call, protocol.Refuse(503, 1))
        self._place_waiting()

    # These are separate methods, because a variable that outlives its loop would keep `_sweep` from destroying a call.
    def _settle(self, at_ns: int) -> None:
        for leg in self._legs.values():
            leg.settle(at_ns)

    def _watch(self, now: float) -> None:
        due = self._tally.ticks % WATCH_TICKS == 0
        for leg in self._legs.values():
            if due or leg.restless:
                leg.watch(now)

    def _sweep(self) -> None:
        """Releases calls that pjsua2 has finished with. Called where none of their callbacks can be running."""
        for number in [number for number, leg in self._legs.items() if leg.gone]:
            leg = self._legs.pop(number)
            self._closed_at = time.monotonic()
            for call_id in [call_id for call_id, live in self._by_id.items() if live is leg]:
                del self._by_id[call_id]
                self._over.append(call_id)
                self._dialogs.closed(call_id)
            leg.release()
            self._tally.add(leg)
            self._finished.add(leg)
            del leg
        if self._finished:
            self._finished.destroy(slots_taken={leg.getId() for leg in self._legs.values()})

    def _end(self) -> None:
        """Hangs up the remaining calls, and gives pjsua2 a second to send the BYEs."""
        self._draining = True
        for number in self._legs:
            self._legs[number].hang_up(EndReason.DRAINED)
        self._accounts.unregister()
        until = time.monotonic() + LEAVE_S
        while (self._legs or self._accounts.registered) and time.monotonic() < until:
            self._tick()
            time.sleep(0.005)
        self._daemon.speak()
        if self._legs:
            # No reference to a call, not even in a local variable, may be left when libDestroy runs, or it aborts.
            return
        self._accounts.close()
        del self._accounts
        gc.unfreeze()
        gc.collect()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    # ---------------------------------------------------------------------------------------------- daemon

    def _try(self, call: int, command: protocol.Message) -> None:
        self._rate.decided(call)
        try:
            self._do(call, command)
        except pj.Error as error:
            log("WARNING", f"{type(command).__name__}: {error.reason}")
            if call in self._legs:
                self._legs[call].hang_up(EndReason.FAILED, detail=str(error.reason))

    def _do(self, call: int, command: protocol.Message) -> None:
        if isinstance(command, protocol.Stop):
            self._draining = True
            self._stopping = not command.drain
            self._accounts.unregister()
        elif isinstance(command, protocol.AskStats):
            self._send(0, self._tally.stats(self._legs.values(), self._daemon.lost, self._endpoint))
        elif isinstance(command, protocol.Farewell):
            self._farewells.say(command, time.monotonic())
        elif isinstance(command, protocol.TrunkCommand):
            self._trunk_side.do(command)
        elif isinstance(command, protocol.Place):
            self._place(call, command)
        elif isinstance(command, protocol.HangUp) and call in (number for number, _ in self._waiting):
            self._waiting = deque(waiting for waiting in self._waiting if waiting[0] != call)
            self._send(call, LineClosed(command.reason))
        elif (leg := self._legs.get(call)) is not None:
            match command:
                case protocol.Play(reply, pcm):
                    leg.playout.play(reply, pcm)
                case protocol.Finish(reply):
                    leg.playout.finish(reply)
                case protocol.Flush(reply):
                    leg.flush(reply)
                case protocol.Duck(reply, down):
                    leg.playout.duck(reply, down)
                case protocol.Ring():
                    leg.ring()
                case protocol.Answer():
                    leg.pick_up()
                case protocol.Refuse(code, retry_after):
                    leg.refuse(code, retry_after)
                case protocol.SendDigits(digits):
                    leg.send_digits(digits)
                case protocol.Transfer(uri):
                    leg.hand_over(uri)
                case protocol.Brief(pcm):
                    leg.briefing += pcm
                case protocol.Consult(uri, caller):
                    room = not self._draining and native.calls() < self._max_calls
                    self._consultations.begin(leg, uri, caller, room=room)
                case protocol.Music(pcm):
                    leg.music.add(pcm) if pcm else leg.music.stop()
                case protocol.HangUp(reason):
                    leg.say_goodbye(reason)

    # --------------------------------------------------------------------------------------------- messages

    def _may_be_ours(self, message: SipMessage, sender: str) -> bool:
        return message.header("call-id") in self._by_id or (message.opens and self._trunk_side.admits(message, sender))

    @guarded
    def _screen(self, text: str, sender: str, handle: int) -> bool:
        """Gets every message first; returns whether it has been dealt with."""
        message = parse(text)
        leg = self._by_id.get(message.header("call-id"))
        if message.opens and message.header("replaces"):
            self._replacing, self._replacing_from = message, sender
        if message.code and leg is not None and not leg.dialog.remote_tag:
            leg.dialog.remote_tag = message.to_tag
        if message.accepts and leg is not None:
            leg.accepted(time.monotonic())
        if leg is not None and leg.dialog.remote_tag in (message.from_tag, message.to_tag):
            self._dialogs.look(message, sender)
        full = native.calls() >= self._max_calls
        if message.code:
            self._trunk_side.take(message)
            if self._farewells.answered(message):
                return True
            if message.accepts and leg is None and message.header("call-id") in self._over:
                self._farewells.decline(message, sender, self._phone.host, time.monotonic())
                return True
        elif leg is None and not message.to_tag and message.method != "ACK":
            verdict = self._trunk_side.judge(message, sender, busy=full or self._draining)
            if verdict.code:
                self._module.respond(handle, verdict.code, verdict.headers)
                return True
        if self._rtp_ports and leg is None and message.opens and not any(map(is_free, self._rtp_ports)):
            if time.monotonic() < self._closed_at + RTP_CLOSES_S:
                return True  # Its retransmission in half a second (RFC 3261 section 17.1.1.2) finds the port closed.
            full = True
        verdict = self._screening.judge(message, None if leg is None else leg.dialog, full=full)
        if verdict.code:
            self._module.respond(handle, verdict.code, verdict.headers)
        if verdict.digit and leg is not None:
            leg.press(verdict.digit)
        return bool(verdict.code) or verdict.drop

    # ----------------------------------------------------------------------------------------------- calls

    def _leg(
        self,
        number: int,
        call_id: int,
        *,
        placed: bool,
        trunk: str = "",
        send: Callable[[protocol.Report], None] | None = None,
    ) -> Leg:
        """`send` receives the call's messages; by default the daemon does."""
        leg = self._legs[number] = Leg(
            self._accounts.of(trunk),
            call_id,
            placed=placed,
            limits=self._limits,
            spare=self._spare,
            send=send or functools.partial(self._send, number),
            send_frame=functools.partial(self._daemon.send_frame, number) if send is None else lambda *_: None,
            replaced=functools.partial(self._replace, number),
        )
        leg.trunk = trunk
        return leg

    def incoming(self, prm: Any) -> None:
        self._numbers += 1
        leg = self._leg(self._numbers, prm.callId, placed=False)
        invite = parse(prm.rdata.wholeMsg)
        self._by_id[invite.header("call-id")] = leg
        leg.dialog.remote_tag = invite.from_tag
        leg.dialog.offer = invite.body
        self._dialogs.opened(invite, prm.rdata.srcAddress)
        if self._draining:
            leg.refuse(503, 30)
        elif self._rate.holds_back(self._numbers, time.monotonic()):
            pass  # Refused by `_tick`, a moment later.
        elif self._options.loopback:
            leg.pick_up()
        else:
            whole = self._module.long.head(invite.header("call-id")) or prm.rdata.wholeMsg
            head = legible(whole.partition("\r\n\r\n")[0])
            leg.trunk = self._trunk_side.trunk(invite, prm.rdata.srcAddress)
            self._send(self._numbers, protocol.Incoming(head, prm.rdata.srcAddress, leg.trunk))
            self._rate.offered(self._numbers, invite, time.monotonic())

    def _place(self, number: int, command: protocol.Place) -> None:
        self._sweep()
        if self._draining:
            self._send(number, LineClosed(EndReason.REFUSED, 503, "the line card takes no more calls"))
            return
        if native.calls() >= self._max_calls:
            if sum(not leg.closed for leg in self._legs.values()) < self._max_calls:
                # A call that is over for the daemon keeps its slot until its BYE is answered, which may be at any
                # moment.
                self._waiting.append((number, command))
            else:
                self._send(number, LineClosed(EndReason.REFUSED, 486, f"all {self._max_calls} calls are taken"))
            return
        try:
            leg = self._leg(number, pj.PJSUA_INVALID_ID, placed=True, trunk=command.trunk)
        except LookupError:
            self._send(number, LineClosed(EndReason.FAILED, 0, f"trunk {command.trunk} is not set up yet"))
            return
        try:
            leg.place(command.uri, command.caller, self._accounts.of(command.trunk).domain or self._phone.host)
            self._by_id[leg.getInfo().callIdString] = leg
        except pj.Error as error:
            leg.gone = True
            leg.close(EndReason.FAILED, 0, f"{command.uri}: {error.reason}")

    def _replace(self, number: int, old: Leg, call_id: int) -> None:
        """Puts another caller in the place of `old` in call `number` (RFC 3891); pjsua2 ends the old call."""
        self._numbers += 1
        self._legs[self._numbers] = old  # Until it is gone.
        leg = self._leg(number, call_id, placed=False, trunk=old.trunk)
        if self._replacing is not None:
            self._by_id[self._replacing.header("call-id")] = leg
            leg.dialog.remote_tag = self._replacing.from_tag
            self._dialogs.opened(self._replacing, self._replacing_from)
        leg.take_over(old)

    def _colleague(self, caller: Leg, heard: Callable[[protocol.Report], None]) -> tuple[Leg, str]:
        """Returns a leg for a call to a colleague on behalf of `caller`, and our host in it."""
        trunk = caller.trunk if self._accounts.knows(caller.trunk) else ""
        leg = self._leg(min(0, *self._legs) - 1, pj.PJSUA_INVALID_ID, placed=True, trunk=trunk, send=heard)
        return leg, self._accounts.of(trunk).domain or self._phone.host

    def _place_waiting(self) -> None:
        for _ in range(len(self._waiting)):
            self._place(*self._waiting.popleft())
