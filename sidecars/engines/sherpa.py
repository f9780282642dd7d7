"""Streaming NeMo models with sherpa-onnx: for one stream on a CPU it takes a quarter of NeMo's time, and needs no
torch.

Runs in the environment that `make sherpa` builds. The chunks of all streams go through the model in one batch. Options:

`model`: a folder or a repository for `sherpa_model.find_model`. `chunk_ms`: the size of a chunk, if the folder has
models for several. `provider`: "cpu" or "cuda". `threads`: CPU threads. `max_sessions`. It has no session options.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import sherpa_onnx

from sidecars.engine import EngineFull, Hypothesis
from sidecars.engines.bpe_words import hypothesis
from sidecars.engines.checked import first_line, refuse_unknown, whole_number
from sidecars.engines.sherpa_model import SherpaModel, find_model
from sidecars.engines.trailing_silence import TrailingSilence

REPOSITORY = "csukuangfj2/sherpa-onnx-nemotron-speech-streaming-en-0.6b-160ms-int8-2026-04-25"
RATE = 16000
HOP = 160
"""Samples in a frame of features."""
MAX_SESSIONS = 32
HALF = HOP // 2
"""Silence at the very beginning: at multiples of `HOP`, sherpa-onnx's frames begin, but NeMo's have their middle."""
DROPPED = 2
"""The number of outputs at the beginning of a chunk that the model drops, since they repeat the previous ones."""
FLUSH = RATE * 16 // 100
"""Silence that is added after the last sound, so that the model hears its end; the same as for NeMo, so that the words
are the same."""
CTC_FRAME_S = 0.04
"""The length of an output that sherpa-onnx assumes for the times of CTC tokens; NeMo's models are coarser."""
OPTIONS = ("model", "chunk_ms", "provider", "threads", "max_sessions")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Session:
    stream: Any
    samples: int = 0
    """Samples in the utterance so far."""
    steps: int = 0
    """The number of its chunks that went through the model."""
    told: str = ""
    silence: TrailingSilence = field(default_factory=TrailingSilence)


class Sherpa:
    """An `SttEngine` for streaming NeMo models."""

    sample_rate = RATE

    def __init__(self, model: SherpaModel, provider: str, threads: int, max_sessions: int) -> None:
        """Raises `ValueError` for a model that sherpa-onnx does not accept."""
        self.max_sessions = max_sessions
        self._model = model
        # The first outputs of a chunk are dropped; at the start these are from before the utterance.
        self._before = DROPPED * model.numbers["subsampling_factor"]
        self._recognizer = _recognizer(model, provider, threads)
        self._sessions: dict[int, _Session] = {}
        self._streams: WeakSet[Any] = WeakSet()
        try:  # mismatches should show here, not with the first caller
            self.open(0, {})
            self.step({0: bytes(2 * HOP * (model.window + 2))})
            self.finalize(0)
        except RuntimeError as error:
            raise ValueError(f"{model.folder}: sherpa-onnx cannot run it: {first_line(error)}") from error

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        if len(self._sessions) >= self.max_sessions:
            raise EngineFull(f"{self.max_sessions} utterances are open already")
        stream = self._recognizer.create_stream()
        stream.accept_waveform(RATE, np.zeros(HOP * self._before + HALF, np.float32))
        self._streams.add(stream)
        self._sessions[session] = _Session(stream)

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        for number, pcm in audio.items():
            session = self._sessions[number]
            session.samples += len(pcm) // 2
            session.silence.feed(pcm)
            session.stream.accept_waveform(RATE, np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768))
        heard: dict[int, _Session] = {}
        while ready := {number: self._sessions[number] for number in audio if self._ready(self._sessions[number])}:
            self._recognizer.decode_streams([each.stream for each in ready.values()])
            for session in ready.values():
                session.steps += 1
            heard.update(ready)
        changed = {}
        for number, session in heard.items():
            guess = self._hypothesis(session)
            if guess.text != session.told:
                session.told = guess.text
                changed[number] = guess
        return changed

    def finalize(self, session: int) -> Hypothesis:
        ending = self._sessions[session]
        try:
            if not ending.samples:
                return Hypothesis("", 0.0)
            chunk = HOP * self._model.shift
            early = HOP * (self._before - (self._model.window - self._model.shift))
            steps = math.ceil((early + ending.samples - ending.silence.samples + FLUSH) / chunk)
            ending.stream.accept_waveform(RATE, np.zeros(FLUSH + 2 * chunk, np.float32))
            ending.stream.input_finished()
            while ending.steps < steps and self._ready(ending):
                self._recognizer.decode_stream(ending.stream)
                ending.steps += 1
            return self._hypothesis(ending)
        finally:
            self.cancel(session)

    def cancel(self, session: int) -> None:
        self._sessions.pop(session, None)

    def held(self) -> Mapping[str, int]:
        """The number of open `sessions`, and of `streams` that sherpa-onnx has not released."""
        return {"sessions": len(self._sessions), "streams": len(self._streams)}

    def _ready(self, session: _Session) -> bool:
        return bool(self._recognizer.is_ready(session.stream))  # decoding one that is not ready ends the process

    def _hypothesis(self, session: _Session) -> Hypothesis:
        result = self._recognizer.get_result_all(session.stream)
        frame_s = self._model.numbers["subsampling_factor"] * HOP / RATE
        times = (
            [time * frame_s / CTC_FRAME_S for time in result.timestamps] if self._model.is_ctc else result.timestamps
        )
        # With CTC, sherpa-onnx reports no confidence.
        sure = [1.0] * len(times) if self._model.is_ctc else [math.exp(min(each, 0.0)) for each in result.ys_probs]
        return hypothesis(zip(result.tokens, times, sure, strict=True), frame_s)


def _recognizer(model: SherpaModel, provider: str, threads: int) -> Any:
    library = Path(sherpa_onnx.__file__).parent / "lib"
    if provider == "cuda" and not any(library.glob("*providers_cuda*")):
        log.warning("this sherpa-onnx was built without CUDA: recognizing on the CPU; install its CUDA build")
        provider = "cpu"
    given: dict[str, Any] = {
        **{part: str(path) for part, path in model.files.items()},
        "tokens": str(model.tokens),
        "num_threads": threads,
        "sample_rate": RATE,
        "feature_dim": model.features,
        "provider": provider,
    }
    try:
        if model.is_ctc:
            return sherpa_onnx.OnlineRecognizer.from_nemo_ctc(**given)
        # With its default temperature of 2, the confidence would be that of a different model.
        return sherpa_onnx.OnlineRecognizer.from_transducer(**given, temperature_scale=1.0)
    except Exception as error:  # each kind of broken file has its own error
        raise ValueError(f"{model.folder}: sherpa-onnx cannot load it: {first_line(error)}") from error


def create(options: Mapping[str, Any]) -> Sherpa:
    """Creates the engine. Raises `ValueError` for a bad option or model, and `WeightsMissing`."""
    refuse_unknown("sherpa", options, OPTIONS)
    provider = options.get("provider", "cpu")
    if provider not in ("cpu", "cuda"):
        raise ValueError(f'provider {provider!r:.80}: expected "cpu" or "cuda"')
    threads = whole_number("threads", options.get("threads", 1), 1, 256)  # more threads wait for each other
    max_sessions = whole_number("max_sessions", options.get("max_sessions", MAX_SESSIONS), 1, 1024)
    chunk_ms = options.get("chunk_ms")
    if chunk_ms is not None:
        whole_number("chunk_ms", chunk_ms, 1, 10_000)
    return Sherpa(find_model(str(options.get("model", REPOSITORY)), chunk_ms), provider, threads, max_sessions)
