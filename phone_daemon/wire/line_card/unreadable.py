"""Answers requests that pjsip cannot read: it would drop them, and whoever sent them would wait for half a minute.

An edge would even take the card for dead, and give the next card the same request.
"""

from __future__ import annotations

import ctypes
import secrets
import socket
import time
from collections.abc import Callable

from pjsua2 import _pjsua2

from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.guarded import guarded, log
from phone_daemon.wire.line_card.message import SipMessage, parse
from phone_daemon.wire.line_card.refusal import refusal
from phone_daemon.wire.line_card.resubmit import sender_of

TOLD_EVERY_S = 60.0
"""Least time between two lines in the log."""
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
    """Answers by `udp`, a socket on our SIP port: with 400 (RFC 3261 section 21.4.1), or with 403 if `admits` does not
    let the sender (`host:port`) call. What comes by TCP is left unanswered.
    """

    def __init__(self, udp: socket.socket, admits: Callable[[SipMessage, str], bool]) -> None:
        self._udp = udp
        self._admits = admits
        self._told_at = float("-inf")
        # Kept, because pjsip holds a pointer to it.
        self._callback = _Callback(self._dropped)
        _lib.pjsip_tpmgr_set_drop_data_cb(native.transport_manager(), self._callback)

    @guarded
    def _dropped(self, address: int) -> None:
        dropped = _Dropped.from_address(address)
        # A transport begins with its name.
        if not dropped.data or ctypes.string_at(dropped.transport, 3) != b"udp":
            return
        sender = sender_of(dropped.data, dropped.len)
        if sender is None:
            return
        text = ctypes.string_at(dropped.data, dropped.len).decode("utf-8", "replace")
        where = f"{sender[0]}:{sender[1]}"
        admitted = self._admits(parse(text), where)
        answer = refusal(text, secrets.token_hex(6), "400 Bad Request" if admitted else "403 Forbidden")
        if answer is None:
            return
        self._udp.sendto(answer.encode(), sender)
        now = time.monotonic()
        if admitted and now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log("WARNING", f"{where} sent a request that cannot be read; it was answered with 400")
