"""One end of an RTP stream for measuring on the wire (RFC 3550): sends at a steady pace, and records what arrives.

Nothing is shared with the product's own line card, and there is no jitter buffer: the records show what was on the wire
and when. Arrival times are the kernel's own stamps, so that a busy interpreter does not distort them. One frame is 20
ms of G.711 mu-law at 8 kHz (160 bytes); all times are CLOCK_MONOTONIC nanoseconds.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

FRAME_SAMPLES = 160
FRAME_NS = 20_000_000
SILENT_FRAME = b"\xff" * FRAME_SAMPLES
PCMU = 0
TELEPHONE_EVENT = 101
"""Payload type that the probe offers for RFC 4733 events."""
DIGITS = "0123456789*#ABCD"
"""RFC 4733 section 3.2: the event code is the index."""

_SO_TIMESTAMPNS = 35
"""Linux: SCM_TIMESTAMPNS, CLOCK_REALTIME of the datagram's arrival; Python's socket module has no name for it."""
_HEADER = struct.Struct("!BBHII")
_DTMF_FRAMES = 5
_DTMF_END_FRAMES = 3
"""RFC 4733 section 2.5.1.4: the last packet of an event is sent three times."""


def _decode_table() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """ITU-T G.711 mu-law: the 16-bit value of each code."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


_DECODED = _decode_table()
_ORDER = np.array([code for code in np.argsort(_DECODED, kind="stable") if code != 0x7F])
"""Codes by value; of the two zeros only 0xFF, the positive one, which silence uses on the wire."""
_BOUNDS = (_DECODED[_ORDER].astype(np.int32)[1:] + _DECODED[_ORDER].astype(np.int32)[:-1]) / 2
QUIET = bytes(code for code in range(256) if abs(int(_DECODED[code])) <= 8)
"""Codes of the smallest steps: a packet of only these is silence."""


def to_ulaw(pcm: bytes) -> bytes:
    """Mu-law codes of 16-bit PCM: the nearest of the 256 values (G.711)."""
    return bytes(_ORDER[np.searchsorted(_BOUNDS, np.frombuffer(pcm, "<i2"))].astype(np.uint8))


def to_pcm(ulaw: bytes) -> bytes:
    """The 16-bit PCM of mu-law codes."""
    return _DECODED[np.frombuffer(ulaw, np.uint8)].astype("<i2").tobytes()


def is_silent(ulaw: bytes) -> bool:
    """Whether a mu-law payload is silence."""
    return not ulaw.translate(None, QUIET)


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet that arrived, as it was on the wire."""

    at_ns: int
    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes
    source: tuple[str, int]

    @property
    def silent(self) -> bool:
        """No audio (another payload type), or silence."""
        return self.payload_type != PCMU or is_silent(self.payload)


def parse(datagram: bytes, at_ns: int, source: tuple[str, int]) -> Packet | None:
    """The RTP packet in a datagram; None if it is not RTP version 2 (RFC 3550 section 5.1)."""
    if len(datagram) < _HEADER.size or datagram[0] >> 6 != 2:
        return None
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    start = _HEADER.size + 4 * (flags & 0x0F)
    if flags & 0x10 and len(datagram) >= start + 4:
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    end = len(datagram) - (datagram[-1] if flags & 0x20 else 0)
    return Packet(at_ns, sequence, timestamp, ssrc, kind & 0x7F, bool(kind & 0x80), datagram[start:end], source)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech: packets that are not silent, with pauses shorter than a given gap."""

    first_ns: int
    last_ns: int
    packets: int


def segments(packets: Iterable[Packet], gap_s: float = 0.3) -> list[Segment]:
    """Stretches of speech among `packets`, in order."""
    found: list[Segment] = []
    for packet in packets:
        if packet.silent:
            continue
        if found and packet.at_ns - found[-1].last_ns <= gap_s * 1e9:
            found[-1] = Segment(found[-1].first_ns, packet.at_ns, found[-1].packets + 1)
        else:
            found.append(Segment(packet.at_ns, packet.at_ns, 1))
    return found


@dataclass(frozen=True, slots=True)
class Continuity:
    """How completely a stream arrived."""

    received: int
    lost: int
    reordered: int


def continuity(packets: Sequence[Packet]) -> Continuity:
    """Loss and reordering by sequence number, wrapping at 2^16 (RFC 3550 appendix A.1)."""
    if not packets:
        return Continuity(0, 0, 0)
    highest = extended = packets[0].sequence
    lowest, seen, reordered = extended, set(), 0
    for packet in packets:
        step = (packet.sequence - extended) & 0xFFFF
        extended += step - 0x10000 if step >= 0x8000 else step
        reordered += extended < highest
        highest, lowest = max(highest, extended), min(lowest, extended)
        seen.add(extended)
    return Continuity(len(packets), highest - lowest + 1 - len(seen), reordered)


@dataclass(slots=True)
class Played:
    """Audio handed to a stream, and when each of its frames went out."""

    frames: int
    sent_ns: list[int] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def at(self, sample: int) -> int:
        """When the frame with that sample of the audio was sent. Raises `IndexError` if it has not been."""
        return self.sent_ns[sample // FRAME_SAMPLES]


class RtpEnd:
    """Sends a frame every 20 ms from its own thread, with silence if there is nothing to say; records what arrives.

    `packets` only grows and may be read at any time. Nothing is sent before `aim`. `close` ends the thread.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._socket = self._out = self._bind()
        self.port: int = self._socket.getsockname()[1]
        self._abandoned: list[socket.socket] = []
        self.packets: list[Packet] = []
        self.sent = 0
        self.sending = True
        """False: sends nothing at all, not even silence (the clock keeps running)."""
        self.backwards = 1
        """This many packets at a time are sent in reverse order, one per tick: 3 gives 3, 2, 1, 6, 5, 4."""
        self._held: list[bytes] = []
        self._turned: list[bytes] = []
        self.target: tuple[str, int] | None = None
        """The address that it sends to; None before `aim`."""
        self._queue: deque[tuple[Played | None, int, bool, bytes, int]] = deque()
        self._sequence = random.randrange(0x10000)
        self._timestamp = random.randrange(0x1_0000_0000)
        self._ssrc = random.randrange(0x1_0000_0000)
        self._start()

    def aim(self, host: str, port: int) -> None:
        """Sends to this address from now on."""
        self.target = (host, port)

    def play(self, pcm: bytes) -> Played:
        """Queues 8 kHz 16-bit PCM; the last frame is padded with silence."""
        ulaw = to_ulaw(pcm)
        frames = [ulaw[at : at + FRAME_SAMPLES] for at in range(0, len(ulaw), FRAME_SAMPLES)]
        played = Played(len(frames))
        if not frames:
            played.done.set()
        self._queue.extend((played, PCMU, False, frame.ljust(FRAME_SAMPLES, b"\xff"), 0) for frame in frames)
        return played

    def press(self, digits: str) -> Played:
        """Queues DTMF digits as RFC 4733 events of 100 ms, with 60 ms of silence after each."""
        for digit in digits:
            if digit not in DIGITS:
                raise ValueError(f"digit {digit!r}: not one of {DIGITS}")
        length = _DTMF_FRAMES + _DTMF_END_FRAMES
        played = Played(len(digits) * (length + 3))
        for digit in digits:
            for step in range(length):
                end = step >= _DTMF_FRAMES
                duration = FRAME_SAMPLES * min(step + 1, _DTMF_FRAMES + 1)
                event = struct.pack("!BBH", DIGITS.index(digit), 0x80 * end | 10, duration)
                # All packets of one event carry the timestamp of its beginning (RFC 4733 section 2.2).
                self._queue.append((played, TELEPHONE_EVENT, step == 0, event, -FRAME_SAMPLES * step))
            self._queue.extend([(played, PCMU, False, SILENT_FRAME, 0)] * 3)
        if not digits:
            played.done.set()
        return played

    def move(self) -> int:
        """Continues to send from another port, as a stranger would, and returns it; still listens on the old one.

        Once only: a second call raises `RuntimeError`.
        """
        if self._out is not self._socket:
            raise RuntimeError("the RTP source has moved already")
        self._ssrc = random.randrange(0x1_0000_0000)
        self._out = self._bind()
        return int(self._out.getsockname()[1])

    def rebind(self) -> int:
        """Continues the same stream from another port, and listens only there: as if a NAT binding were renewed."""
        self._abandoned.append(self._socket)
        self._socket = self._out = self._bind()
        self.port = self._socket.getsockname()[1]
        return self.port

    def since(self, at_ns: int) -> list[Packet]:
        """Packets that arrived after a moment."""
        return [packet for packet in list(self.packets) if packet.at_ns > at_ns]

    def audio(self) -> bytes:
        """All audio that arrived, as 16-bit PCM in order of arrival."""
        return b"".join(to_pcm(packet.payload) for packet in list(self.packets) if packet.payload_type == PCMU)

    def close(self) -> None:
        """Ends the thread and frees the ports; idempotent."""
        self._stop.set()
        self._thread.join()

    # ------------------------------------------------------------------------------------------- the thread

    def _start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rtp {self.port}", daemon=True)
        self._thread.start()

    def _bind(self) -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        end.bind((self._host, 0))
        end.setblocking(False)
        return end

    def _run(self) -> None:
        first, tick = time.monotonic_ns(), 0
        try:
            while not self._stop.is_set():
                # Deadlines count from the first tick: a late tick does not make the stream drift.
                wait = first + tick * FRAME_NS - time.monotonic_ns()
                if wait > 0:
                    if select.select([self._socket], [], [], wait / 1e9)[0]:
                        self._receive()
                    continue
                tick += 1
                self._send()
        finally:
            self._release()

    def _release(self) -> None:
        self._socket.close()
        self._out.close()
        for abandoned in self._abandoned:
            abandoned.close()
        for played, *_ in self._queue:
            if played:
                played.done.set()

    def _receive(self) -> None:
        while True:
            try:
                datagram, ancillary, _, source = self._socket.recvmsg(4096, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            at = time.monotonic_ns()
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value)
                    at -= max(0, time.time_ns() - seconds * 1_000_000_000 - nanoseconds)
            self._keep(datagram, at, source)

    def _keep(self, datagram: bytes, at_ns: int, source: tuple[str, int]) -> None:
        if packet := parse(datagram, at_ns, source):
            self.packets.append(packet)

    def _send(self) -> None:
        if self.target is None:
            return
        played, kind, marker, payload, back = self._queue.popleft() if self._queue else (None, 0, False, b"", 0)
        timestamp = (self._timestamp + back) & 0xFFFFFFFF
        header = _HEADER.pack(0x80, 0x80 * marker | kind, self._sequence, timestamp, self._ssrc)
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        if self.sending:
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._held.append(header + (payload or SILENT_FRAME))
            if len(self._held) >= self.backwards:
                self._turned, self._held = [*self._held, *self._turned], []
            try:
                if self._turned:
                    self._out.sendto(self._turned.pop(), self.target)
                    self.sent += 1
            except (BlockingIOError, ConnectionRefusedError):
                pass  # the other end is gone: SIP will report it
        if played:
            played.sent_ns.append(time.monotonic_ns())
            if len(played.sent_ns) == played.frames:
                played.done.set()
