"""Chatterbox (Resemble AI, `chatterbox-tts`): a cloned voice that is spoken while the rest is still being made.

Runs in the environment that `make chatterbox` builds. A text's speech tokens are sampled one by one. As soon as there
are enough for half a second, they are turned into sound, then half as many again, and so on, so that speech begins
early and each part is ready before the previous one has been played. `stop` is checked between any two blocks of the
networks. Every part carries upstream's inaudible watermark.
"""

from __future__ import annotations

import gc
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from sidecars.engine import Chunk
from sidecars.engines.chatterbox_model import FILES, MAX_TOKENS, SAMPLE_RATE, Manner, Model, Stopped, damage
from sidecars.engines.checked import a_number, refuse_unknown, whole_number
from sidecars.pieces import pieces
from sidecars.weights import WeightsMissing, find_weights

REPOSITORY = "ResembleAI/chatterbox"
BUILT_IN = "default"
FIRST_TOKENS = 20
"""25 tokens are a second; the last five of a part are not heard before the next part (see `chatterbox_model`)."""
GROWTH = 1.5
PIECE_CHARS = 250
"""Longer texts are spoken in pieces, because upstream's model loses its way in them."""
RECORDINGS = (".wav", ".flac", ".ogg", ".mp3")
MIN_RECORDING_S = 2.0
VOICES_KEPT = 16

_RANGES: Mapping[str, tuple[float, float]] = {
    "exaggeration": (0, 2),
    "cfg_weight": (0, 2),
    "temperature": (0.05, 5),
    "top_p": (0.01, 1),
    "min_p": (0, 1),
    "repetition_penalty": (1, 3),
    "rate": (0.5, 2.5),
    "seed": (0, 2**63 - 1),
}
_SPOKEN = {"voice", "voice_file", *_RANGES}
_CREATED = {"model", "device", "dtype", "voices", "threads", *_SPOKEN}
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

log = logging.getLogger(__name__)


class Chatterbox:
    """A `TtsEngine` without word times. Options of `create`:

    `voice` (a name), `voice_file` (a recording), `exaggeration`, `cfg_weight`, `temperature`, `top_p`, `min_p`,
    `repetition_penalty`, `rate`, `seed`: the defaults of the options of `speak` with the same names; `model` (a folder
    or a repository), `voices` (a folder of recordings, each of which is a voice with the name of its file), `device`
    ("auto", "cpu", "cuda", "cuda:1"), `dtype` ("auto", "float32", "float16", "bfloat16"), `threads`.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads the weights, and downloads them if they are missing. Raises `ValueError` or `WeightsMissing`."""
        refuse_unknown("chatterbox", options, _CREATED)
        self._manner = _manner(Manner(), options)
        self._recordings = _recordings(options.get("voices"))
        self._default = BUILT_IN
        if file := _file(options):
            self._default = file.stem
            self._recordings[self._default] = file
        if options.get("voice"):
            self._default = self._named(options["voice"])
        self._kept: dict[object, Any] = {}
        threads = options.get("threads", max(1, (os.cpu_count() or 2) // 2))  # other processes need the rest
        torch.set_num_threads(whole_number("threads", threads, 1, 256))
        device, dtype = _device(options.get("device", "auto")), options.get("dtype", "auto")
        if dtype not in ("auto", *_DTYPES):
            raise ValueError(f"dtype {dtype!r}: expected auto, {', '.join(_DTYPES)}")
        self._folder = find_weights(str(options.get("model", REPOSITORY)), FILES)
        self._model = self._load(device, dtype)
        self._voice(self._recordings.get(self._default))

    def voices(self) -> Sequence[str]:
        return tuple(dict.fromkeys((self._default, BUILT_IN, *self._recordings)))

    def speak(self, text: str, options: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Chunk]:
        """See `TtsEngine`. Raises `ValueError` for a bad option, with the first chunk."""
        refuse_unknown("chatterbox", options, _SPOKEN)
        manner = _manner(self._manner, options)
        recording = _file(options) or self._recordings.get(self._named(options.get("voice") or self._default))
        spoken = False
        try:
            for wave in self._said(text, recording, manner, stop):
                if stop():
                    return
                if not len(wave):
                    continue
                spoken = True
                yield Chunk((np.clip(wave, -1, 1) * 32767).astype("<i2").tobytes())
        except Stopped:
            return
        except RuntimeError as error:
            if self._model.device.type == "cpu":
                raise
            self._fall_back(error)
            if spoken:
                raise  # the text cannot be continued from its middle
            yield from self.speak(text, options, stop)

    def _said(
        self, text: str, recording: Path | None, manner: Manner, stop: Callable[[], bool]
    ) -> Iterator[NDArray[np.float32]]:
        with self._model.asking(stop):
            voice = self._voice(recording)
            for _, piece in pieces(text, PIECE_CHARS):
                if re.search(r"\w", piece):  # upstream speaks its own sentence for an empty text
                    yield from self._piece(piece, voice, manner)

    def _piece(self, text: str, voice: Any, manner: Manner) -> Iterator[NDArray[np.float32]]:
        seed = torch.seed() % 2**63 if manner.seed is None else manner.seed
        sampler, sound = self._model.sampler(text, voice, manner, seed), self._model.sound(voice, manner, seed)
        most = min(MAX_TOKENS, 75 + 4 * len(text))  # twice as long as a slow speaker takes
        tokens: list[int] = []
        part = float(FIRST_TOKENS)
        due = part
        while len(tokens) < most and (token := sampler.next()) is not None:
            tokens.append(token)
            if len(tokens) >= due:
                yield sound.extend(tokens)
                part *= GROWTH
                due += part
        if len(tokens) == most:
            log.warning("chatterbox found no end to a text of %d characters and was cut short", len(text))
        yield sound.extend(tokens, last=True)

    # ------------------------------------------------------------------------------------------ voices, devices

    def _named(self, name: object) -> str:
        if name != BUILT_IN and name not in self._recordings:
            known = ", ".join(repr(each) for each in (BUILT_IN, *self._recordings))
            raise ValueError(f"voice {name!r}: there is {known}; a recording in the folder `voices` is a voice")
        return str(name)

    def _voice(self, recording: Path | None) -> Any:
        if recording is None:
            return self._model.built_in()
        key = _checked(recording)
        if key not in self._kept:
            self._kept[key] = self._model.voice_of(recording)
            if len(self._kept) > VOICES_KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[key]

    def _load(self, device: str, dtype: str) -> Model:
        """Loads the model on `device`, or on the CPU if that fails."""
        if device != "cpu":
            half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
            try:
                model = Model(self._folder, device, _DTYPES.get(dtype, half))
                model.warm_up()
                return model
            except RuntimeError as error:
                _give_up_cuda(error)
        try:
            return Model(self._folder, "cpu", _DTYPES.get(dtype, torch.float32))
        except Exception as error:
            raise WeightsMissing(damage(self._folder, error)) from error

    def _fall_back(self, error: RuntimeError) -> None:
        """Falls back after CUDA has failed: everything on that device is unusable and is loaded again."""
        self._kept.clear()
        del self._model
        _give_up_cuda(error)
        self._model = Model(self._folder, "cpu", torch.float32)


def create(options: Mapping[str, Any]) -> Chatterbox:
    """Creates the engine. Raises `ValueError` for a bad option, and `WeightsMissing` without weights."""
    return Chatterbox(options)


def _give_up_cuda(error: Exception) -> None:
    log.warning("CUDA failed (%s): speaking on the CPU in fp32 from here on", str(error).splitlines()[0])
    gc.collect()
    with suppress(RuntimeError):  # after some failures CUDA no longer answers any call
        torch.cuda.empty_cache()


def _manner(standing: Manner, options: Mapping[str, Any]) -> Manner:
    """`standing` with the changes that `options` make."""
    named = {each.name for each in fields(Manner)} & {name for name, value in options.items() if value is not None}
    changed: dict[str, Any] = {
        name: (whole_number if name == "seed" else a_number)(name, options[name], *_RANGES[name]) for name in named
    }
    return replace(standing, **changed)


def _device(wanted: object) -> str:
    if not isinstance(wanted, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", wanted):
        raise ValueError(f'device {wanted!r}: expected "auto", "cpu", "cuda" or "cuda:1"')
    if wanted != "cpu" and not torch.cuda.is_available():
        level = logging.INFO if wanted == "auto" else logging.WARNING
        log.log(level, "no CUDA here: speaking on the CPU in fp32, which may be slower than speech")
        return "cpu"
    return "cuda" if wanted == "auto" else wanted


def _file(options: Mapping[str, Any]) -> Path | None:
    file = options.get("voice_file")
    if file is not None and (not isinstance(file, str) or not file):
        raise ValueError(f"voice_file {file!r}: expected the path of a recording")
    return Path(file) if file else None


def _recordings(folder: object) -> dict[str, Path]:
    """The recordings in `folder` by name."""
    if folder is None:
        return {}
    if not isinstance(folder, str) or not Path(folder).is_dir():
        raise ValueError(f"voices {folder!r}: no such folder")
    return {each.stem: each for each in sorted(Path(folder).iterdir()) if each.suffix.lower() in RECORDINGS}


def _checked(recording: Path) -> object:
    """A key that distinguishes this recording from others. Raises `ValueError` for a file that cannot be used as a
    voice.
    """
    try:
        about = recording.stat()
        info = soundfile.info(recording)
    except OSError as error:
        raise ValueError(f"voice_file {str(recording)!r}: {error.strerror}") from None
    except soundfile.LibsndfileError:
        raise ValueError(f"voice_file {str(recording)!r}: not a recording; expected {', '.join(RECORDINGS)}") from None
    if info.duration < MIN_RECORDING_S:
        raise ValueError(
            f"voice_file {str(recording)!r}: {info.duration:.1f} s; expected at least {MIN_RECORDING_S:g} s, ideally 10"
        )
    return recording, about.st_mtime_ns, about.st_size
