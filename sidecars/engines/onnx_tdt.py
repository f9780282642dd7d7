"""Parakeet TDT in ONNX (`onnx-asr`), on segments: accurate, on a GPU or a CPU, without torch.

Runs in the environment that `make onnx_tdt` builds. A segment is recognized at its end, within a deadline; one that
misses it fails alone. Options:

`model`: "nemo-parakeet-tdt-0.6b-v2" (English) or "nemo-parakeet-tdt-0.6b-v3" (25 languages), a folder in the format of
`phone-ops export`, or a repository with such files on the Hugging Face hub. `device`: "auto", "cuda" or "cpu".
`quantization`: "int8" for the smaller files. `threads`: CPU threads; 0: half of the cores. `deadline_s`: the deadline
of a segment. `partials_s`: see `SegmentEngine`. `max_sessions`. It has no session options.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
import onnxruntime
from numpy.typing import NDArray

from sidecars.engine import Hypothesis
from sidecars.engines.bpe_words import check_tokens, hypothesis
from sidecars.engines.checked import a_number, first_line, refuse_unknown, whole_number
from sidecars.engines.deadline import Deadline, DeadlinePassed, TimedSession
from sidecars.engines.onnx_header import read_header
from sidecars.engines.segments import RATE, SegmentEngine
from sidecars.weights import find_weights

MODEL = "nemo-parakeet-tdt-0.6b-v2"
REPOSITORIES = {
    "nemo-parakeet-tdt-0.6b-v2": "istupakov/parakeet-tdt-0.6b-v2-onnx",
    "nemo-parakeet-tdt-0.6b-v3": "istupakov/parakeet-tdt-0.6b-v3-onnx",
}
KIND = "nemo-conformer-tdt"
TOKENS, CONFIG = "vocab.txt", "config.json"
PARTS = {"_encoder": "encoder-model", "_decoder_joint": "decoder_joint-model"}
"""The attributes of onnx-asr's two sessions, and the names of their files."""
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
OPTIONS = ("model", "device", "quantization", "threads", "deadline_s", "partials_s", "max_sessions")
DEADLINE_S = 5.0
WARM_UP_S = 1.0
HOP_S = 0.01

log = logging.getLogger(__name__)


class OnnxTdt(SegmentEngine):
    """An `SttEngine`. If a GPU fails, or is too slow for a segment, the engine moves to the CPU."""

    def __init__(
        self, load: Callable[[str], Any], device: str, frame_s: float, deadline_s: float, **segments: Any
    ) -> None:
        """`load` returns onnx-asr's model on "cuda" or "cpu". Raises what `load` raises on the CPU."""
        super().__init__(**segments)
        self._load = load
        self._frame_s = frame_s
        self._deadline_s = deadline_s
        self._deadline = Deadline()
        self._device = device
        self._model: Any = None
        silence = np.zeros(round(WARM_UP_S * RATE), np.float32)
        try:
            self._begin(device)
            self._recognized(silence)
        except Exception as error:
            if self._device == "cpu":
                raise
            self._leave_gpu(error)
            self._recognized(silence)

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        changed: dict[int, Hypothesis] = {}
        for session, pcm in audio.items():
            try:
                changed.update(super().step({session: pcm}))
            except DeadlinePassed as error:  # only a partial of this session is lost
                log.warning("no partial result: %s", error)
        return changed

    def understand(self, audio: NDArray[np.float32], options: Mapping[str, Any]) -> Hypothesis:
        """Recognizes a segment. Raises `DeadlinePassed`, and on the CPU whatever onnxruntime raises."""
        try:
            return self._timed(audio)
        except Exception as error:
            if self._device == "cpu":
                raise
            self._leave_gpu(error)
            if isinstance(error, DeadlinePassed):
                raise
        return self._timed(audio)

    def _timed(self, audio: NDArray[np.float32]) -> Hypothesis:
        with self._deadline.within(self._deadline_s, f"a segment of {audio.size / RATE:.1f} s"):
            return self._recognized(audio)

    def _recognized(self, audio: NDArray[np.float32]) -> Hypothesis:
        result = self._model.recognize(audio, sample_rate=RATE)
        sure = (math.exp(min(each, 0.0)) for each in result.logprobs)
        return hypothesis(zip(result.tokens, result.timestamps, sure, strict=True), self._frame_s)

    def _begin(self, device: str) -> None:
        self._model = self._load(device)
        for name in PARTS:
            setattr(self._model.asr, name, TimedSession(getattr(self._model.asr, name), self._deadline))

    def _leave_gpu(self, error: Exception) -> None:
        log.warning("GPU failed (%s): recognizing on the CPU from here on", first_line(error))
        self._device = "cpu"
        self._model = None  # before the other one is loaded, because memory may be short
        self._begin("cpu")


def create(options: Mapping[str, Any]) -> OnnxTdt:
    """Creates the engine. Raises `ValueError` for a bad option or model, and `WeightsMissing`."""
    refuse_unknown("onnx_tdt", options, OPTIONS)
    quantization = options.get("quantization", "")
    if quantization not in ("", "int8"):
        raise ValueError(f'quantization {quantization!r:.80}: expected "int8", or leave it out')
    threads = whole_number("threads", options.get("threads", 0), 0, 256)
    deadline_s = a_number("deadline_s", options.get("deadline_s", DEADLINE_S), 0.01, 3600)
    segments = {
        "partials_s": a_number("partials_s", options.get("partials_s", 0), 0, 60),
        "max_sessions": whole_number("max_sessions", options.get("max_sessions", 64), 1, 1024),
    }
    device = _device(options.get("device", "auto"))
    folder, subsampling = _folder(str(options.get("model", MODEL)), quantization)

    def load(device: str) -> Any:
        session = onnxruntime.SessionOptions()
        session.log_severity_level = 3  # only errors
        session.intra_op_num_threads = int(threads) or max(1, (os.cpu_count() or 2) // 2)
        providers = [CUDA, CPU] if device == "cuda" else [CPU]
        wanted = {"quantization": quantization or None, "sess_options": session, "providers": providers}
        model = onnx_asr.load_model(KIND, folder, **wanted).with_timestamps()
        if device == "cuda" and CUDA not in model.asr._encoder.get_providers():
            raise RuntimeError("onnxruntime cannot use CUDA; its own lines above say why")
        return model

    try:
        return OnnxTdt(load, device, subsampling * HOP_S, deadline_s, **segments)
    except Exception as error:  # each kind of broken file has its own error
        raise ValueError(f"{folder}: onnx-asr cannot use it: {first_line(error)}") from error


def _device(wanted: object) -> str:
    if wanted not in ("auto", "cuda", "cpu"):
        raise ValueError(f'device {wanted!r:.80}: expected "auto", "cuda" or "cpu"')
    if wanted != "cpu" and CUDA in onnxruntime.get_available_providers():
        return "cuda"
    if wanted == "cuda":
        log.warning(
            "this onnxruntime was built without CUDA: recognizing on the CPU; install onnxruntime-gpu instead of it"
        )
    return "cpu"


def _folder(model: str, quantization: str) -> tuple[Path, int]:
    """Returns the folder of the files, and how many feature frames make up one of the encoder's frames."""
    model = REPOSITORIES.get(model, model)
    graphs = [f"{part}{'.' * bool(quantization)}{quantization}.onnx" for part in PARTS.values()]
    folder = find_weights(model, [*graphs, TOKENS, CONFIG])
    headers = [read_header(folder / name) for name in graphs]
    if data := [name for header in headers for name in header.data]:
        find_weights(model, data)
    config = _config(folder / CONFIG)
    labels = _last(headers[1].outputs.values())
    check_tokens(folder / TOKENS, most=labels - 1 if labels else None)
    return folder, config


def _config(path: Path) -> int:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind, subsampling = config.get("model_type", KIND), int(config.get("subsampling_factor", 8))
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected JSON as onnx-asr has it ({error})") from error
    if kind != KIND:
        raise ValueError(f"{path}: it says that the model is {kind!r:.40}; expected {KIND}")
    return subsampling


def _last(outputs: Any) -> int:
    """The number of values that the first output has for a token; 0: the graph does not specify it."""
    dims: Sequence[int] = next(iter(outputs))
    return dims[-1] if dims else 0
