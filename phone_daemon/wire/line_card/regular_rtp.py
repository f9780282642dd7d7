"""Turns any sender's RTP into RTP that pjmedia plays: in the negotiated codec, in whole units of 10 ms, with timestamps
that count samples and sequence numbers that count packets. Pure.

pjmedia does not play packets with less than 10 ms of audio, and drops an incomplete unit at the end of a packet. It
takes packets with the same timestamp for repetitions of the first. It sorts packets by their sequence numbers even if
these are random. And it ignores audio in any codec but the negotiated one, even if both are a law of G.711, which
everybody supports (RFC 3551 section 6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from phone_daemon.wire.rtp_packet import HEADER, payload_bounds

PCMU, PCMA, G722 = 0, 8, 9
"""The payload types of our codecs, all static (RFC 3551 section 6). For all of them, a byte advances the timestamp by
one."""
UNIT = 80
"""Bytes in 10 ms."""
JUDGED = 16
"""The number of recent pairs of consecutive packets whose timestamps show whether the sender's clock counts samples."""
SURE = 8
"""The number of pairs from which on a majority decides that."""
_FAR = 100
"""A larger step between sequence numbers means that the stream has begun anew."""
_PLAIN = 0x80
"""The first byte of a packet of version 2 without padding, extension, or contributing sources."""


def _ulaw(code: int) -> int:
    """The 16-bit value of a µ-law code (G.711). `media/g711.py` cannot be used, because it needs NumPy, which line
    cards do without."""
    code = ~code & 0xFF
    magnitude = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return -magnitude if code & 0x80 else magnitude


def _alaw(code: int) -> int:
    """The 16-bit value of an A-law code (G.711)."""
    code ^= 0x55
    segment, step = code >> 4 & 7, (code & 15) << 4
    magnitude = step + 8 if not segment else step + 0x108 << segment - 1
    return magnitude if code & 0x80 else -magnitude


def _table(given: Callable[[int], int], wanted: Callable[[int], int]) -> bytes:
    """The nearest code of one law for each code of the other."""
    values = [wanted(code) for code in range(256)]
    from_last = range(255, -1, -1)
    return bytes(min(from_last, key=lambda code: abs(values[code] - value)) for value in map(given, range(256)))


_TRANSLATED = {PCMU: _table(_alaw, _ulaw), PCMA: _table(_ulaw, _alaw)}
"""For each negotiated law (by payload type): its code for each code of the other law."""


class RegularRtp:
    """Regularizes one stream. `codec`: the static payload type of its codec; `agreed`: the negotiated payload type, if
    it is another."""

    def __init__(self, codec: int, agreed: int = -1) -> None:
        self._codec = codec
        self._agreed = codec if agreed < 0 else agreed
        self._ssrc = -1
        self._begin()

    def _begin(self) -> None:
        self._last = (0, 0, 0)
        """Sequence number, timestamp, and size of the last packet as received; size 0 means that there was none."""
        self._right: deque[bool] = deque(maxlen=JUDGED)
        self._counting = False
        """Whether the timestamps are ours, because the sender's do not count samples."""
        self._due = 0
        """The timestamp after the last packet's audio, as passed to pjmedia."""
        self._rest, self._rest_at = b"", 0
        """The audio that did not fill a unit, and its timestamp."""
        self._dropped = 0
        """How many packets were received but not passed to pjmedia."""
        self._number = -1
        """Sequence number of the last packet as received."""
        self._near: deque[bool] = deque(maxlen=JUDGED)
        self._numbers: int | None = None
        """Our own last sequence number, if the sender's are random."""

    def takes(self, number: int) -> bool:
        """Whether audio of that payload type is played."""
        return number in (self._agreed, self._codec) or (number in _TRANSLATED and self._codec in _TRANSLATED)

    def feed(self, packet: bytes) -> tuple[bytes, ...]:
        """Returns what pjmedia gets in place of an RTP packet, which is usually the packet itself."""
        if len(packet) <= HEADER.size or packet[0] >> 6 != 2:
            return (packet,)
        flags, kind, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        number, start, end = kind & 0x7F, HEADER.size, len(packet)
        if not self.takes(number):
            return (packet,)
        other = number != self._agreed
        if flags != _PLAIN:
            start, end = payload_bounds(packet)
        size = end - start
        if size <= 0:
            return (packet,)
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._begin()
        sequence = self._sequence(came := sequence)
        at = self._time(sequence, timestamp, size, marked=bool(kind & 0x80))
        if not (other or self._rest or self._dropped or size % UNIT) and (at, sequence) == (timestamp, came):
            return (packet,)
        audio = packet[start:end]
        if other and number != self._codec:
            audio = audio.translate(_TRANSLATED[self._codec])
        if self._rest and (self._rest_at + len(self._rest)) & 0xFFFFFFFF == at:
            audio, at = self._rest + audio, self._rest_at
        whole = len(audio) // UNIT * UNIT
        self._rest, self._rest_at = audio[whole:], (at + whole) & 0xFFFFFFFF
        if not whole:
            self._dropped += 1
            return ()
        kind = kind & 0x80 | self._agreed
        return (HEADER.pack(_PLAIN, kind, (sequence - self._dropped) & 0xFFFF, at, ssrc) + audio[:whole],)

    def _sequence(self, sequence: int) -> int:
        """The sequence number that the packet should have."""
        before, self._number = self._number, sequence
        if before < 0:
            return sequence
        self._near.append(abs((sequence - before + 0x8000 & 0xFFFF) - 0x8000) < _FAR)
        if self._numbers is None and len(self._near) >= SURE and 4 * sum(self._near) < len(self._near):
            self._numbers = before
        if self._numbers is None:
            return sequence
        # Such a sender's numbers do not show what was lost or overtaken, so packets are numbered in order of arrival.
        self._numbers = (self._numbers + 1) & 0xFFFF
        return self._numbers

    def _time(self, sequence: int, timestamp: int, size: int, *, marked: bool) -> int:
        """The timestamp that the packet should have."""
        before, then, filled = self._last
        step = (sequence - before + 0x8000 & 0xFFFF) - 0x8000
        if filled and step == 1 and not marked:
            # A telephone that sends nothing in a pause may skip time, and sets the marker on the next packet.
            counted = (timestamp - then) & 0xFFFFFFFF
            # Some senders count G.722's samples at their true rate of 16,000 per second; pjmedia handles both.
            self._right.append(counted == filled or (self._codec == G722 and counted == 2 * filled))
            if len(self._right) >= SURE:
                self._counting = 2 * sum(self._right) < len(self._right)
        if self._counting and filled:
            step = step if 0 < abs(step) < _FAR else 1
            timestamp_due = (self._due + (step - 1) * filled) & 0xFFFFFFFF
        else:
            timestamp_due = timestamp
        if not filled or step > 0 or abs(step) >= _FAR:
            self._last = sequence, timestamp, size
            self._due = (timestamp_due + size) & 0xFFFFFFFF
        return timestamp_due
