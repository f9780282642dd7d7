"""Whisper (OpenAI; `faster-whisper` on CTranslate2): a hundred languages, an utterance at a time.

Runs in the environment that `make whisper` builds. Whisper was trained to say something, and says it of silence, noise
and music too. So nothing is decoded in which Silero hears no speech, nothing is believed that the model itself takes
for no speech or that repeats itself, and it may not say more than anybody can in that time.
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
from sidecars.engines.segments import RATE, SegmentEngine
from sidecars.weights import WeightsMissing, find_weights, verify

MODEL = "small"
FILES = ("config.json", "tokenizer.json", "model.bin")
FIRST_GENERATIONS = ("vocabulary.txt",)
LATER_ONES = ("vocabulary.json", "preprocessor_config.json")
"""What there is beside `FILES`."""
SPEECH_THRESHOLD = 0.3
"""Silero's; lower than usual, since the daemon has heard speech here already and only plain noise is to be refused."""
NO_SPEECH, UNSURE = 0.6, -1.0
"""Upstream's limits: above the one in probability and below the other in mean log probability, it was no speech."""
REPETITIVE = 2.4
"""Upstream's limit too: text that zlib makes so many times smaller goes round in circles."""
TOKENS_BEFORE, TOKENS_A_SECOND = 10, 20
"""Most that may be said. English has some five tokens a second, scripts that are spelt in bytes four times as many."""
OPTIONS = (
    "model", "language", "device", "compute_type", "threads", "beam_size", "words", "partials_s", "max_sessions",
)  # fmt: skip

log = logging.getLogger(__name__)
logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # two lines an utterance


class Whisper(SegmentEngine):
    """An `SttEngine`. Options of `create`:

    `model` (a size such as "small", "large-v3", "turbo"; a repository in CTranslate2's format; or a folder of one),
    `language` (what callers speak, such as "de"; else it is detected each time, which takes as long again as hearing),
    `device` ("auto", "cpu", "cuda", "cuda:1"), `compute_type` (CTranslate2's; else float16 on CUDA, int8 on the CPU),
    `threads`, `beam_size`, `words` (true: with the words' times, for half as much time again), `partials_s` (a partial
    after so much more audio), `max_sessions`. A session's option: `language`.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads the weights; fetches them when they are not here. Raises `ValueError` or `WeightsMissing`."""
        if unknown := sorted(set(options) - set(OPTIONS)):
            raise ValueError(f"{unknown[0]!r}: whisper knows the options {', '.join(sorted(OPTIONS))}")
        super().__init__(
            int(_number("max_sessions", options.get("max_sessions", 64), 1, 1024, whole=True)),
            _number("partials_s", options.get("partials_s", 0.0), 0, 30),
        )
        self._language = _language(options.get("language"))
        self._words = options.get("words", False)
        if not isinstance(self._words, bool):
            raise ValueError(f"words {self._words!r:.80}: expected true or false")
        self._beam = int(_number("beam_size", options.get("beam_size", 1), 1, 16, whole=True))
        half = max(1, (os.cpu_count() or 2) // 2)  # others have calls to serve
        self._threads = int(_number("threads", options.get("threads", half), 1, 256, whole=True))
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
            temperature=0.0,  # others are for trying again, which a caller does not wait for
            condition_on_previous_text=False,
            without_timestamps=True,
            word_timestamps=self._words,
            max_new_tokens=TOKENS_BEFORE + round(TOKENS_A_SECOND * len(audio) / RATE),
        )
        # Decoded as it is iterated: all of the utterance is in the first, what would follow is said of its last breath.
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
        """Raises `ValueError` for a language that this model does not hear."""
        if language not in (None, *self._model.supported_languages):
            raise ValueError(
                f"language {language!r}: {self._folder} hears {', '.join(self._model.supported_languages)}"
            )

    # ------------------------------------------------------------------------------------------ devices

    def _load(self, compute_type: str) -> WhisperModel:
        """Where it was wanted, or else on the CPU."""
        if self._device != "cpu":
            try:
                return self._made(compute_type)
            except RuntimeError as error:
                self._give_up_cuda(error)
                compute_type = "int8"
        try:
            return self._made(compute_type)
        except Exception as error:  # one of its own for each kind of broken file
            for file in sorted(self._folder.iterdir()):
                verify(file)
            why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise WeightsMissing(f"{self._folder}: damaged, cut short or no Whisper for CTranslate2 ({why})") from error

    def _made(self, compute_type: str) -> WhisperModel:
        """The model, which has heard something already: the first time takes longer."""
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
        """After CUDA has failed: what is left on that device is of no use, and is loaded again."""
        del self._model
        self._give_up_cuda(error)
        self._model = self._load("int8")

    def _give_up_cuda(self, error: RuntimeError) -> None:
        log.warning("CUDA failed (%s): recognizing on the CPU in int8 from here on", str(error).splitlines()[0])
        self._device = "cpu"


def create(options: Mapping[str, Any]) -> Whisper:
    """The engine. Raises `ValueError` for a bad option, `WeightsMissing` without weights."""
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
    """Whisper's code of it: "de" for "de-AT"; None: to be detected."""
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


def _number(name: str, value: object, low: float, high: float, *, whole: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not low <= value <= high:
        raise ValueError(f"{name} {value!r:.80}: expected a {'whole ' if whole else ''}number from {low:g} to {high:g}")
    return value
