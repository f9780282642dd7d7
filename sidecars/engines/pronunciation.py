"""How words are pronounced: the CMU dictionary, and guesses for words that it lacks but whose parts it has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_WORD = re.compile(r"[\w']+")
_VOICELESS = frozenset({"P", "T", "K", "F", "TH"})
_HISSING = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
_SHORTEST_PART = 3


def tokens(phrase: str) -> list[str]:
    """The words of a phrase as the dictionary spells them: lower case, no punctuation but the apostrophe."""
    words = (word.strip("'_") for word in _WORD.findall(phrase.lower().replace("\u2019", "'")))
    return [word for word in words if word]


class Pronunciations:
    """By word, its pronunciations as space-separated ARPAbet phones; the commonest first."""

    def __init__(self, dictionary: Path, extra: Mapping[str, str]) -> None:
        """`extra` goes before the dictionary."""
        self._known: dict[str, list[str]] = {}
        with dictionary.open(encoding="utf-8") as lines:
            for line in lines:
                word, _, phones = line.rstrip().partition(" ")  # `word` or, from the second on, `word(2)`
                self._known.setdefault(word.partition("(")[0], []).append(phones)
        self._known.update({word.lower(): [phones] for word, phones in extra.items()})

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def of(self, word: str) -> list[str]:
        """All pronunciations of `word`; a guess from its parts when it is not in the dictionary, or nothing."""
        return self._known.get(word) or self._possessive(word) or self._compound(word)

    def _possessive(self, word: str) -> list[str]:
        stem, mark, ending = word.rpartition("'")
        if not mark or ending not in ("", "s"):
            return []
        return [f"{phones} {_ending(phones)}" for phones in self._known.get(stem, ())]

    def _compound(self, word: str) -> list[str]:
        for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            first, second = self._known.get(word[:cut]), self._known.get(word[cut:])
            if first and second:
                return [f"{first[0]} {second[0]}"]
        return []


def _ending(phones: str) -> str:
    last = phones.rpartition(" ")[2]
    return "IH Z" if last in _HISSING else "S" if last in _VOICELESS else "Z"
