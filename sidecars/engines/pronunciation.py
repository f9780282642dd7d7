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
        # The dictionary spells a word's further pronunciations `word(2)`, `word(3)` and so on.
        self._known = dict(line.split(" ", 1) for line in dictionary.read_text(encoding="utf-8").splitlines())
        for word, phones in extra.items():
            self._known[word.lower()] = phones
            self._known.pop(f"{word.lower()}(2)", None)

    def __iter__(self) -> Iterator[str]:
        """The words, each once."""
        return (word for word in self._known if not word.endswith(")"))

    def of(self, word: str) -> list[str]:
        """All pronunciations of `word`; a guess from its parts when it is not in the dictionary, or nothing."""
        return self._listed(word) or self._possessive(word) or self._compound(word)

    def _listed(self, word: str) -> list[str]:
        found, spelled = [], word
        while phones := self._known.get(spelled):
            found.append(phones.strip())
            spelled = f"{word}({len(found) + 1})"
        return found

    def _possessive(self, word: str) -> list[str]:
        stem, mark, ending = word.rpartition("'")
        if not mark or ending not in ("", "s"):
            return []
        return [f"{phones} {_ending(phones)}" for phones in self._listed(stem)]

    def _compound(self, word: str) -> list[str]:
        for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            first, second = self._listed(word[:cut]), self._listed(word[cut:])
            if first and second:
                return [f"{first[0]} {second[0]}"]
        return []


def _ending(phones: str) -> str:
    last = phones.rpartition(" ")[2]
    return "IH Z" if last in _HISSING else "S" if last in _VOICELESS else "Z"
