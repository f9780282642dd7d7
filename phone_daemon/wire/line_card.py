"""The line card: a child process with pjsua2 and nothing else, a few calls and one thread.

`python -m phone_daemon.wire.line_card --fd N …` is started by `wire/sip.py` with one end of a `SOCK_SEQPACKET`
pair. It ends when told to, or when that socket does: it never outlives its daemon. Exit codes: 0 asked to,
`EXIT_PORT` the SIP port is taken, 1 anything else.

pjsua2 is happiest on one thread, so one thread does all: it waits for the daemon, for SIP and for the next 20 ms,
and then itself pulls the conference bridge, which calls back into `leg.py` for audio. (RTP arrives on a thread of
pjmedia's own that never enters Python.) There is nothing to lock and nobody to wait for.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import pjsua2 as pj
from pjsua2 import _pjsua2

from phone_daemon.events import FRAME_BYTES, PTIME_S, EndReason, Frame, LineClosed
from phone_daemon.wire import protocol
from phone_daemon.wire.frame_buffer import frame_access
from phone_daemon.wire.leg import Leg, Limits, guarded, log
from phone_daemon.wire.uri import request_user, user_part

EXIT_PORT = 98
"""Exit code when the SIP port is in use (EADDRINUSE)."""
ALL_CODECS = {"PCMU": "PCMU/8000", "PCMA": "PCMA/8000", "G722": "G722/16000"}
PJ_EADDRINUSE = 120_000 + 98
MAX_PENDING = 2_000
"""Packets kept for a daemon that does not read (ten seconds of four calls); then caller's frames are lost."""
MAX_BEHIND_S = 0.2
"""A card that was stopped for longer than this goes on from now instead of catching up."""
WATCH_TICKS = 5
NEW_CALLS_A_SECOND = 20
"""More are held back: pjsua2 aborts at some 60 a second, its 64 I/O handles being closed half a second late."""
HELD_BACK_S = 0.25


DESCRIPTORS = Path("/proc/self/fd")


class _MediaFrame(ctypes.Structure):
    """pjmedia_frame (pjmedia/frame.h)."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buf", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("timestamp", ctypes.c_uint64),
        ("bit_info", ctypes.c_uint32),
    )


class Bridge:
    """The conference bridge without a sound device: `pull` is its clock (pjsua_set_no_snd_dev).

    Called with the interpreter's lock held: it comes back into Python on this thread, eight times a tick.
    """

    def __init__(self) -> None:
        native = ctypes.PyDLL(_pjsua2.__file__)
        native.pjsua_set_no_snd_dev.restype = ctypes.c_void_p
        self._get_frame = native.pjmedia_port_get_frame
        self._get_frame.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        self._port = native.pjsua_set_no_snd_dev()
        self._room = ctypes.create_string_buffer(4 * FRAME_BYTES)
        self._frame = _MediaFrame()
        self._at = ctypes.addressof(self._frame)

    def pull(self) -> None:
        self._frame.buf = ctypes.addressof(self._room)
        self._frame.size = FRAME_BYTES
        self._get_frame(self._port, self._at)


class _Account(pj.Account):  # type: ignore[misc]
    def __init__(self, card: Card) -> None:
        super().__init__()
        self._card = card

    @guarded
    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        self._card.incoming(prm)

    @guarded
    def onIncomingSubscribe(self, prm: Any) -> None:  # noqa: N802
        prm.code = pj.PJSIP_SC_FORBIDDEN


class Card:
    def __init__(self, options: argparse.Namespace, daemon: socket.socket) -> None:
        self._options = options
        self._daemon = daemon
        self._pending: deque[bytes] = deque()
        self._legs: dict[int, Leg] = {}
        self._numbers = 0
        self._held_back: deque[tuple[float, Leg]] = deque()
        self._arrivals: deque[float] = deque(maxlen=NEW_CALLS_A_SECOND)
        self._limits = Limits(options.rtp_timeout, options.ack_timeout)
        self._draining = self._stopping = False
        self._ticks = self._lost = self._underruns = self._stale = self._late_audio = 0
        self._lateness: deque[float] = deque(maxlen=3_000)

    # ----------------------------------------------------------------------------------------------- start

    def start(self) -> None:
        options = self._options
        native = ctypes.PyDLL(_pjsua2.__file__)
        native.pj_log_set_level(0)
        self._endpoint = endpoint = pj.Endpoint()
        endpoint.libCreate()
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = options.pj_log
        # As many as it was compiled for, whatever is asked: the library cuts it down.
        config.uaConfig.maxCalls = 4 if options.max_calls is None else options.max_calls
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.userAgent = "phone-daemon"
        media = config.medConfig
        media.clockRate = 8000
        media.audioFramePtime = media.ptime = round(PTIME_S * 1000)
        media.noVad = True
        media.ecTailLen = 0
        media.sndAutoCloseTime = -1
        media.jbInit = 0
        endpoint.libInit(config)
        # An unacknowledged 200, an unanswered BYE or INVITE: none of them may hold one of so few slots for the 32 s
        # of RFC 3261 (timers B, F and H).
        native.pjsip_tsx_set_timers(0, 0, 0, round(options.ack_timeout * 1000))
        self._max_calls = int(native.pjsua_call_get_max_count())
        self._port = self._listen(options)
        self._sip = _udp_socket(self._port)
        endpoint.libStart()
        self._choose_codecs(options.codecs.split(","))
        if options.loopback:
            endpoint.audDevManager().setNullDev()
        self._bridge = None if options.loopback else Bridge()
        self._access = frame_access()
        if not self._access.direct:
            log("WARNING", "pjsua2 frames are laid out in an unknown way: every frame costs 100 times as much")
        self._account = _Account(self)
        self._account.create(self._account_config(options))
        gc.disable()
        gc.collect()
        gc.freeze()
        version = endpoint.libVersion().full
        log("INFO", f"pjsua2 {version} on {options.bind}:{self._port}/udp, {self._max_calls} calls, {options.codecs}")
        self._send(0, protocol.Hello(os.getpid(), self._max_calls, version, self._port))

    def _listen(self, options: argparse.Namespace) -> int:
        transport = pj.TransportConfig()
        transport.port = options.port
        transport.boundAddress = options.bind
        transport.publicAddress = options.public_address
        try:
            created = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        except pj.Error as error:
            if error.status != PJ_EADDRINUSE:
                raise
            raise PortTaken(f"{options.bind}:{options.port}/udp is in use") from error
        return int(self._endpoint.transportGetInfo(created).localName.rpartition(":")[2])

    def _choose_codecs(self, wanted: list[str]) -> None:
        # `codecs` must outlive the loop: the list belongs to it.
        codecs = self._endpoint.codecEnum2()
        for codec in codecs:
            name = codec.codecId.rpartition("/")[0]
            rank = next((at for at, codec in enumerate(wanted) if ALL_CODECS[codec] == name), None)
            self._endpoint.codecSetPriority(codec.codecId, 0 if rank is None else 250 - rank)

    def _account_config(self, options: argparse.Namespace) -> Any:
        self._host = options.public_address or (options.bind if options.bind != "0.0.0.0" else "127.0.0.1")
        self._host += f":{self._port}"
        config = pj.AccountConfig()
        config.idUri = f"sip:phone-daemon@{self._host}"
        rtp = config.mediaConfig.transportConfig
        rtp.boundAddress = options.bind
        rtp.publicAddress = options.public_address
        rtp.port = options.rtp_port
        return config

    # ------------------------------------------------------------------------------------------------ loop

    def run(self) -> None:
        """Until stopped, by the daemon's word or by its end."""
        due = time.monotonic() + PTIME_S
        while not self._stopping and not (self._draining and not self._legs):
            writers = [self._daemon] if self._pending else []
            ready, _, _ = select.select([self._daemon, self._sip], writers, [], max(due - time.monotonic(), 0))
            if self._daemon in ready:
                self._obey()
            if self._sip in ready:
                self._endpoint.libHandleEvents(0)
            now = time.monotonic()
            if now >= due:
                self._lateness.append(now - due)
                self._tick()
                due += PTIME_S
                if now - due > MAX_BEHIND_S:
                    due = now + PTIME_S
        self._end()

    def _tick(self) -> None:
        if self._bridge is not None:
            self._bridge.pull()
        at_ns = time.monotonic_ns()
        self._ticks += 1
        for leg in self._legs.values():
            leg.settle(at_ns)
        # SIP timers, and what pjmedia's thread left for this one (DTMF).
        self._endpoint.libHandleEvents(0)
        if self._ticks % WATCH_TICKS == 0:
            now = time.monotonic()
            for leg in self._legs.values():
                leg.watch(now)
            while self._held_back and self._held_back[0][0] <= now:
                self._held_back.popleft()[1].refuse(503, 1)
            self._sweep()

    def _sweep(self) -> None:
        """Lets go of calls that pjsua2 is done with; here, because no callback of theirs can be running."""
        over = [number for number, leg in self._legs.items() if leg.gone]
        for number in over:
            leg = self._legs.pop(number)
            leg.release()
            self._underruns += leg.playout.underruns
            self._late_audio += leg.playout.late_audio
            self._stale += leg.stale_frames
            del leg
        if over:
            gc.collect()

    def _end(self) -> None:
        """Hangs up what is left and gives pjsua2 a second to say so."""
        self._draining = True
        for number in self._legs:
            self._legs[number].hang_up(EndReason.DRAINED)
        until = time.monotonic() + 1.0
        while self._legs and time.monotonic() < until:
            self._tick()
            self._sweep()
            time.sleep(0.005)
        self._flush_pending()
        if self._legs:
            # Not one reference to a call, a local variable's neither, may be left in libDestroy: it would abort.
            return
        self._account.shutdown()
        del self._account
        gc.unfreeze()
        gc.collect()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    # ---------------------------------------------------------------------------------------------- daemon

    def _send(self, call: int, message: protocol.Report) -> None:
        packet = protocol.pack(call, message)
        if not self._pending:
            try:
                self._daemon.send(packet)
                return
            except BlockingIOError:
                pass
            except OSError:
                self._stopping = True
                return
        if len(self._pending) >= MAX_PENDING and type(message) is Frame:
            self._lost += 1
            return
        self._pending.append(packet)

    def _flush_pending(self) -> None:
        try:
            while self._pending:
                self._daemon.send(self._pending[0])
                self._pending.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._stopping = True

    def _obey(self) -> None:
        self._flush_pending()
        while True:
            try:
                packet = self._daemon.recv(protocol.MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._stopping = True
                return
            call, command = protocol.unpack(packet)
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
        elif isinstance(command, protocol.AskStats):
            self._send(0, self._stats())
        elif isinstance(command, protocol.Place):
            self._place(call, command)
        elif (leg := self._legs.get(call)) is not None:
            match command:
                case protocol.Play(reply, pcm):
                    leg.playout.play(reply, pcm)
                case protocol.Finish(reply):
                    leg.playout.finish(reply)
                case protocol.Flush(reply):
                    leg.flush(reply)
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
                case protocol.HangUp(reason):
                    leg.hang_up(reason)

    def _stats(self) -> protocol.Stats:
        late = sorted(self._lateness) or [0.0]
        legs = self._legs.values()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return protocol.Stats(
            ticks=self._ticks,
            tick_late_p99_us=round(late[int(len(late) * 0.99)] * 1e6),
            tick_late_max_us=round(late[-1] * 1e6),
            underruns=self._underruns + sum(leg.playout.underruns for leg in legs),
            stale_frames=self._stale + sum(leg.stale_frames for leg in legs),
            late_audio=self._late_audio + sum(leg.playout.late_audio for leg in legs),
            lost_frames=self._lost,
            calls=len(self._legs),
            conf_ports=int(self._endpoint.mediaActivePorts()),
            descriptors=sum(1 for _ in DESCRIPTORS.iterdir()) - 1,
            rss_bytes=pages * resource.getpagesize(),
            cpu_s=usage.ru_utime + usage.ru_stime,
        )

    # ----------------------------------------------------------------------------------------------- calls

    def _leg(self, number: int, call_id: int, *, placed: bool) -> Leg:
        leg = self._legs[number] = Leg(
            self._account,
            call_id,
            placed=placed,
            limits=self._limits,
            access=None if self._options.loopback else self._access,
            send=lambda report: self._send(number, report),
        )
        return leg

    def incoming(self, prm: Any) -> None:
        self._numbers += 1
        leg = self._leg(self._numbers, prm.callId, placed=False)
        now = time.monotonic()
        crowded = len(self._arrivals) == NEW_CALLS_A_SECOND and now - self._arrivals[0] < 1.0
        self._arrivals.append(now)
        if self._draining:
            leg.refuse(503, 30)
        elif crowded:
            self._held_back.append((now + HELD_BACK_S, leg))
        elif self._options.loopback:
            leg.pick_up()
        else:
            message = prm.rdata.wholeMsg
            info = leg.getInfo()
            called = request_user(message) or user_part(info.localUri)
            self._send(self._numbers, protocol.Incoming(user_part(info.remoteUri), called, prm.rdata.srcAddress))

    def _place(self, number: int, command: protocol.Place) -> None:
        if self._draining:
            self._send(number, LineClosed(EndReason.REFUSED, 503, "the line card takes no more calls"))
            return
        leg = self._leg(number, pj.PJSUA_INVALID_ID, placed=True)
        try:
            leg.place(command.uri, command.caller, self._host)
        except pj.Error as error:
            leg.gone = True
            leg.close(EndReason.FAILED, 0, f"{command.uri}: {error.reason}")


class PortTaken(Exception):
    pass


def _udp_socket(port: int) -> socket.socket:
    """pjsua2's SIP socket, to wait on: found by its port among this process's descriptors."""
    for entry in DESCRIPTORS.iterdir():
        try:
            found = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue
        if found.type == socket.SOCK_DGRAM and found.family == socket.AF_INET and found.getsockname()[1] == port:
            return found
        found.close()
    raise RuntimeError(f"no UDP socket on port {port} in this process")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m phone_daemon.wire.line_card", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="our end of the socket pair")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5060, help="0: any free port")
    parser.add_argument("--public-address", default="")
    parser.add_argument("--codecs", default=",".join(ALL_CODECS))
    parser.add_argument("--rtp-port", type=int, default=0, help="0: any free ports")
    parser.add_argument("--rtp-timeout", type=float, default=30.0)
    parser.add_argument("--ack-timeout", type=float, default=5.0)
    parser.add_argument("--max-calls", type=int, help="fewer than it was compiled for")
    parser.add_argument("--pj-log", type=int, default=1, choices=range(7), help="pjsua2's own log level")
    parser.add_argument("--loopback", action="store_true", help="answer, and echo inside pjsua2: the bench's floor")
    options = parser.parse_args()

    # A Ctrl-C reaches the whole process group and systemd's SIGTERM the whole unit; the daemon decides, we follow.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # pjsua2 logs to stdout.
    os.dup2(2, 1)
    daemon = socket.socket(fileno=options.fd)
    daemon.setblocking(False)
    daemon.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    card = Card(options, daemon)
    try:
        card.start()
    except PortTaken as error:
        log("ERROR", f"{error}: stop what holds it (`ss -lunp`), or set another `port` under [sip]")
        return EXIT_PORT
    card.run()
    return 0


if __name__ == "__main__":
    # Past this point nothing is worth an interpreter's shutdown, which pjsua2's objects might not survive.
    code = main()
    sys.stderr.flush()
    os._exit(code)
