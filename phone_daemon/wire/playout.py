"""The playout queue of one call: audio is pushed ahead, each tick takes 20 ms of it, and events report what was really
played.

Samples are counted at 8 kHz, on a wideband line too. Pure: no I/O and no clock. The caller of `pull` hands the frame to
RTP before it calls `settle`, so that whatever is reported has happened.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque

from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE, Flushed, PlayoutDone, PlayoutStarted, frame_samples
from phone_daemon.wire.gain import Gain

AUDIBLE = 32
"""The lowest amplitude that counts as sound: -60 dBFS, above what silence decodes to in A-law (8) and TTS dither."""
MAX_QUEUED = 600 * 8000
"""The most samples that may wait in one reply (ten minutes); more are dropped."""
REMEMBERED = 16
"""How many ended replies are remembered, for a flush that arrives after the end."""

PlayoutEvent = PlayoutStarted | PlayoutDone | Flushed
SILENCE = bytes(FRAME_BYTES)


class _Reply:
    __slots__ = ("audible", "finished", "gain", "id", "pcm", "played", "underruns")

    def __init__(self, id: int, by: int) -> None:
        self.id = id
        self.pcm = bytearray()
        self.played = 0
        self.underruns = 0
        self.finished = False
        self.audible = False
        self.gain = Gain(by)


class Playout:
    """Plays replies in the order of their ids. A flushed or overtaken reply never plays again."""

    def __init__(self, rate: int = SAMPLE_RATE) -> None:
        """`rate`: sample rate of the audio that is queued and handed out."""
        self._by = rate // SAMPLE_RATE
        self._width = 2 * self._by
        """Bytes per sample at 8 kHz."""
        self._size = 2 * frame_samples(rate)
        self._silence = bytes(self._size)
        self.reply = 0
        """The reply that is being played, or was played last; 0: none yet."""
        self.played = 0
        """Samples of `reply` that have been handed out."""
        self.source = 0
        """The reply whose samples are in the last frame from `pull`; 0: none."""
        self.underruns = 0
        """Ticks, over all replies, in which a reply was unfinished and its queue empty."""
        self.late_audio = 0
        """Pieces of audio dropped because their reply was flushed, finished, overtaken, or full."""
        self._replies: deque[_Reply] = deque()
        self._newest = 0
        self._flushed = 0
        self._ended: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._started: _Reply | None = None
        self._done: list[_Reply] = []
        self._silenced: list[tuple[int, int, int, int]] = []

    @property
    def queued(self) -> int:
        """Samples waiting to be played."""
        return sum(len(reply.pcm) for reply in self._replies) // self._width

    def play(self, reply: int, pcm: bytes) -> None:
        """Queues audio of `reply`, which ends all replies before it."""
        entry = self._entry(reply)
        if entry is None or len(entry.pcm) // self._width >= MAX_QUEUED:
            self.late_audio += 1
        else:
            entry.pcm += pcm

    def finish(self, reply: int) -> None:
        """Marks the end of `reply`: `PlayoutDone` follows its last sample."""
        entry = self._entry(reply)
        if entry is not None:
            entry.finished = True

    def flush(self, reply: int) -> None:
        """Drops `reply` and all before it. A `Flushed` follows for each that had not ended, and always for `reply`."""
        self._flushed = max(self._flushed, reply)
        while self._replies and self._replies[0].id <= reply:
            entry = self._replies.popleft()
            self._silenced.append((entry.id, entry.played, len(entry.pcm) // self._width, entry.underruns))
            self._end(entry)
        if not self._silenced or self._silenced[-1][0] != reply:
            played, underruns = self._ended.get(reply, (0, 0))
            self._silenced.append((reply, played, 0, underruns))

    def duck(self, reply: int, down: bool) -> None:
        """Lowers or restores the volume of `reply`; does nothing if it is no longer queued."""
        for entry in self._replies:
            if entry.id == reply:
                entry.gain.ducked = down

    def tick(self, position: int, at_ns: int) -> tuple[bytes, list[PlayoutEvent]]:
        """`pull` and `settle` in one call."""
        return self.pull(), self.settle(position, at_ns)

    def pull(self) -> bytes:
        """Takes the next 20 ms out of the queue; empty for silence."""
        self.source = 0
        size = self._size
        while self._replies:
            entry = self._replies[0]
            if len(entry.pcm) < size and not entry.finished:
                # An incomplete frame is held back, so that a late piece joins it without a second gap.
                entry.underruns += 1
                self.underruns += 1
                return b""
            frame = bytes(entry.pcm[:size])
            del entry.pcm[:size]
            if entry.finished and not entry.pcm:
                self._replies.popleft()
                self._done.append(entry)
                if not frame:
                    continue
            entry.played += len(frame) // self._width
            self.reply, self.played, self.source = entry.id, entry.played, entry.id
            frame = frame.ljust(size, b"\0")
            if not entry.audible and loud(frame):
                entry.audible = True
                self._started = entry
            return b"" if frame == self._silence else entry.gain.apply(frame)
        return b""

    def settle(self, position: int, at_ns: int) -> list[PlayoutEvent]:
        """Returns the events of this tick, whose frame was handed to RTP at `at_ns`."""
        events: list[PlayoutEvent] = []
        for reply, played, dropped, underruns in self._silenced:
            events.append(Flushed(reply, played, dropped, underruns, position, at_ns))
        if self._started is not None:
            events.append(PlayoutStarted(self._started.id, position, at_ns))
        for entry in self._done:
            events.append(PlayoutDone(entry.id, entry.played, entry.underruns, position, at_ns))
            self._end(entry)
        if events:
            self._silenced.clear()
            self._done.clear()
            self._started = None
        return events

    def _entry(self, reply: int) -> _Reply | None:
        """The queue entry of `reply`; None if it has ended or was overtaken."""
        if self._replies and self._replies[-1].id == reply:
            entry = self._replies[-1]
            return None if entry.finished else entry
        if reply <= max(self._newest, self._flushed):
            return None
        for older in self._replies:
            older.finished = True
        self._newest = reply
        entry = _Reply(reply, self._by)
        self._replies.append(entry)
        return entry

    def _end(self, entry: _Reply) -> None:
        self._ended[entry.id] = (entry.played, entry.underruns)
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)


def loud(frame: bytes) -> bool:
    """Whether there is any sound in `frame`."""
    amplitudes = array("h", frame)
    return max(amplitudes) >= AUDIBLE or min(amplitudes) <= -AUDIBLE
