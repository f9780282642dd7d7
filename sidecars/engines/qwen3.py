"""Qwen3-ASR (Alibaba, `qwen-asr`): thirty languages, with a description in words of what the call is about.

Runs in the environment that `make qwen3` builds. With vLLM and a GPU it streams (`qwen3_streaming`). Without them
upstream's package does not, so an utterance is processed at its end, and again for every partial.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qwen_asr import Qwen3ASRModel, parse_asr_output

from sidecars.engine import Hypothesis
from sidecars.engines.checked import a_number, refuse_unknown, whole_number
from sidecars.engines.qwen3_languages import language_name
from sidecars.engines.qwen3_streaming import SHORTEST_S, Qwen3Streaming
from sidecars.engines.segments import RATE, SegmentEngine
from sidecars.weights import WeightsMissing, find_weights, verify

MODEL = "Qwen/Qwen3-ASR-0.6B"
FILES = (
    "config.json", "generation_config.json", "preprocessor_config.json", "tokenizer_config.json", "chat_template.json",
    "vocab.json", "merges.txt",
)  # fmt: skip
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
"""The larger model is in several files, which are listed in the second one."""
END = 151643
"""Pads shorter items in a batch, which never happens here."""
TOKENS_BEFORE, TOKENS_A_SECOND = 10, 20
"""The most tokens: those for the language, and four times as many as English needs."""
STREAMED_TOKENS = 64
"""The most new tokens when it streams."""
OPTIONS = (
    "model", "language", "context", "backend", "device", "threads", "partials_s", "chunk_s", "gpu_memory",
    "max_sessions",
)  # fmt: skip

log = logging.getLogger(__name__)
logging.getLogger("transformers").setLevel(logging.ERROR)  # its warnings are for upstream to fix


class Qwen3(SegmentEngine):
    """An `SttEngine` that processes whole utterances."""

    def __init__(
        self, folder: Path, device: str, *, language: str | None, context: str, max_sessions: int, partials_s: float
    ) -> None:
        super().__init__(max_sessions, partials_s)
        self._folder = folder
        self._device = device
        self._language = language
        self._context = context
        self._model = self._load()

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        """See `SttEngine`."""
        language_name(options.get("language"))
        super().open(session, options)

    def understand(self, audio: NDArray[np.float32], options: Mapping[str, Any]) -> Hypothesis:
        """See `SegmentEngine`."""
        language = language_name(options.get("language")) or self._language
        context = str(options.get("context") or self._context)
        try:
            return _understood(self._model, audio, language, context)
        except RuntimeError as error:
            if self._device == "cpu":
                raise
            del self._model
            self._give_up_cuda(error)
            self._model = self._load()
            return _understood(self._model, audio, language, context)

    def _load(self) -> Qwen3ASRModel:
        """Loads the model on the requested device, or on the CPU if that fails."""
        if self._device != "cpu":
            try:
                return self._made(torch.bfloat16)
            except RuntimeError as error:
                self._give_up_cuda(error)
        try:
            return self._made(torch.float32)
        except Exception as error:  # each kind of broken file has its own error
            raise damage(self._folder, error) from error

    def _made(self, dtype: torch.dtype) -> Qwen3ASRModel:
        """Loads the model and warms it up, because the first call takes longer."""
        model = Qwen3ASRModel.from_pretrained(str(self._folder), dtype=dtype)
        model.model.to(self._device)
        _understood(model, np.zeros(RATE // 2, np.float32), None, "")
        return model

    def _give_up_cuda(self, error: RuntimeError) -> None:
        log.warning("CUDA failed (%s): recognizing on the CPU in fp32 from here on", str(error).splitlines()[0])
        self._device = "cpu"


def _understood(model: Qwen3ASRModel, audio: NDArray[np.float32], language: str | None, context: str) -> Hypothesis:
    """Does the same as upstream's `transcribe`, which neither reports confidence nor lets callers limit each
    utterance."""
    most = TOKENS_BEFORE + round(TOKENS_A_SECOND * len(audio) / RATE)
    audio = np.pad(audio, (0, max(0, round(SHORTEST_S * RATE) - len(audio))))
    prompt = model._build_text_prompt(context=context, force_language=language)
    inputs = model.processor(text=[prompt], audio=[audio], return_tensors="pt", padding=True)
    inputs = inputs.to(model.model.device).to(model.model.dtype)
    with torch.inference_mode():
        made = model.model.generate(**inputs, max_new_tokens=most, pad_token_id=END, output_scores=True)
    tokens = made.sequences[0, inputs["input_ids"].shape[1] :]
    raw = model.processor.batch_decode(tokens[None], skip_special_tokens=True, clean_up_tokenization_spaces=False)[0]
    text = str(parse_asr_output(raw, user_language=language)[1]).strip()
    if not text:
        return Hypothesis("", 0.0)
    sure = torch.stack(made.scores)[:, 0].float().log_softmax(-1).gather(1, tokens[:, None]).mean().exp()
    return Hypothesis(text, min(1.0, float(sure)))


def create(options: Mapping[str, Any]) -> Qwen3 | Qwen3Streaming:
    """Creates the engine. Options:

    `model` (a repository or a folder), `language` (the callers' language, such as "de"; without it the model detects
    the language, and whether there is any speech at all), `context` (what the call is about: names and words that may
    come), `backend` ("auto", "vllm", "transformers"), `device` ("auto", "cpu", "cuda", "cuda:1"), `threads`,
    `partials_s` (for whole utterances: a partial after every so many seconds of audio), `chunk_s` (for streaming:
    likewise), `gpu_memory` (the fraction of the GPU's memory that vLLM may use), `max_sessions`. Session options:
    `language`, `context`.

    Raises `ValueError` for a bad option, and `WeightsMissing` without weights.
    """
    refuse_unknown("qwen3", options, OPTIONS)
    language, context = language_name(options.get("language")), options.get("context", "")
    if not isinstance(context, str):
        raise ValueError(f"context {context!r:.80}: expected a text")
    max_sessions = whole_number("max_sessions", options.get("max_sessions", 64), 1, 1024)
    partials_s = a_number("partials_s", options.get("partials_s", 0.0), 0, 30)
    chunk_s = a_number("chunk_s", options.get("chunk_s", 1.0), 0.1, 10)
    half = max(1, (os.cpu_count() or 2) // 2)  # other processes need the rest
    threads = whole_number("threads", options.get("threads", half), 1, 256)
    memory = a_number("gpu_memory", options.get("gpu_memory", 0.5), 0.05, 1)
    device = _device(options.get("device", "auto"))
    streams = _streams(options.get("backend", "auto"), device)
    folder = _find(str(options.get("model", MODEL)))
    torch.set_num_threads(threads)

    def whole() -> Qwen3:
        return Qwen3(
            folder, device, language=language, context=context, max_sessions=max_sessions, partials_s=partials_s
        )

    if not streams:
        return whole()
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # what ends this process must end all of vLLM
    try:
        model = Qwen3ASRModel.LLM(model=str(folder), gpu_memory_utilization=memory, max_new_tokens=STREAMED_TOKENS)
    except Exception as error:
        log.warning("vLLM failed (%s): recognizing whole utterances", str(error).splitlines()[0])
        return whole()
    return Qwen3Streaming(model, language, context, chunk_s, max_sessions)


def damage(folder: Path, error: BaseException) -> WeightsMissing:
    """Describes a folder that cannot be loaded, in one line. Raises `WeightsMissing` itself for a wrong checksum."""
    for file in sorted(folder.iterdir()):
        verify(file)
    why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return WeightsMissing(f"{folder}: damaged, cut short or no Qwen3-ASR ({why})")


def _streams(backend: object, device: str) -> bool:
    if backend not in ("auto", "vllm", "transformers"):
        raise ValueError(f'backend {backend!r:.80}: expected "auto", "vllm" or "transformers"')
    lacks = "no vLLM" if importlib.util.find_spec("vllm") is None else "no GPU" if device == "cpu" else ""
    if backend == "vllm" and lacks:
        raise ValueError(f'backend "vllm": there is {lacks} here; take it out to hear utterances whole')
    if backend == "auto" and lacks:
        log.info("%s here, without which Qwen3-ASR does not stream: recognizing whole utterances", lacks)
    return backend != "transformers" and not lacks


def _find(model: str) -> Path:
    """The folder of `model`, whose weights are in one file or in several. Raises `WeightsMissing`."""
    folder = Path(model).expanduser()
    if not folder.is_dir() or (folder / WEIGHTS).is_file() or not (folder / SHARDS).is_file():
        try:
            return find_weights(model, (*FILES, WEIGHTS))
        except WeightsMissing as error:
            if folder.is_dir():
                raise
            first = error
        try:
            folder = find_weights(model, (*FILES, SHARDS))
        except WeightsMissing:
            raise first from None
    try:
        index = json.loads((folder / SHARDS).read_text(encoding="utf-8"))
        shards = sorted(set(index["weight_map"].values()))
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise WeightsMissing(f"{folder / SHARDS}: no list of files ({error})") from error
    return find_weights(model, (*FILES, SHARDS, *shards))


def _device(wanted: object) -> str:
    if not isinstance(wanted, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", wanted):
        raise ValueError(f'device {wanted!r:.80}: expected "auto", "cpu", "cuda" or "cuda:1"')
    if wanted != "cpu" and not torch.cuda.is_available():
        level = logging.INFO if wanted == "auto" else logging.WARNING
        log.log(level, "no CUDA here: recognizing on the CPU in fp32, which takes longer than speech")
        return "cpu"
    return "cuda" if wanted == "auto" else wanted
