"""Answers messages that pjsip cannot parse. It would drop them, and the sender would wait for half a minute.

An edge would even take the card for dead, and pass the same request to the next card.
"""

from __future__ import annotations

import ctypes
import re
import secrets
import socket
import time
from collections.abc import Callable

from pjsua2 import _pjsua2

from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.guarded import guarded, log
from phone_daemon.wire.line_card.long_messages import LongMessages
from phone_daemon.wire.line_card.message import SipMessage, parse
from phone_daemon.wire.line_card.next_hop import readable
from phone_daemon.wire.line_card.refusal import refusal
from phone_daemon.wire.line_card.resubmit import peer_of, sender_of
from phone_daemon.wire.line_card.tcp_streams import TcpStreams

_OTHER_VERSION = re.compile(r"\S+ \S+ SIP/(?!2\.0\s)\d+\.\d+\s", re.IGNORECASE)
TOLD_EVERY_S = 60.0
"""The least time between two log lines."""
_lib = ctypes.PyDLL(_pjsua2.__file__)
_Callback = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_lib.pjsip_tpmgr_set_drop_data_cb.argtypes = (ctypes.c_void_p, _Callback)


class _Dropped(ctypes.Structure):
    """pjsip_tp_dropped_data (pjsip/sip_transport.h)"""

    _fields_ = (
        ("transport", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("len", ctypes.c_size_t),
        ("status", ctypes.c_int),
    )


class Unreadable:
    """Answers requests with 400 (RFC 3261 section 21.4.1), with 505 if they are of another version of SIP, or with 403
    if `admits` does not let the sender (`host:port`) call. Answers go through `udp`, a socket on our SIP port, or on
    the connection in `streams`. The legible part of a response is submitted through `long`.
    """

    def __init__(
        self,
        udp: socket.socket,
        streams: TcpStreams,
        long: LongMessages,
        admits: Callable[[SipMessage, str], bool],
    ) -> None:
        self._udp, self._streams, self._long, self._admits = udp, streams, long, admits
        self._told_at = float("-inf")
        # Kept, because pjsip holds a pointer to it.
        self._callback = _Callback(self._dropped)
        _lib.pjsip_tpmgr_set_drop_data_cb(native.transport_manager(), self._callback)

    @guarded
    def _dropped(self, address: int) -> None:
        dropped = _Dropped.from_address(address)
        if not dropped.data:
            return
        # A transport begins with its name. Over TCP the buffer may hold other messages, too, but the connection's peer
        # does not change.
        tcp = ctypes.string_at(dropped.transport, 3) == b"tcp"
        sender = peer_of(dropped.transport) if tcp else sender_of(dropped.data, dropped.len)
        if sender is None:
            return
        raw = ctypes.string_at(dropped.data, dropped.len)
        text, where = raw.decode("utf-8", "replace"), f"{sender[0]}:{sender[1]}"
        if plain := readable(text, where):
            self._long.submit(plain.encode(), sender)
            self._say(f"{where} sent a response that cannot be read as a whole; it is used as far as it can be")
            return
        admitted = self._admits(parse(text), where)
        status = "505 Version Not Supported" if _OTHER_VERSION.match(text) else "400 Bad Request"
        answer = refusal(text, secrets.token_hex(6), status if admitted else "403 Forbidden")
        if answer is None:
            return
        if tcp:
            self._streams.send(answer.encode(), sender)
        else:
            self._udp.sendto(answer.encode(), sender)
        if admitted:
            self._say(f"{where} sent a request that cannot be read; it was answered with {status[:3]}")

    def _say(self, what: str) -> None:
        now = time.monotonic()
        if now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log("WARNING", what)
