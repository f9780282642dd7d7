"""pjsua2's endpoint as a line card needs it: one thread, 8 kHz, 20 ms, three codecs, one port, no sound card."""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import pjsua2 as pj

from phone_daemon.events import PTIME_S, SAMPLE_RATE
from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.options import CODECS
from phone_daemon.wire.line_card.pin import udp_socket
from phone_daemon.wire.line_card.tcp_gate import TcpGate, free_port
from phone_daemon.wire.line_card.tcp_streams import TcpStreams

MAX_CALLS = 64
"""The number asked for; the library limits it to what it was compiled for."""
PJ_EADDRINUSE = 120_000 + 98
"""PJ_ERRNO_START_SYS + EADDRINUSE."""


class PortTaken(Exception):
    """The SIP port is in use."""


class Phone:
    """The started endpoint: `endpoint`, its SIP `port`, the `socket` to wait on, our `host` in URIs."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises `PortTaken` if the port is in use, and `pjsua2.Error` for any other failure."""
        native.set_log_level(0)
        self.endpoint = _Endpoint(self._connection)
        self.endpoint.libCreate()
        self.endpoint.libInit(_config(options))
        # An unacknowledged 200, or an unanswered BYE or INVITE, must not hold one of so few slots for 32 s.
        native.set_transaction_timeout(options.ack_timeout)
        self._gate: TcpGate | None = None
        self.streams: TcpStreams | None = None
        """Stands between pjsip and its TCP connections."""
        self.port = self._listen(options)
        found = udp_socket(self.port)
        if found is None:
            raise RuntimeError(f"no UDP socket on port {self.port} in this process")
        self.socket = found
        host = options.public_address or options.bind.replace("0.0.0.0", "127.0.0.1")
        self.host = f"{host}:{self.port}"
        self.endpoint.libStart()
        self._choose_codecs(options.codecs.split(","))

    def _listen(self, options: argparse.Namespace) -> int:
        tcp = "tcp" in options.transports.split(",")
        port = options.port or (free_port(options.bind) if tcp else 0)
        port = self._create(options, pj.PJSIP_TRANSPORT_UDP, port, "udp")
        if tcp:
            self._create(options, pj.PJSIP_TRANSPORT_TCP, port, "tcp")
            self._gate = TcpGate(port)
        return port

    def _create(self, options: argparse.Namespace, kind: int, port: int, name: str) -> int:
        """Listens on `port` (0: any free port), and returns the port."""
        transport = pj.TransportConfig()
        transport.port = port
        transport.boundAddress = options.bind
        transport.publicAddress = options.public_address
        if kind == pj.PJSIP_TRANSPORT_TCP:
            # Otherwise a card that takes a dead card's place would have to wait until its connections are forgotten.
            reuse = pj.SockOpt()
            reuse.level, reuse.optName = socket.SOL_SOCKET, socket.SO_REUSEADDR
            reuse.setOptValInt(1)
            transport.sockOptParams.sockOpts.append(reuse)
        try:
            created = self.endpoint.transportCreate(kind, transport)
        except pj.Error as error:
            if error.status == PJ_EADDRINUSE:
                raise PortTaken(f"{options.bind}:{port}/{name} is in use") from error
            raise
        return int(self.endpoint.transportGetInfo(created).localName.rpartition(":")[2])

    @property
    def sockets(self) -> list[socket.socket]:
        """The TCP sockets on which something may come."""
        listener = [] if self._gate is None else [self._gate.listener]
        return listener + ([] if self.streams is None else self.streams.sockets)

    def watch(self, now: float) -> None:
        """Call this at every tick."""
        if self._gate is not None:
            self._gate.watch(now)
        self.pump()

    def pump(self) -> None:
        """Passes on what comes and goes by TCP."""
        if self.streams is not None:
            self.streams.pump()

    def admit(self, networks: Iterable[str]) -> None:
        """Lets only these networks connect."""
        if self._gate is not None:
            self._gate.admit(networks)

    def _connection(self, connection: int, opened: bool) -> None:
        if opened and self.streams is not None:
            self.streams.adopt()
        if self._gate is not None and opened:
            self._gate.opened(connection, time.monotonic())
        elif self._gate is not None:
            self._gate.closed(connection)

    def _choose_codecs(self, wanted: list[str]) -> None:
        # `known` must outlive the loop: the list belongs to it.
        known = self.endpoint.codecEnum2()
        for codec in known:
            name = codec.codecId.rpartition("/")[0]
            rank = next((at for at, codec in enumerate(wanted) if CODECS[codec] == name), None)
            self.endpoint.codecSetPriority(codec.codecId, 0 if rank is None else 250 - rank)

    def account(self, options: argparse.Namespace) -> Any:
        """The configuration that all accounts share."""
        config = pj.AccountConfig()
        config.idUri = f"sip:phone-daemon@{self.host}"
        # An answer with several codecs is taken as it is: not every trunk bears another INVITE right after it.
        config.mediaConfig.lockCodecEnabled = False
        rtp = config.mediaConfig.transportConfig
        rtp.boundAddress = options.bind
        rtp.publicAddress = options.public_address
        rtp.port = options.rtp_port
        # The distance between the first and the last port that an RTP socket may have; RTCP takes the next port up.
        rtp.portRange = max(options.rtp_range - 2, 0)
        return config


class _Endpoint(pj.Endpoint):  # type: ignore[misc]
    def __init__(self, connection: Callable[[int, bool], None]) -> None:
        super().__init__()
        self._connection = connection

    def onTransportState(self, prm: Any) -> None:  # noqa: N802
        if prm.type.startswith("TCP") and prm.state in (pj.PJSIP_TP_STATE_CONNECTED, pj.PJSIP_TP_STATE_DESTROY):
            self._connection(int(prm.hnd), prm.state == pj.PJSIP_TP_STATE_CONNECTED)


def _config(options: argparse.Namespace) -> Any:
    config = pj.EpConfig()
    log = config.logConfig
    log.level = log.consoleLevel = options.pj_log
    log.decor = pj.PJ_LOG_HAS_LEVEL_TEXT | pj.PJ_LOG_HAS_SENDER | pj.PJ_LOG_HAS_NEWLINE
    agent = config.uaConfig
    agent.maxCalls = min(options.max_calls, MAX_CALLS)
    agent.threadCnt = 0
    agent.mainThreadOnly = True
    agent.userAgent = "phone-daemon"
    agent.natTypeInSdp = 0
    media = config.medConfig
    media.clockRate = SAMPLE_RATE
    media.audioFramePtime = media.ptime = round(PTIME_S * 1000)
    # Packets are sent in silence too: the far end's jitter buffer stays filled and NAT bindings stay open.
    media.noVad = True
    # RTP is read at each tick, just before the bridge is pulled, which is when it is needed. A thread of pjmedia's own
    # would wake for each packet, and a hundred times a second for none.
    media.hasIoqueue = False
    media.threadCnt = 0
    media.ecTailLen = 0
    media.sndAutoCloseTime = -1
    # There is no wait before the first packet is played; the jitter buffer grows when it has to.
    media.jbInit = 0
    return config
