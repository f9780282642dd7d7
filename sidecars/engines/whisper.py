"""Whisper (OpenAI; `faster-whisper` on CTranslate2): a hundred languages, an utterance at a time.

Runs in the environment that `make whisper` builds. Whisper was trained to always write something, even for silence,
noise, and music. So audio is not decoded if Silero hears no speech in it, a text is rejected if the model itself
considers it not to be speech or if it repeats itself, and a text may not be longer than anybody could speak in that
time.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES
from faster_whisper.utils import _MODELS
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from sidecars.engine import Hypothesis, Word
from sidecars.engines.checked import a_number, refuse_unknown, whole_number
from sidecars.engines.segments import RATE, SegmentEngine
from sidecars.weights import WeightsMissing, find_weights, verify

MODEL = "small"
FILES = ("config.json", "tokenizer.json", "model.bin")
FIRST_GENERATIONS = ("vocabulary.txt",)
LATER_ONES = ("vocabulary.json", "preprocessor_config.json")
"""Files that some models have in addition to `FILES`."""
SPEECH_THRESHOLD = 0.3
"""Silero's threshold; lower than usual, since the daemon has already heard speech here and only plain noise is to be
rejected."""
NO_SPEECH, UNSURE = 0.6, -1.0
"""Upstream's limits: a probability above the first with a mean log probability below the second means no speech."""
REPETITIVE = 2.4
"""Also upstream's limit: a text that zlib compresses by more than this factor repeats itself."""
TOKENS_BEFORE, TOKENS_A_SECOND = 10, 20
"""The most tokens. English has some five tokens a second; scripts that are written in bytes have four times as many."""
OPTIONS = (
    "model", "language", "device", "compute_type", "threads", "beam_size", "words", "partials_s", "max_sessions",
)  # fmt: skip

log = logging.getLogger(__name__)
logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # it writes two lines for each utterance


class Whisper(SegmentEngine):
    """An `SttEngine`. Options of `create`:

    `model` (a size such as "small", "large-v3", "turbo"; a repository in CTranslate2's format; or a folder in that
    format), `language` (the callers' language, such as "de"; without it, it is detected each time, which doubles the
    time), `device` ("auto", "cpu", "cuda", "cuda:1"), `compute_type` (CTranslate2's; default: float16 on CUDA, int8 on
    the CPU), `threads`, `beam_size`, `words` (true: with word times, which takes half as long again), `partials_s` (a
    partial after every so many seconds of audio), `max_sessions`. Session option: `language`.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads the weights, and downloads them if they are missing. Raises `ValueError` or `WeightsMissing`."""
        refuse_unknown("whisper", options, OPTIONS)
        super().__init__(
            whole_number("max_sessions", options.get("max_sessions", 64), 1, 1024),
            a_number("partials_s", options.get("partials_s", 0.0), 0, 30),
        )
        self._language = _language(options.get("language"))
        self._words = options.get("words", False)
        if not isinstance(self._words, bool):
            raise ValueError(f"words {self._words!r:.80}: expected true or false")
        self._beam = whole_number("beam_size", options.get("beam_size", 1), 1, 16)
        half = max(1, (os.cpu_count() or 2) // 2)  # other processes need the rest
        self._threads = whole_number("threads", options.get("threads", half), 1, 256)
        self._device = _device(options.get("device", "auto"))
        compute_type = _compute_type(self._device, options.get("compute_type", "auto"))
        self._folder = _find(str(options.get("model", MODEL)))
        self._vad = VadOptions(threshold=SPEECH_THRESHOLD)
        self._model = self._load(compute_type)
        self._check(self._language)

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        """See `SttEngine`."""
        self._check(_language(options.get("language")))
        super().open(session, options)

    def understand(self, audio: NDArray[np.float32], options: Mapping[str, Any]) -> Hypothesis:
        """See `SegmentEngine`."""
        language = _language(options.get("language")) or self._language
        if not get_speech_timestamps(audio, self._vad):
            return Hypothesis("", 0.0)
        try:
            return self._decode(audio, language)
        except RuntimeError as error:
            if self._device == "cpu":
                raise
            self._fall_back(error)
            return self._decode(audio, language)

    def _decode(self, audio: NDArray[np.float32], language: str | None) -> Hypothesis:
        segments, _ = self._model.transcribe(
            audio,
            language=language,
            beam_size=self._beam,
            temperature=0.0,  # others are for retries, for which a caller does not wait
            condition_on_previous_text=False,
            without_timestamps=True,
            word_timestamps=self._words,
            max_new_tokens=TOKENS_BEFORE + round(TOKENS_A_SECOND * len(audio) / RATE),
        )
        # Decoding happens during iteration: the first segment has the whole utterance, and any others only describe its
        # last breath.
        said = next(iter(segments), None)
        if (
            said is None
            or not said.text.strip()
            or said.compression_ratio > REPETITIVE
            or (said.no_speech_prob > NO_SPEECH and said.avg_logprob < UNSURE)
        ):
            return Hypothesis("", 0.0)
        words = tuple(
            Word(each.word.strip(), float(each.start), float(each.end), float(each.probability))
            for each in said.words or ()
            if each.word.strip()
        )
        return Hypothesis(said.text.strip(), min(1.0, math.exp(said.avg_logprob)), words)

    def _check(self, language: str | None) -> None:
        """Raises `ValueError` for a language that this model does not support."""
        if language not in (None, *self._model.supported_languages):
            raise ValueError(
                f"language {language!r}: {self._folder} hears {', '.join(self._model.supported_languages)}"
            )

    # ------------------------------------------------------------------------------------------ devices

    def _load(self, compute_type: str) -> WhisperModel:
        """Loads the model on the requested device, or on the CPU if that fails."""
        if self._device != "cpu":
            try:
                return self._made(compute_type)
            except RuntimeError as error:
                self._give_up_cuda(error)
                compute_type = "int8"
        try:
            return self._made(compute_type)
        except Exception as error:  # each kind of broken file has its own error
            for file in sorted(self._folder.iterdir()):
                verify(file)
            why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise WeightsMissing(f"{self._folder}: damaged, cut short or no Whisper for CTranslate2 ({why})") from error

    def _made(self, compute_type: str) -> WhisperModel:
        """Loads the model and warms it up, because the first call takes longer."""
        device, _, index = self._device.partition(":")
        model = WhisperModel(
            str(self._folder),
            device=device,
            device_index=int(index or 0),
            compute_type=compute_type,
            cpu_threads=self._threads,
        )
        silence = np.zeros(RATE, np.float32)
        get_speech_timestamps(silence, self._vad)
        next(iter(model.transcribe(silence, language="en", beam_size=self._beam, max_new_tokens=4)[0]), None)
        return model

    def _fall_back(self, error: RuntimeError) -> None:
        """Falls back after CUDA has failed: everything on that device is unusable and is loaded again."""
        del self._model
        self._give_up_cuda(error)
        self._model = self._load("int8")

    def _give_up_cuda(self, error: RuntimeError) -> None:
        log.warning("CUDA failed (%s): recognizing on the CPU in int8 from here on", str(error).splitlines()[0])
        self._device = "cpu"


def create(options: Mapping[str, Any]) -> Whisper:
    """Creates the engine. Raises `ValueError` for a bad option, and `WeightsMissing` without weights."""
    return Whisper(options)


def _find(model: str) -> Path:
    """The folder of `model`. Raises `WeightsMissing`."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        text = (folder / FIRST_GENERATIONS[0]).is_file()
        return find_weights(model, (*FILES, *(FIRST_GENERATIONS if text else LATER_ONES[:1])))
    if "/" not in model and model not in _MODELS:
        raise WeightsMissing(f"model {model!r}: no such folder, nor OWNER/NAME on the hub; sizes: {', '.join(_MODELS)}")
    kinds = [LATER_ONES, FIRST_GENERATIONS]
    if re.fullmatch(r"(tiny|base|small|medium|large)(\.en|-v1|-v2)?", model) and model != "large":
        kinds.reverse()
    try:
        return find_weights(_MODELS.get(model, model), (*kinds[0], *FILES))
    except WeightsMissing as first:
        try:
            return find_weights(_MODELS.get(model, model), (*kinds[1], *FILES))
        except WeightsMissing:
            raise first from None


def _language(wanted: object) -> str | None:
    """Whisper's code for a language: "de" for "de-AT"; None: to be detected."""
    if wanted is None or wanted in ("", "auto"):
        return None
    code = wanted.partition("-")[0].lower() if isinstance(wanted, str) else ""
    if code not in _LANGUAGE_CODES:
        raise ValueError(f"language {wanted!r:.80}: expected one of {', '.join(_LANGUAGE_CODES)}")
    return code


def _device(wanted: object) -> str:
    if not isinstance(wanted, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", wanted):
        raise ValueError(f'device {wanted!r:.80}: expected "auto", "cpu", "cuda" or "cuda:1"')
    if wanted != "cpu" and not ctranslate2.get_cuda_device_count():
        level = logging.INFO if wanted == "auto" else logging.WARNING
        log.log(level, "no CUDA here: recognizing on the CPU, which takes longer than speech with the large models")
        return "cpu"
    return "cuda" if wanted == "auto" else wanted


def _compute_type(device: str, wanted: object) -> str:
    name, _, index = device.partition(":")
    known = sorted(ctranslate2.get_supported_compute_types(name, int(index or 0)))
    if wanted == "auto":
        best = "int8" if device == "cpu" else "float16"
        return best if best in known else "default"
    if wanted not in known:
        raise ValueError(f"compute_type {wanted!r:.80}: {device} has auto, {', '.join(known)}")
    return str(wanted)
