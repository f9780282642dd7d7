"""An RTP packet's parts (RFC 3550 section 5.1). Pure."""

from __future__ import annotations

import struct

HEADER = struct.Struct("!BBHII")
"""Flags, marker and payload type, sequence number, timestamp, SSRC."""


def payload_type(packet: bytes) -> int:
    """That of an RTP packet; -1 if it is none."""
    return packet[1] & 0x7F if len(packet) >= HEADER.size and packet[0] >> 6 == 2 else -1


def payload_bounds(packet: bytes) -> tuple[int, int]:
    """Where the payload begins and ends; nothing is between them if the packet is torn."""
    start = HEADER.size + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    return start, len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
