"""Intercepts a call's RTP, packet by packet, before pjmedia gets it.

A media transport of pjmedia is an object with a table of functions (pjmedia/transport.h). With `attach2` a stream
registers a callback for packets. A tapped transport has a copy of the table in which that function registers ours
instead. Everything else, in particular sending, stays in C.
"""

from __future__ import annotations

import ctypes
import functools
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.guarded import log

Receive = Callable[[bytes, int], Iterable[bytes]]
"""Takes a packet and the address of its sender's sockaddr (see `sender_of`); returns the packets that pjmedia gets in
its place."""

MAX_BYTES = 2_000
"""PJMEDIA_MAX_MRU, the longest packet that pjmedia takes."""
_OP = 40
"""offsetof(pjmedia_transport, op): after a name of 32 bytes and a type."""
_FUNCTIONS, _ATTACH, _ATTACH2 = 13, 1, 12
"""The number of functions in pjmedia_transport_op, and the indices of two of them."""
_Attach = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_Packet = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


class _AttachParam(ctypes.Structure):
    """pjmedia_transport_attach_param"""

    _fields_ = (
        ("stream", ctypes.c_void_p),
        ("media_type", ctypes.c_int),
        ("rem_addr", ctypes.c_char * 28),
        ("rem_rtcp", ctypes.c_char * 28),
        ("addr_len", ctypes.c_uint),
        ("user_data", ctypes.c_void_p),
        ("rtp_cb", ctypes.c_void_p),
        ("rtcp_cb", ctypes.c_void_p),
        ("rtp_cb2", ctypes.c_void_p),
    )


class _PacketParam(ctypes.Structure):
    """pjmedia_tp_cb_param"""

    _fields_ = (
        ("user_data", ctypes.c_void_p),
        ("pkt", ctypes.c_void_p),
        ("size", ctypes.c_ssize_t),
        ("src_addr", ctypes.c_void_p),
    )


_FIELDS = struct.Struct("@PPnP")
"""The same structure in the format of `struct`, which reads all fields at once."""


class RtpTap:
    """Passes the packets of a call's transports to `receive`. If that raises, pjmedia gets the packet unchanged."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self._transports: set[int] = set()
        self._streams: set[int] = set()

    @property
    def active(self) -> bool:
        """Whether a stream's packets come through here."""
        return bool(self._streams)

    def attach(self, transport: int) -> bool:
        """Taps the pjmedia_transport at that address, before a stream uses it. Returns False, and changes nothing, if
        this build of pjmedia lays it out differently.
        """
        table = ctypes.c_void_p.from_address(transport + _OP)
        ours = _tapped(table.value or 0)
        if ours:
            table.value = ours
            self._transports.add(transport)
            _by_transport[transport] = self
        return bool(ours)

    def close(self) -> None:
        """Stops intercepting. Idempotent."""
        for taps, known in ((_by_transport, self._transports), (_by_stream, self._streams)):
            for address in known:
                if taps.get(address) is self:
                    del taps[address]
            known.clear()

    def carry(self, stream: int) -> None:
        """Registers the stream whose packets have `stream` as their `user_data`."""
        self._streams.add(stream)
        _by_stream[stream] = self


_by_transport: dict[int, RtpTap] = {}
_by_stream: dict[int, RtpTap] = {}
_tables: dict[int, int] = {}
"""The table of functions that replaces each table; 0 if it cannot be replaced. A replacement maps to itself."""
_kept: list[object] = []
"""Objects to which pjmedia has pointers as long as the process lives."""
_deliver: dict[int, Any] = {}
"""pjmedia's own callback for packets, by its address; all streams have the same one."""


def _tapped(table: int) -> int:
    if table not in _tables:
        _tables[table] = 0
        copy = (ctypes.c_void_p * _FUNCTIONS).from_buffer_copy(ctypes.string_at(table, 8 * _FUNCTIONS))
        # Not every transport has the older `attach`.
        if all(native.is_code(address or 0) for at, address in enumerate(copy) if at != _ATTACH):
            hook = _Attach(functools.partial(_attached, _Attach(copy[_ATTACH2] or 0)))
            copy[_ATTACH2] = ctypes.cast(hook, ctypes.c_void_p).value
            _kept.extend((copy, hook))
            address = ctypes.addressof(copy)
            _tables[table] = _tables[address] = address
    return _tables[table]


def _attached(original: Any, transport: int, address: int) -> int:
    param = _AttachParam.from_address(address)
    receive, tap = param.rtp_cb2, _by_transport.get(transport)
    # The structure contains the stream twice, which shows that it is laid out as assumed here.
    if tap is not None and receive and param.stream and param.stream == param.user_data:
        if receive not in _deliver and native.is_code(receive):
            _deliver[receive] = _Packet(receive)
        if receive in _deliver:
            tap.carry(param.user_data)
            param.rtp_cb2 = ctypes.cast(_hook, ctypes.c_void_p).value
    return int(original(transport, address))


def _received(address: int) -> None:
    # This runs for each packet of each call, so all fields are read at once.
    stream, at, size, sender = _FIELDS.unpack(ctypes.string_at(address, _FIELDS.size))
    deliver = next(iter(_deliver.values()))
    tap = _by_stream.get(stream)
    if tap is None or not 0 < size <= MAX_BYTES:
        deliver(address)
        return
    packet = ctypes.string_at(at, size)
    packets: Iterable[bytes] = (packet,)
    try:
        packets = tap.receive(packet, sender)
    except Exception:
        log("ERROR", traceback.format_exc().strip().replace("\n", " | "))
    param = _PacketParam.from_address(address)
    for each in packets:
        if each is not packet:
            ctypes.memmove(_room, each, len(each))
            param.pkt, param.size = ctypes.addressof(_room), len(each)
        deliver(address)
        param.pkt, param.size = at, size


def sender_of(address: int) -> str:
    """`host:port` of the IPv4 sockaddr at an address; empty if there is none."""
    if not address:
        return ""
    raw = ctypes.string_at(address, 8)
    if int.from_bytes(raw[:2], sys.byteorder) != socket.AF_INET:
        return ""
    return f"{socket.inet_ntoa(raw[4:])}:{int.from_bytes(raw[2:4])}"


_hook = _Packet(_received)
_room = ctypes.create_string_buffer(2 * MAX_BYTES)
