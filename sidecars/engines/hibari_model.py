"""hibari's network and its vocoder, divided so that a sentence is heard before all of it is made.

The network (`hibari.onnx`, distilled from Kokoro-82M) reads a whole sentence and decides the duration and pitch of each
phoneme (melody, stress); the following part looks no further than some frames around the current one. The graph is cut
between the two. The first part runs once for each sentence, and the second over a window that moves along it. The sound
of the windows is joined by overlap-add, and sounds as if it had been made at once.

The sound of a frame is a spectrum with three parts: filtered pulses of the voice, shaped noise, and a part with a phase
of its own. The noise comes from a seed, so the same phonemes always give the same samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from hibari import dsp

from sidecars.onnx_cut import FLOAT, INT64, between

SAMPLE_RATE = 24000
FRAME = 300
"""Samples: 12.5 ms."""
FRAMES_PER_DURATION = 2
CONTEXT = 12
"""Frames that are made on either side of a window. The convolutions see 27, but what lies beyond 12 changes a spectrum
less than rounding does."""
FIRST_WINDOW, WINDOW = 48, 120
"""Frames made at once: first 0.6 s, in a few milliseconds, so that speech begins early; then 1.5 s, in a dozen."""
OVERLAP = 4
"""The number of spectrum frames that make up a sample."""
EARLY = 1500
"""The number of samples by which a phoneme is heard before the time that its duration gives. Kokoro's own code uses 75
ms; against pocketsphinx's alignment of 351 words it is 81 ms (median), against their onsets after a pause 52 ms."""
BEFORE, AFTER = 12, 16
"""Frames that are made before the first phoneme and after the last one; the silence around them is left out."""
NOISE_FRAMES, SEED = 512, 0
"""Noise is drawn once for this many frames, 6.4 s, and is then repeated."""

_HIDDEN, _PITCH, _DURATIONS = "/Concat_43_output_0", "f0", "/Cast_32_output_0"
_SPECTRUM = ("lh", "theta", "ln", "lr", "phi")

Floats = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence whose timing and melody have been decided."""

    hidden: Floats
    """[1, 130, frames]"""
    pitch: Floats
    """[frames], in Hz."""
    starts: npt.NDArray[np.int64]
    """The sample at which each phoneme begins in the sound."""
    first: int
    """The frame at which the sound begins."""
    last: int
    """The frame at which the sound ends."""


class HibariModel:
    """One voice. It must be used by one thread at a time, and uses no other itself."""

    def __init__(self, folder: Path) -> None:
        """`folder` contains `hibari.onnx` and `vocab.json`. Raises `ValueError` for a file that is not such a model."""
        whole = (folder / "hibari.onnx").read_bytes()
        ids, speed = {"ids": INT64}, {"speed": FLOAT}
        told = {_HIDDEN: FLOAT, _PITCH: FLOAT, _DURATIONS: INT64}
        self._prosody = _session(between(whole, ids | speed, told))
        self._decoder = _session(between(whole, {_HIDDEN: FLOAT}, dict.fromkeys(_SPECTRUM, FLOAT)))
        self.alphabet: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        """The phonemes that the model knows, and their numbers."""
        drawn = np.random.default_rng(SEED).standard_normal((NOISE_FRAMES, dsp.N_FFT // 2 + 1, 2), np.float32)
        self._noise: Spectrum = np.ascontiguousarray(drawn.view(np.complex64)[:, :, 0].T)

    def plan(self, phonemes: str, rate: float, begin: int = 0) -> Sentence:
        """Plans `phonemes`, each of which is in `alphabet`, at `rate` (1.0: normal). The part before `begin`, an index
        at which a word begins, only serves the melody. From `begin` on, there must be at least one letter.
        """
        ids = np.array([[0, *(self.alphabet[each] for each in phonemes), 0]], np.int64)
        given = {"ids": ids, "speed": np.array([rate], np.float32)}
        hidden, pitch, durations = self._prosody.run([_HIDDEN, _PITCH, _DURATIONS], given)
        ends = np.cumsum(durations.reshape(-1)) * FRAMES_PER_DURATION * FRAME
        starts = ends[: len(phonemes)] - EARLY
        letters = [n for n, phoneme in enumerate(phonemes) if phoneme.isalpha()]
        spoken = [n for n in letters if n < begin]
        silent = int(starts[spoken[-1] + 1]) // FRAME + 1 if spoken else 0
        first = max(silent, int(starts[max(begin, letters[0])]) // FRAME - BEFORE)
        last = min(hidden.shape[2], int(ends[letters[-1] + 1]) // FRAME + AFTER)
        return Sentence(hidden, pitch[0], np.maximum(starts - first * FRAME, 0), first, last)

    def sound(self, sentence: Sentence) -> Iterator[Floats]:
        """Yields the sentence's samples, -1 to 1, window by window, from frame `first` on."""
        pulses = np.pad(dsp.pulses(sentence.pitch), OVERLAP // 2 * FRAME)
        held: Spectrum = np.zeros((dsp.N_FFT // 2 + 1, OVERLAP), np.complex64)
        start = sentence.first
        while start < sentence.last:
            end = start + (WINDOW if start > sentence.first else FIRST_WINDOW)
            end = sentence.last if end + WINDOW // 4 > sentence.last else end
            near = pulses[start * FRAME : (end + OVERLAP) * FRAME]
            held = np.concatenate([held[:, -OVERLAP:], self._spectrum(sentence.hidden, start, end, near)], axis=1)
            # At the very beginning, half of the held samples come before the first frame.
            before = OVERLAP // (2 if start > sentence.first else 1)
            yield dsp.ola(held)[before * FRAME : -OVERLAP // 2 * FRAME]
            start = end

    def _spectrum(self, hidden: Floats, start: int, end: int, pulses: Floats) -> Spectrum:
        """The spectrum [601, end - start] of frames `start` to `end`; `pulses` extend `OVERLAP` / 2 frames further on
        both sides."""
        before, count = min(CONTEXT, start), end - start
        near = np.ascontiguousarray(hidden[:, :, start - before : end + CONTEXT])
        made = self._decoder.run(list(_SPECTRUM), {_HIDDEN: near})
        voice, turn, breath, rest, phase = (part[0, :, before : before + count] for part in made)
        spectrum: Spectrum = dsp.stft(pulses, count + OVERLAP)[:, OVERLAP // 2 : -OVERLAP // 2]
        spectrum = spectrum * _polar(dsp.ex(voice), np.float32(np.pi) * np.tanh(turn))
        spectrum += dsp.ex(breath) * self._noise.take(np.arange(start, end), axis=1, mode="wrap")
        spectrum += _polar(dsp.ex(rest), phase)
        return spectrum


def _polar(length: Floats, angle: Floats) -> Spectrum:
    made = np.empty(length.shape, np.complex64)
    np.multiply(length, np.cos(angle), out=made.real)
    np.multiply(length, np.sin(angle), out=made.imag)
    return made


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
