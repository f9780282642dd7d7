"""Smart Turn v3.2 (Daily, BSD-2-Clause) judges from the audio alone whether a caller has finished.

Runs as a child process in its own environment (`make smart_turn`). For each turn on standard input (its length in four
bytes, then 8 kHz 16-bit audio that ends in the pause) it writes a line with the probability, 0 to 1. The model and its
features (80 mel bands of the last eight seconds, as in Whisper) come from the wheel `pipecat-ai` 1.14.0.
"""

from __future__ import annotations

import importlib.util
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import soxr

from sidecars.packaged import Packaged

MODEL = Packaged(
    "smart-turn-v3.2-cpu.onnx", 8_679_182, "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
)
SPAN = 8 * 16000
REMEDY = "run `rm -rf sidecars/smart_turn/.venv` and `make smart_turn`"


def judge() -> Callable[[bytes], float]:
    """Returns the function that judges a turn's audio. Raises `WeightsMissing` if the model is not the one above."""
    package = importlib.util.find_spec("pipecat")
    assert package is not None and package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "audio" / "turn" / "smart_turn"
    MODEL.check(folder / "data", REMEDY)
    features = _file(folder / "_whisper_features.py").compute_whisper_log_mel_features
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(str(folder / "data" / MODEL.name), sess_options=options)

    def likely(pcm: bytes) -> float:
        audio = soxr.resample(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768, 8000, 16000)[-SPAN:]
        whole = np.pad(audio, (SPAN - audio.size, 0))
        return float(session.run(None, {"input_features": features(whole, do_normalize=True)[None]})[0].item())

    return likely


def _file(path: Path) -> ModuleType:
    """Finds a file of the package without importing the package, which would require all of the framework's
    dependencies."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    likely = judge()
    while head := sys.stdin.buffer.read(4):
        (length,) = struct.unpack("<I", head)
        sys.stdout.write(f"{likely(sys.stdin.buffer.read(length))}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
