"""hibari's network and its vocoder, cut so that a sentence is heard before all of it is made.

The network (`hibari.onnx`, distilled from Kokoro-82M) reads a sentence as a whole and decides how long each phoneme is
and how high (melody, stress); what follows looks no further than some frames around the one it makes. The graph is
cut between the two: the first part runs once a sentence, the second over a window that moves along it, with the sound
made of each window put together by overlap-add. It sounds as if it were made at once.

The sound of a frame is a spectrum in three parts: pulses of the voice, filtered; noise, shaped; and what has a phase of
its own. Noise comes from a seed: the same phonemes always give the same samples.
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

from sidecars.engines.onnx_cut import FLOAT, INT64, between

SAMPLE_RATE = 24000
FRAME = 300
"""Samples: 12.5 ms."""
FRAMES_PER_DURATION = 2
CONTEXT = 12
"""Frames made with those of a window, on either side. The convolutions see 27; what lies beyond 12 changes a spectrum
less than rounding does."""
FIRST_WINDOW, WINDOW = 48, 120
"""Frames made at once: 0.6 s, in a few milliseconds, so that speech begins early; then 1.5 s, in a dozen."""
OVERLAP = 4
"""Frames of spectrum that a sample is made of."""
EARLY = 1500
"""Samples by which a phoneme is heard before the time that its duration gives it: Kokoro's own code counts with 75 ms;
against pocketsphinx's alignment of 351 words it is 81 (median), against their onsets after a pause 52."""
BEFORE, AFTER = 12, 16
"""Frames that are made before the first phoneme and after the last: the silence around them is left out."""
NOISE_FRAMES, SEED = 512, 0
"""Noise is drawn once for so many frames, 6.4 s, and comes again after them."""

_HIDDEN, _PITCH, _DURATIONS = "/Concat_43_output_0", "f0", "/Cast_32_output_0"
_SPECTRUM = ("lh", "theta", "ln", "lr", "phi")

Floats = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence whose timing and melody are decided."""

    hidden: Floats
    """[1, 130, frames]"""
    pitch: Floats
    """[frames], in Hz."""
    starts: npt.NDArray[np.int64]
    """The sample of its sound at which each phoneme begins."""
    first: int
    """The frame at which its sound begins."""
    last: int
    """And the one at which it ends."""


class HibariModel:
    """One voice. Used by one thread at a time, and uses no other."""

    def __init__(self, folder: Path) -> None:
        """`folder` has `hibari.onnx` and `vocab.json`. Raises `ValueError` for a file that is not such a model."""
        whole = (folder / "hibari.onnx").read_bytes()
        ids, speed = {"ids": INT64}, {"speed": FLOAT}
        told = {_HIDDEN: FLOAT, _PITCH: FLOAT, _DURATIONS: INT64}
        self._prosody = _session(between(whole, ids | speed, told))
        self._decoder = _session(between(whole, {_HIDDEN: FLOAT}, dict.fromkeys(_SPECTRUM, FLOAT)))
        self.alphabet: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        """The phonemes that it knows, and their numbers."""
        drawn = np.random.default_rng(SEED).standard_normal((NOISE_FRAMES, dsp.N_FFT // 2 + 1, 2), np.float32)
        self._noise: Spectrum = np.ascontiguousarray(drawn.view(np.complex64)[:, :, 0].T)

    def plan(self, phonemes: str, rate: float, begin: int = 0) -> Sentence:
        """`phonemes`, each of `alphabet`, at `rate` (1.0: normal). Of what stands before `begin`, a phoneme that a word
        begins with, only the melody is wanted. From there on one at least is a letter."""
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
        """Its samples, -1 to 1, window by window, from frame `first` on."""
        pulses = np.pad(dsp.pulses(sentence.pitch), OVERLAP // 2 * FRAME)
        held: Spectrum = np.zeros((dsp.N_FFT // 2 + 1, OVERLAP), np.complex64)
        start = sentence.first
        while start < sentence.last:
            end = start + (WINDOW if start > sentence.first else FIRST_WINDOW)
            end = sentence.last if end + WINDOW // 4 > sentence.last else end
            near = pulses[start * FRAME : (end + OVERLAP) * FRAME]
            held = np.concatenate([held[:, -OVERLAP:], self._spectrum(sentence.hidden, start, end, near)], axis=1)
            # At the very beginning half of what is held comes before the first frame.
            before = OVERLAP // (2 if start > sentence.first else 1)
            yield dsp.ola(held)[before * FRAME : -OVERLAP // 2 * FRAME]
            start = end

    def _spectrum(self, hidden: Floats, start: int, end: int, pulses: Floats) -> Spectrum:
        """[601, end - start]: frames `start` to `end`; `pulses` begin and end `OVERLAP` / 2 frames further out."""
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
