"""Puts the caller's packets in order and plays 20 ms a tick, whatever the network did to them. Pure: no clock, no I/O.

aiortc's own buffer waits for four packets, and for sixteen after a loss (320 ms), but an agent that must notice an
interruption cannot wait. This buffer starts with the first packet. A late packet makes it wait that much longer from
then on. While nobody speaks, it soon drops what it does not need: after 200 ms in which it always had more than a frame
to spare, the excess; after a second in which it always had one, that one, too. While somebody speaks, it drops only the
excess, after a second.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from phone_daemon.web.jitter_buffer import is_quiet
from phone_daemon.web.webrtc.opus import OpusError

MAX_PACKETS = 25
"""The most packets that wait: half a second. Older ones are dropped."""
MAX_AHEAD = 100
"""A sequence number that is further than this from the last one, in either direction, belongs to another stream."""
MAX_CONCEALED = 5
"""The most frames in a row that are concealed when nothing comes; silence follows."""
WINDOW = 10
"""The number of ticks (200 ms) over which the buffer must have had more than it needs before it drops silence."""
CALM = 5
"""The number of such windows in a row after which it also drops the last silent frame that it had to spare, or speech
beyond that frame."""
PAUSE = 5
"""The number of silent frames in a row (100 ms) after which nobody speaks: within a word there may be fewer."""


class Decoding(Protocol):
    """The interface of a decoder: `opus.Decoder`."""

    frame_samples: int

    def decode(self, packet: bytes) -> bytes: ...
    def conceal(self, samples: int) -> bytes: ...
    def recover(self, packet: bytes, samples: int) -> bytes: ...


class PacketBuffer:
    """The buffer of one stream. `add` takes packets as they come; `pull` always returns the next 20 ms."""

    def __init__(self, decoder: Decoding) -> None:
        self.lost = 0
        """Packets that came too late or never."""
        self.concealed = 0
        """Frames that were concealed."""
        self.quiet = 0
        """Ticks since the last packet was played."""
        self._decoder = decoder
        self._packets: dict[int, bytes] = {}
        self._next: int | None = None
        self._pcm = bytearray()
        self._frame = self._samples = decoder.frame_samples
        """Samples in the last packet, and so presumably in a lost one."""
        self._ahead = 0
        """Samples concealed while waiting for the next packet: if it is lost, they have already replaced it."""
        self._ticks = 0
        self._spare = MAX_PACKETS * self._frame
        """The fewest samples that waited after a tick of this window."""
        self._calm = self._late = 0
        """Windows in a row in which a frame was always to spare, and in which more than one was."""
        self._excess = 0
        """Frames to drop as soon as nobody speaks."""
        self._lately = deque[bytes](maxlen=PAUSE)
        """The last frames."""

    def add(self, sequence: int, packet: bytes) -> None:
        """Takes a packet with its RTP sequence number; a late or duplicate packet is dropped."""
        if self._next is None:
            self._next = sequence
        ahead = _distance(sequence, self._next)
        if abs(ahead) > MAX_AHEAD:
            self._packets.clear()
            self._next, ahead = sequence, 0
        if ahead < 0:
            return
        self._packets[sequence] = packet
        while len(self._packets) > MAX_PACKETS:
            del self._packets[self._first()]
            self.lost += 1
            self._next = self._first()

    def pull(self) -> bytes:
        """Returns the next 20 ms; silence if there is nothing."""
        self.quiet += 1
        size = 2 * self._frame
        while len(self._pcm) < size and self._packets:
            self._pcm += self._take()
        if len(self._pcm) < size and self._next is not None and self.quiet <= MAX_CONCEALED:
            self._pcm += self._made_up(self._frame)
            self._ahead += self._frame
        frame = bytes(self._pcm[:size])
        del self._pcm[:size]
        self._lately.append(frame)
        self._give_up_some()
        return frame.ljust(size, b"\0")

    def _take(self) -> bytes:
        """Returns the audio of the next packet, or of its replacement."""
        following = self._first()
        missing = _distance(following, self._next or 0)
        if not missing:
            packet = self._packets.pop(following)
            self._next = (following + 1) & 0xFFFF
            self.quiet = self._ahead = 0
            try:
                pcm = self._decoder.decode(packet)
            except OpusError:
                return self._made_up(self._samples)
            self._samples = len(pcm) // 2
            return pcm
        self._next = ((self._next or 0) + 1) & 0xFFFF
        self.lost += 1
        if self._ahead >= self._samples:
            self._ahead -= self._samples
            return b""
        if missing > 1:
            return self._made_up(self._samples)
        self.concealed += 1
        try:
            return self._decoder.recover(self._packets[following], self._samples)
        except OpusError:
            return bytes(2 * self._samples)

    def _made_up(self, samples: int) -> bytes:
        self.concealed += 1
        try:
            return self._decoder.conceal(samples)
        except OpusError:
            return bytes(2 * samples)

    def _give_up_some(self) -> None:
        self._ticks += 1
        self._spare = min(self._spare, len(self._pcm) // 2 + len(self._packets) * self._samples)
        if self._excess and self._packets and all(not each or is_quiet(each) for each in self._lately):
            pcm = self._take()
            if pcm and is_quiet(pcm):
                self._excess -= 1
            else:
                self._pcm += pcm
        if self._ticks < WINDOW:
            return
        frames = self._spare // self._samples
        self._calm = self._calm + 1 if frames else 0
        self._late = self._late + 1 if frames > 1 else 0
        self._excess = max(frames - 1, int(self._calm >= CALM))
        if self._late >= CALM:
            for _ in range(frames - 1):
                if self._packets:
                    self._take()
            self._late = self._excess = 0
        self._ticks, self._spare = 0, MAX_PACKETS * self._frame

    def _first(self) -> int:
        """The sequence number of the earliest packet that waits."""
        start = self._next or 0
        return min(self._packets, key=lambda sequence: _distance(sequence, start))


def _distance(sequence: int, start: int) -> int:
    """How far `sequence` is after `start`, both 16-bit numbers (RFC 3550 appendix A.1); negative: before it."""
    return ((sequence - start + 0x8000) & 0xFFFF) - 0x8000
