"""What the recogniser expects in one dialplan: its language models and its dictionary, as files."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pocketsphinx import Config, LogMath, NGramModel, get_model_path

from sidecars.engines.language_model import END, START, Gram, Phrases, arpa
from sidecars.engines.pronunciation import Pronunciations, tokens

GENERAL_WORDS = 300
"""Commonest words of general English allowed besides the phrases' own. 1,000 understand an unexpected sentence
hardly better (word errors 79 instead of 86 %, none 96 %) and an expected one worse (16 instead of 12 %)."""
PAIR_GAIN = 8.0
"""A pair of words gets an entry of its own when the first makes the second so many times likelier."""
LANGUAGE_WEIGHT = 9.0
"""Of words being expected beside how they sound."""
EXPECTED = 0.95
"""Share that the answers to a question that was asked have in what is said, beside everything else that the dialplan's
callers say; about 0.8 once counts are damped. It halves the word errors of synthesised answers (28 instead of 55 %; 34
at 0.8) and costs a request that is made instead of the answer nothing (13.5 instead of 13.3 %)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grammar:
    language_models: Mapping[str, NGramModel]
    """By what is expected; under the empty name when it is nothing in particular. One is loaded in 4 ms, and decoders
    share it: each takes 0.5 ms and 0.4 MB for a further one."""
    dictionary: Path
    """The words that can come up, and no others: a decoder is made in 12 ms instead of 1.2 s, and takes 5 MB instead
    of 40."""


class General:
    """The general language model that comes with pocketsphinx, and the words of its dictionary."""

    def __init__(self, pronunciations: Pronunciations) -> None:
        self._math = LogMath()
        self._model = NGramModel(Config(), self._math, get_model_path("en-us/en-us.lm.bin"))
        self.pronunciations = pronunciations
        self.common = sorted(pronunciations, key=lambda word: -self._model.prob([word]))[:GENERAL_WORDS]
        self.pairs = self._pairs([*self.common, END])
        """By common word, those that it makes much likelier."""
        self._known: dict[tuple[str, Gram], float] = {}

    def probability(self, word: str, history: Gram) -> float:
        """P(word | history), for a history of at most one word."""
        found = self._known.get((word, history))
        if found is None:
            found = self._known[word, history] = float(self._math.exp(self._model.prob([word, *history])))
        return found

    def _pairs(self, words: Iterable[str]) -> dict[str, list[str]]:
        gain, log_probability = self._math.log(PAIR_GAIN), self._model.prob
        bars = {word: log_probability([word]) + gain for word in words}
        return {
            first: [word for word, bar in bars.items() if log_probability([word, first]) > bar]
            for first in (START, *(word for word in bars if word != END))
        }

    def loaded(self, path: str) -> NGramModel:
        """The model in the ARPA file at `path`, with the weight that decoders give it."""
        return NGramModel(Config(lw=LANGUAGE_WEIGHT), self._math, path)  # `NGramModel.readfile` would forget the weight


def build(name: str, sets: Mapping[str, Iterable[str]], weight: float, general: General, dictionary: Path) -> Grammar:
    """The grammar called `name`, its dictionary written to the file `dictionary`.

    `sets`: all phrases under the empty name, and those that can be expected at some time under a name each. `weight`,
    0 to 1: how much phrases count beside general English. Words that nobody knows how to pronounce are left out, and
    reported with their phrase.
    """
    said = {
        expected: [words for phrase in phrases if (words := _sayable(name, phrase, general.pronunciations))]
        for expected, phrases in sets.items()
    }
    vocabulary = sorted({*general.common, *(word for phrases in said.values() for words in phrases for word in words)})
    models = {}
    for expected in sets:
        model = Phrases(_weighed(said[""], said[expected] if expected else []))
        text = arpa(model, general.probability, vocabulary, general.pairs, weight if model.seen[()] else 0.0)
        with tempfile.NamedTemporaryFile("w", suffix=".lm") as file:
            file.write(text)
            file.flush()
            models[expected] = general.loaded(file.name)
    with dictionary.open("w") as lines:
        for word in vocabulary:
            for place, phones in enumerate(general.pronunciations.of(word), 1):
                lines.write(f"{word}({place}) {phones}\n" if place > 1 else f"{word} {phones}\n")
    return Grammar(models, dictionary)


def _weighed(all_: Sequence[list[str]], expected: Sequence[list[str]]) -> Iterator[tuple[list[str], float]]:
    """Phrases with how often they count: those that are `expected` make up their share of what is said."""
    for words in all_:
        yield words, 1.0
    times = EXPECTED / (1 - EXPECTED) * len(all_) / max(len(expected), 1)
    for words in expected:
        yield words, max(times, 1.0)


def _sayable(name: str, phrase: str, pronunciations: Pronunciations) -> list[str]:
    words = []
    for word in tokens(phrase):
        if pronunciations.of(word):
            words.append(word)
        else:
            log.warning(
                "%s: %r in the phrase %r is not in the dictionary and will never be recognised: spell it as it is "
                'spoken, or tell its sounds under [ears.options.pronunciations], as in tomato = "T AH M EY T OW"',
                name, word, phrase,
            )  # fmt: skip
    return words
