"""The parts of an RTP packet (RFC 3550 section 5.1). Pure."""

from __future__ import annotations

import struct

HEADER = struct.Struct("!BBHII")
"""Flags, marker and payload type, sequence number, timestamp, SSRC."""


def payload_type(packet: bytes) -> int:
    """The payload type of an RTP packet; -1 if it is not one."""
    return packet[1] & 0x7F if len(packet) >= HEADER.size and packet[0] >> 6 == 2 else -1


def payload_bounds(packet: bytes) -> tuple[int, int]:
    """Where the payload begins and ends; both are the same if the packet is truncated."""
    start = HEADER.size + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    return start, len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
