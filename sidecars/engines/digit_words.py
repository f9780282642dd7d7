"""Restricts a decoder to numbers as people say them: "um, it's four seven, double oh nine, please".

People who are asked for eight digits say eight. If the decoder's own text has more or fewer, a digit was lost in noise
or invented ("please" taken for "three"), and the likeliest way to say eight digits is usually right.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sidecars.engines.word_grammar import Vocabulary, WordGrammar
from sidecars.spoken_digits import FILLERS, REPEATS, SIZES, UNITS, WORDS, Said, number_words, readings, steps

BEFORE = (
    *("um", "er", "uh", "well", "oh", "okay", "so", "yeah", "yes", "sure", "right", "hi", "and", "a", "it's", "its"),
    *("it", "is", "that's", "the", "my", "number", "tracking", "parcel"),
)
"""Words that lead up to a number."""
FIGURES_BEFORE = (
    *("says", "that", "would", "should", "be", "all", "think", "have", "i", "i've", "got", "hang", "hold", "on", "let"),
    *("me", "see", "number's", "here", "reference"),
)
"""Further such words, allowed only before a number in figures, which cannot be mistaken for one of them."""
AFTER = ("please", "thanks", "thank", "you", "okay", "i", "think", "that's", "it", "all")
"""Words that follow a number. If they were not allowed, they would be heard as digits: "thanks" as a six."""

FIGURES = {str(value): word for value, word in enumerate(UNITS)}

_Place = frozenset[Said]
"""The position of a text within a number: all readings so far, of which only the digit count matters. Empty: after the
number."""
_BEGIN: _Place = frozenset((Said(),))
_AFTER: _Place = frozenset()


class DigitWords(WordGrammar[_Place]):
    """A `Grammar` of the numbers that have from `low` to `high` digits, written in words or in figures."""

    def __init__(self, vocabulary: Vocabulary, low: int, high: int, *, figures: bool = False) -> None:
        super().__init__(vocabulary, _BEGIN)
        self._low, self._high = low, high
        self._names = (*FIGURES, *REPEATS, *SIZES) if figures else WORDS
        self._before = (*BEFORE, *FIGURES_BEFORE) if figures else BEFORE
        self.in_figures = self if figures else DigitWords(vocabulary, low, high, figures=True)

    def value(self, text: str) -> str:
        """The number of the right length in `text`; empty if there is none, or if it contains a word that does not
        belong to a number."""
        fitting = (each for each in readings(number_words(text)) if self._low <= len(each) <= self._high)
        return next(fitting, "")

    def fits(self, text: str) -> bool:
        """Whether `text` has the right number of digits, with nothing else between them."""
        return bool(self.value(text))

    def whole(self, place: _Place) -> bool:
        """See `WordGrammar`."""
        return place == _AFTER or any(said.whole and self._low <= len(said.digits) <= self._high for said in place)

    @cache  # noqa: B019 (a grammar lives as long as its engine)
    def words(self, place: _Place) -> Mapping[str, _Place]:
        """See `WordGrammar`."""
        found = dict.fromkeys(AFTER, _AFTER) if self.whole(place) else {}
        for word in (*self._names, *FILLERS) if place else ():
            longer = (each for said in place for each in steps(said, FIGURES.get(word, word)))
            within = frozenset(_counted(said) for said in longer if len(said.digits) <= self._high)
            if within:
                found[word] = within
        if place >= _BEGIN:
            found |= {word: _BEGIN | found.get(word, _AFTER) for word in self._before}
        return found


def _counted(said: Said) -> Said:
    return said._replace(digits="0" * len(said.digits))
