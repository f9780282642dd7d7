"""Hands pjsip a SIP message in place of one that it has just received, as if the other had come by the same transport.

pjproject has no function for this, but all the parts: a received message (`pjsip_rx_data`) can be cloned, its packet
and sender exchanged, and the clone given to the transport manager, which parses it anew.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys

from pjsua2 import _pjsua2

from phone_daemon.wire.line_card import native

_lib = ctypes.PyDLL(_pjsua2.__file__)
_lib.pjsip_rx_data_clone.argtypes = (ctypes.c_void_p, ctypes.c_uint, ctypes.POINTER(ctypes.c_void_p))
_lib.pjsip_rx_data_free_cloned.argtypes = (ctypes.c_void_p,)
_lib.pjsip_tpmgr_receive_packet.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_lib.pjsip_tpmgr_receive_packet.restype = ctypes.c_ssize_t

ROOM = 4_000
"""PJSIP_MAX_PKT_LEN of this wheel."""


class _Packet(ctypes.Structure):
    """`pkt_info` of pjsip_rx_data (pjsip/sip_transport.h)."""

    _fields_ = (
        ("timestamp", ctypes.c_long * 2),
        ("packet", ctypes.c_char * ROOM),
        ("zero", ctypes.c_uint32),
        ("len", ctypes.c_ssize_t),
        ("src_addr", ctypes.c_char * 28),
        ("src_addr_len", ctypes.c_int),
        ("src_name", ctypes.c_char * 46),
        ("src_port", ctypes.c_int),
    )


_TP_INFO = 3 * 8 + 34 * 8 + 8
"""sizeof(pjsip_rx_data.tp_info): three pointers, an operation key of the I/O queue, and a pointer."""

_PEER = 32 + 4 * 8 + 3 * 4 + 4 + 8
"""offsetof(pjsip_transport, key.rem_addr): a name, four pointers, three flags with their padding, and a type."""


def resubmit(handle: int, received: bytes, text: bytes, sender: tuple[str, int] | None = None) -> bool:
    """Makes pjsip take `text` in place of `received`, which must be the content of the message `handle`.

    `sender`: where it came from (IPv4), if not from the same place. Returns False, and does nothing, if `text` is too
    long or this build of pjsip lays its messages out differently.
    """
    packet = _Packet.from_address(handle + _TP_INFO)
    held = ctypes.string_at(ctypes.addressof(packet) + _Packet.packet.offset, min(len(received), 64))
    if not (0 < len(text) < ROOM and 0 < packet.len < ROOM and received[:64] == held and _is_ours(packet)):
        return False
    clone = ctypes.c_void_p()
    if _lib.pjsip_rx_data_clone(handle, 0, ctypes.byref(clone)) or not clone.value:
        return False
    try:
        copy = _Packet.from_address(clone.value + _TP_INFO)
        ctypes.memset(ctypes.addressof(copy) + _Packet.packet.offset, 0, ROOM)
        ctypes.memmove(ctypes.addressof(copy) + _Packet.packet.offset, text, len(text))
        copy.len = len(text)
        if sender is not None:
            host, port = sender
            address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))
            ctypes.memmove(ctypes.addressof(copy) + _Packet.src_addr.offset, address, len(address))
            copy.src_addr_len, copy.src_name, copy.src_port = len(address), host.encode(), port
        _lib.pjsip_tpmgr_receive_packet(native.transport_manager(), clone.value)
    finally:
        _lib.pjsip_rx_data_free_cloned(clone.value)
    return True


def sender_of(data: int, length: int) -> tuple[str, int] | None:
    """The IPv4 sender of the datagram of `length` bytes that is at address `data` in pjsip's memory; None if this build
    of pjsip lays its messages out differently.
    """
    packet = _Packet.from_address(data - _Packet.packet.offset)
    if packet.len != length or not _is_ours(packet):
        return None
    return packet.src_name.decode(), packet.src_port


def peer_of(transport: int) -> tuple[str, int] | None:
    """The IPv4 peer of a connection, the pjsip_transport at that address; None if this build lays it out differently,
    which shows in a number that is no address family.
    """
    raw = ctypes.string_at(transport + _PEER, 8)
    if int.from_bytes(raw[:2], sys.byteorder) != socket.AF_INET:
        return None
    return socket.inet_ntoa(raw[4:]), int.from_bytes(raw[2:4])


def _is_ours(packet: _Packet) -> bool:
    """Whether the sender appears twice, as an address and in words, which shows that the structure is the one known
    here."""
    if packet.src_addr_len != 16:
        return False
    raw = ctypes.string_at(ctypes.addressof(packet) + _Packet.src_addr.offset, 8)
    return bool(packet.src_name == socket.inet_ntoa(raw[4:]).encode() and packet.src_port == int.from_bytes(raw[2:4]))
