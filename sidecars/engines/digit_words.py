"""Numbers as people say them, for a decoder that may spell nothing else: "um, it's four seven, double oh nine, please".

Asked for eight digits, people say eight. Where the decoder's own text has another count, a digit was lost in the noise
or made up ("please" for a three), and the likeliest way to have said eight is mostly what was said.
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
"""Other such words, of which only a number in figures is sure to be none itself."""
AFTER = ("please", "thanks", "thank", "you", "okay", "i", "think", "that's", "it", "all")
"""Words that follow a number. Without them, they would be heard as digits: "thanks" as a six."""

FIGURES = {str(value): word for value, word in enumerate(UNITS)}

_Place = frozenset[Said]
"""Where in a number a text stands: all readings, of whose digits only the count matters. Empty: after the number."""
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
        """The number of that length which is said in `text`; empty if there is none, or a word that is no number's is
        amid it."""
        fitting = (each for each in readings(number_words(text)) if self._low <= len(each) <= self._high)
        return next(fitting, "")

    def fits(self, text: str) -> bool:
        """Whether there are as many digits in `text` as there should be, and nothing else among them."""
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
