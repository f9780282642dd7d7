"""hibari's network and its vocoder, cut so that a sentence is heard before all of it is made.

The network (`hibari.onnx`, distilled from Kokoro-82M) reads a sentence as a whole and decides how long each phoneme is
and how high (melody, stress); what follows looks no further than `CONTEXT` frames around the one it makes. The graph is
cut between the two: the first part runs once a sentence, the second over a window that moves along it, with the sound
made of each window put together by overlap-add. It sounds as if it were made at once.

The sound of a frame is a spectrum in three parts: pulses of the voice, filtered; noise, shaped; and what has a phase of
its own. Noise comes from a seed: the same phonemes always give the same samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
CONTEXT = 27
"""Frames on either side of one that it depends on: nine convolutions over seven frames each."""
FIRST_WINDOW, WINDOW = 48, 120
"""Frames made at once: 0.6 s, in a few milliseconds, so that speech begins early; then 1.5 s, in a dozen."""
OVERLAP = 4
"""Frames of spectrum that a sample is made of."""
EARLY = 1500
"""Samples by which a phoneme is heard before the time that its duration gives it: Kokoro's own code counts with 75 ms;
against pocketsphinx's alignment of 351 words it is 81 (median), against their onsets after a pause 52."""
SEED = 0

_HIDDEN, _PITCH, _DURATIONS = "/Concat_43_output_0", "f0", "/Cast_32_output_0"
_SPECTRUM = ("lh", "theta", "ln", "lr", "phi")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence whose timing and melody are decided."""

    hidden: Floats
    """[1, 130, frames]"""
    pitch: Floats
    """[frames], in Hz."""
    starts: npt.NDArray[np.int64]
    """The sample at which each phoneme begins."""


class HibariModel:
    """One voice. Used by one thread at a time, and uses no other."""

    def __init__(self, folder: Path) -> None:
        """`folder` has `hibari.onnx` and `vocab.json`. Raises `ValueError` for a file that is no such model."""
        whole = (folder / "hibari.onnx").read_bytes()
        ids, speed = {"ids": INT64}, {"speed": FLOAT}
        told = {_HIDDEN: FLOAT, _PITCH: FLOAT, _DURATIONS: INT64}
        self._prosody = _session(between(whole, ids | speed, told))
        self._decoder = _session(between(whole, {_HIDDEN: FLOAT}, dict.fromkeys(_SPECTRUM, FLOAT)))
        self.alphabet: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        """The phonemes that it knows, and their numbers."""

    def plan(self, phonemes: Sequence[str], rate: float) -> Sentence:
        """`phonemes`, each of `alphabet`, at `rate` (1.0: normal)."""
        ids = np.array([[0, *(self.alphabet[each] for each in phonemes), 0]], np.int64)
        given = {"ids": ids, "speed": np.array([rate], np.float32)}
        hidden, pitch, durations = self._prosody.run([_HIDDEN, _PITCH, _DURATIONS], given)
        ends = np.cumsum(durations.reshape(-1)) * FRAMES_PER_DURATION * FRAME
        return Sentence(hidden, pitch[0], np.maximum(ends[: len(phonemes)] - EARLY, 0))

    def sound(self, sentence: Sentence) -> Iterator[Floats]:
        """Its samples, -1 to 1, window by window, but for the silence of the last two frames."""
        frames = sentence.hidden.shape[2]
        pulses = np.pad(dsp.pulses(sentence.pitch), OVERLAP // 2 * FRAME)
        noise = np.random.default_rng(SEED)
        held = np.zeros((dsp.N_FFT // 2 + 1, OVERLAP), np.complex64)
        start = 0
        while start < frames:
            end = min(frames, start + (WINDOW if start else FIRST_WINDOW))
            near = pulses[start * FRAME : (end + OVERLAP) * FRAME]
            spectrum = self._spectrum(sentence.hidden, start, end, near, noise)
            held = np.concatenate([held[:, -OVERLAP:], spectrum], axis=1)
            # At the very beginning half of what is held comes before the first frame.
            yield dsp.ola(held)[OVERLAP // (2 if start else 1) * FRAME : -OVERLAP // 2 * FRAME]
            start = end

    def _spectrum(
        self, hidden: Floats, start: int, end: int, pulses: Floats, noise: np.random.Generator
    ) -> npt.NDArray[np.complex64]:
        """[601, end - start]: frames `start` to `end`; `pulses` begin and end `OVERLAP` / 2 frames further out."""
        before = min(CONTEXT, start)
        near = np.ascontiguousarray(hidden[:, :, start - before : end + CONTEXT])
        made = self._decoder.run(list(_SPECTRUM), {_HIDDEN: near})
        voice, turn, breath, rest, phase = (part[0, :, before : before + end - start] for part in made)
        count = end - start
        spectrum: npt.NDArray[np.complex64] = dsp.stft(pulses, count + OVERLAP)[:, OVERLAP // 2 : -OVERLAP // 2]
        spectrum = spectrum * _polar(dsp.ex(voice), np.float32(np.pi) * np.tanh(turn))
        drawn = noise.standard_normal((count, spectrum.shape[0], 2), np.float32).view(np.complex64)[:, :, 0].T
        spectrum += dsp.ex(breath) * drawn
        spectrum += _polar(dsp.ex(rest), phase)
        return spectrum


def _polar(length: Floats, angle: Floats) -> npt.NDArray[np.complex64]:
    made = np.empty(length.shape, np.complex64)
    np.multiply(length, np.cos(angle), out=made.real)
    np.multiply(length, np.sin(angle), out=made.imag)
    return made


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
