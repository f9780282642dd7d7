"""The media of many callers in one thread: sends a frame every 20 ms for each, and records only when packets arrived.

A thread for each caller, as `RtpEnd` has alone, would cost more than the calls do.
"""

from __future__ import annotations

import threading
import time
from array import array

import numpy as np
import numpy.typing as npt

from ops.witness.rtp import FRAME_NS, PCMU, RtpEnd, is_silent, parse

SLOTS = 10
"""Callers are spread over the 20 ms: packets that leave all at once would wait for each other."""


class Media:
    """`with Media() as media: Probe(uri, rtp=media.end())`. Leaving ends the thread."""

    def __init__(self) -> None:
        self._slots: list[list[LeanEnd]] = [[] for _ in range(SLOTS)]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.late_ns = array("q")
        """How late each round of sending was; anything above a few milliseconds is the fault of the callers and not of
        the system under test."""
        self._thread = threading.Thread(target=self._run, name="media of all callers", daemon=True)

    def __enter__(self) -> Media:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def end(self) -> LeanEnd:
        """Media for another caller, who has to close it."""
        return LeanEnd(self)

    def add(self, end: LeanEnd) -> None:
        with self._lock:
            min(self._slots, key=len).append(end)

    def remove(self, end: LeanEnd) -> None:
        """Stops sending and receiving for `end`."""
        with self._lock:
            for slot in self._slots:
                if end in slot:
                    slot.remove(end)

    def _run(self) -> None:
        first, tick = time.monotonic_ns(), 0
        while not self._stop.is_set():
            due = first + tick * FRAME_NS // SLOTS
            if (wait := due - time.monotonic_ns()) > 0:
                time.sleep(wait / 1e9)
            self.late_ns.append(time.monotonic_ns() - due)
            with self._lock:
                for end in self._slots[tick % SLOTS]:
                    end.tick()
            tick += 1


class LeanEnd(RtpEnd):
    """A caller's end of a stream that records the times of packets, and whether they had sound, but not the packets, so
    that hours of calls fit into memory.
    """

    def __init__(self, media: Media) -> None:
        self._media = media
        self.at_ns = array("q")
        """When each packet of audio arrived (the kernel's own stamps)."""
        self.loud = bytearray()
        """For each of them: 1 if it had sound."""
        self.loud_ns = 0
        """When the last one with sound arrived; 0: none has."""
        self._first = self._last = -1
        super().__init__()

    def tick(self) -> None:
        """Takes what has arrived and sends a frame."""
        self._receive()
        self._send()

    def close(self) -> None:
        self._media.remove(self)
        self._release()

    @property
    def heard(self) -> bool:
        """Whether the agent was heard at all."""
        return self.loud_ns > 0

    @property
    def lost(self) -> int:
        """Packets that never arrived, by their sequence numbers."""
        return self._last - self._first + 1 - len(self.at_ns) if len(self.at_ns) else 0

    def gaps_ms(self) -> npt.NDArray[np.float64]:
        """The times between packets."""
        return np.diff(np.array(self.at_ns[:], np.float64)) / 1e6

    def _start(self) -> None:
        self._media.add(self)

    def _keep(self, datagram: bytes, at_ns: int, source: tuple[str, int]) -> None:
        packet = parse(datagram, at_ns, source)
        if packet is None or packet.payload_type != PCMU:
            return
        loud = not is_silent(packet.payload)
        self.at_ns.append(at_ns)
        self.loud.append(loud)
        if loud:
            self.loud_ns = at_ns
        if self._first < 0:
            self._first = self._last = packet.sequence
            return
        step = (packet.sequence - self._last) & 0xFFFF
        self._last += step if step < 0x8000 else 0
