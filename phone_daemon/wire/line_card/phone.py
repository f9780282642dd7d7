"""pjsua2's endpoint as a line card wants it: one thread, 8 kHz, 20 ms, three codecs, one UDP port, no sound card."""

from __future__ import annotations

import argparse
from typing import Any

import pjsua2 as pj

from phone_daemon.events import PTIME_S, SAMPLE_RATE
from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.options import CODECS
from phone_daemon.wire.line_card.pin import udp_socket

MAX_CALLS = 64
"""Asked for; the library cuts it down to what it was compiled for."""
PJ_EADDRINUSE = 120_000 + 98
"""PJ_ERRNO_START_SYS + EADDRINUSE."""


class PortTaken(Exception):
    """The SIP port is in use."""


class Phone:
    """The started endpoint: `endpoint`, its SIP `port`, the `socket` to wait on, our `host` in URIs."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises `PortTaken`, and `pjsua2.Error` for anything else that fails."""
        native.set_log_level(0)
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        self.endpoint.libInit(_config(options))
        # An unacknowledged 200, an unanswered BYE or INVITE: none of them may hold one of so few slots for 32 s.
        native.set_transaction_timeout(options.ack_timeout)
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
        transport = pj.TransportConfig()
        transport.port = options.port
        transport.boundAddress = options.bind
        transport.publicAddress = options.public_address
        try:
            created = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        except pj.Error as error:
            if error.status == PJ_EADDRINUSE:
                raise PortTaken(f"{options.bind}:{options.port}/udp is in use") from error
            raise
        return int(self.endpoint.transportGetInfo(created).localName.rpartition(":")[2])

    def _choose_codecs(self, wanted: list[str]) -> None:
        # `known` must outlive the loop: the list belongs to it.
        known = self.endpoint.codecEnum2()
        for codec in known:
            name = codec.codecId.rpartition("/")[0]
            rank = next((at for at, codec in enumerate(wanted) if CODECS[codec] == name), None)
            self.endpoint.codecSetPriority(codec.codecId, 0 if rank is None else 250 - rank)

    def account(self, options: argparse.Namespace) -> Any:
        """The configuration of the one account, which takes every call."""
        config = pj.AccountConfig()
        config.idUri = f"sip:phone-daemon@{self.host}"
        rtp = config.mediaConfig.transportConfig
        rtp.boundAddress = options.bind
        rtp.publicAddress = options.public_address
        rtp.port = options.rtp_port
        # The distance from the first port to the last that an RTP socket may have; RTCP takes the one above.
        rtp.portRange = max(options.rtp_range - 2, 0)
        return config


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
    media = config.medConfig
    media.clockRate = SAMPLE_RATE
    media.audioFramePtime = media.ptime = round(PTIME_S * 1000)
    # Packets flow in silence too: the far end's jitter buffer stays filled and NAT bindings stay open.
    media.noVad = True
    media.ecTailLen = 0
    media.sndAutoCloseTime = -1
    # No waiting before the first packet is played; the jitter buffer grows when it has to.
    media.jbInit = 0
    return config
