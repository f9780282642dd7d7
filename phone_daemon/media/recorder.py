"""`call.wav`: both sides of a call on one timeline, 8 kHz 16-bit stereo, caller left, agent right."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

import numpy as np

from phone_daemon.events import SAMPLE_RATE, Frame

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BYTES_PER_SAMPLE = 4
_LONGEST = (2**32 - 1 - _HEADER.size) // _BYTES_PER_SAMPLE
"""Most samples that a WAV header can count: 37 hours."""


def _header(samples: int) -> bytes:
    data = samples * _BYTES_PER_SAMPLE
    rate = SAMPLE_RATE
    return _HEADER.pack(
        b"RIFF", _HEADER.size - 8 + data, b"WAVE", b"fmt ", 16, 1, 2, rate, rate * _BYTES_PER_SAMPLE, _BYTES_PER_SAMPLE,
        16, b"data", data,
    )  # fmt: skip


class Recorder:
    """Writes the frames of one call to `path` (mode 0600: recordings are personal data).

    Frames are held for a second and then written at their place: two writes of 32 kB into the page cache, which take
    some tens of microseconds. Time that no frame covered is a hole in the file and reads as silence. The header follows
    the data, so the file is a valid WAV from the first second on, whatever happens to the process.

    Raises OSError if the file cannot be created. A later failure (disk full) never reaches the call: recording stops
    there and `fault` says why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._open = True
        self._start = 0
        self._written = 0
        self._caller = bytearray()
        self._agent = bytearray()
        try:
            os.fchmod(self._fd, 0o600)
            os.pwrite(self._fd, _header(0), 0)
        except BaseException:
            self.close()
            raise

    @property
    def _end(self) -> int:
        return self._start + len(self._caller) // 2

    def add(self, frame: Frame) -> None:
        """Takes the next frame; a frame before the end of the recording overwrites what is there."""
        if not self._open or self.fault:
            return
        if frame.position != self._end:
            self._write()
            self._start = frame.position
        self._caller += frame.pcm
        self._agent += frame.agent[: len(frame.pcm)].ljust(len(frame.pcm), b"\0")
        if len(self._caller) >= 2 * SAMPLE_RATE:
            self._write()

    def close(self) -> None:
        """Writes the rest and closes the file; may be called again."""
        if not self._open:
            return
        self._write()
        self._open = False
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _write(self) -> None:
        start, end = self._start, self._end
        if start == end:
            return
        both = np.stack((np.frombuffer(self._caller, "<i2"), np.frombuffer(self._agent, "<i2")), axis=1).tobytes()
        self._start = end
        self._caller, self._agent = bytearray(), bytearray()
        if self.fault:
            return
        try:
            if not 0 <= start <= end <= _LONGEST:
                raise OverflowError(f"samples {start} to {end} do not fit into a WAV file")
            _write_all(self._fd, both, _HEADER.size + start * _BYTES_PER_SAMPLE)
            self._written = max(self._written, end)
            _write_all(self._fd, _header(self._written), 0)
        except (OSError, OverflowError) as error:
            self.fault = f"recording stopped at {start / SAMPLE_RATE:.1f} s: {self.path}: {error}"


def _write_all(fd: int, data: bytes, offset: int) -> None:
    """`os.pwrite` of all `data`: a nearly full disk takes a part first and refuses the rest."""
    while data:
        n = os.pwrite(fd, data, offset)
        data, offset = data[n:], offset + n
