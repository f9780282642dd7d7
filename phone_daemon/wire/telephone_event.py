"""DTMF in RTP (RFC 4733): which packets are a new key press, and which repeat the same one. Pure.

A key press is sent in many packets with one timestamp. Any of them may be lost: the first ones, or all but the last.
Two presses of one key differ only in their timestamps.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

from phone_daemon.events import DTMF_EVENTS, SAMPLE_RATE, frame_samples
from phone_daemon.wire.rtp_packet import HEADER, payload_bounds, payload_type

REMEMBERED = 16
"""Number of keys whose packets may still come, late or twice."""
_EVENT = struct.Struct("!BBH")
_END, _RESERVED, _REPEATS = 0x80, 0x40, 2
FIRST_DYNAMIC = 96
"""Payload types from here on mean what a session description says (RFC 3551 section 6)."""


@dataclass(frozen=True, slots=True)
class EventPacket:
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    event: int
    ended: bool
    duration: int
    """In samples; some gateways always send 0."""


def is_event(packet: bytes) -> bool:
    """Whether an RTP packet is a key by its form alone: four bytes under a payload type that stands for nothing by
    itself.
    """
    if len(packet) != HEADER.size + 4 or payload_type(packet) < FIRST_DYNAMIC or packet[0] & 0x3F:
        return False
    event, volume = packet[HEADER.size : HEADER.size + 2]
    return event < len(DTMF_EVENTS) and not volume & _RESERVED


def parse(packet: bytes) -> EventPacket | None:
    """The event in an RTP packet; None if it contains none."""
    if payload_type(packet) < 0:
        return None
    _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
    start, _ = payload_bounds(packet)
    return read_event(packet[start:], sequence, timestamp, ssrc, bool(kind & 0x80))


def read_event(payload: bytes, sequence: int, timestamp: int, ssrc: int, marker: bool) -> EventPacket | None:
    """The event in the `payload` of an RTP packet whose header has been read; None if it contains none."""
    if len(payload) < _EVENT.size:
        return None
    event, volume, duration = _EVENT.unpack_from(payload)
    return EventPacket(sequence, timestamp, ssrc, marker, event, bool(volume & _END), duration)


class KeyPresses:
    """The key presses of one RTP stream, whose events count time in samples at `rate`."""

    def __init__(self, rate: int = SAMPLE_RATE) -> None:
        self._step = frame_samples(rate)
        self._known: deque[tuple[int, int, int]] = deque(maxlen=REMEMBERED)
        """SSRC, timestamp, and event of the packets that were taken."""
        self._last: EventPacket | None = None

    def feed(self, packet: EventPacket) -> str:
        """The key, if `packet` is the first of its press; otherwise empty."""
        key = packet.ssrc, packet.timestamp, packet.event
        last = self._last
        if key in self._known:
            if last is not None and packet.marker and last.ended and _before(last.sequence, packet.sequence, 16):
                # Another press from a gateway whose timestamp never moves.
                self._last = packet
                return DTMF_EVENTS[packet.event] if packet.event < len(DTMF_EVENTS) else ""
            if last is not None and (last.ssrc, last.timestamp, last.event) == key and packet.duration >= last.duration:
                self._last = packet
            return ""
        self._known.append(key)
        if packet.event >= len(DTMF_EVENTS):
            return ""
        if last is not None and _before(packet.timestamp, last.timestamp, 32) and packet.ssrc == last.ssrc:
            return DTMF_EVENTS[packet.event]  # it was overtaken
        self._last = packet
        return "" if last is not None and _goes_on(last, packet, self._step) else DTMF_EVENTS[packet.event]


def _goes_on(last: EventPacket, packet: EventPacket, step: int) -> bool:
    """Whether it is the same key press under another timestamp: its next segment (RFC 4733 section 2.5.1.3), or a
    sender's mistake.

    Some gateways let the timestamp advance within an event. Two presses of one key do not overlap, though.
    """
    if packet.event != last.event or packet.ssrc != last.ssrc or packet.marker:
        return False
    later = (packet.timestamp - last.timestamp) & 0xFFFFFFFF
    if last.ended:
        packets = (packet.sequence - last.sequence) & 0xFFFF
        return packet.ended and packets <= _REPEATS and later <= packets * step
    return later <= last.duration


def _before(number: int, other: int, bits: int) -> bool:
    """Whether `number` comes before `other`, both counted in `bits` bits."""
    return 0 < (other - number) % (1 << bits) < 1 << (bits - 1)
