"""Converts sample rates: 8 kHz → 16 kHz for recognition, a synthesizer's rate → 8 kHz for playout. One object for each
stream.

soxr's ordinary streams filter in blocks of a power of two: at 8 kHz they hold back up to 115 ms (HQ, MQ) or 61 ms (LQ,
which also loses 8 dB at 3.4 kHz) and release it in bursts; QQ holds nothing back, but its images lie at -10 dB. Its
variable-rate engine, held at a fixed ratio, filters in the time domain: it is flat to 3.4 kHz, with images and aliases
below -120 dB, and holds back a constant amount: 30 ms for 8 → 16 kHz, 27 ms for 22.05 → 8 kHz. So that one is used.
Holding back is not a delay: output sample k is the input at time k / target_rate (for lower rates, a phase-bending
half-band stage adds 0.2 ms, 1.1 ms at 3.4 kHz), and `flush` returns the rest at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr


class Resampler:
    """One mono stream of 16-bit PCM from `source_rate` to `target_rate` (Hz).

    The output does not depend on how the input is split. `feed` returns what is ready; `flush` returns the rest and
    resets the object for another stream. A flushed stream of n samples has n * target_rate / source_rate, rounded.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        if source_rate <= 0 or target_rate <= 0:
            raise ValueError(f"cannot resample {source_rate} Hz to {target_rate} Hz: rates must be above 0")
        # float32 internally: soxr dithers int16, and silence must stay silence.
        self._stream = (
            None if source_rate == target_rate else soxr.ResampleStream(source_rate, target_rate, 1, "float32", vr=True)
        )

    def feed(self, pcm: bytes) -> bytes:
        """Takes any number of whole samples and returns what is ready. Raises ValueError for half a sample."""
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes of PCM: not whole 16-bit samples")
        return self._process(pcm, last=False)

    def flush(self) -> bytes:
        """Ends the stream and returns its last samples."""
        rest = self._process(b"", last=True)
        if self._stream is not None:
            self._stream.clear()
        return rest

    def _process(self, pcm: bytes, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        return to_pcm(self._stream.resample_chunk(np.frombuffer(pcm, "<i2").astype(np.float32), last))


def to_pcm(samples: npt.NDArray[np.floating]) -> bytes:
    """Converts samples between -32768 and 32767 to 16-bit PCM; values outside are clipped."""
    pcm: bytes = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
    return pcm
