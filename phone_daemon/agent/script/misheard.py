"""Restores words of a dialplan that a recognizer wrote as others with a similar sound: "a pointment", "can sell",
"massage".

Engines write the likeliest words for a sound, and a dialplan's own words are often not the likeliest. If words that
include one from outside the dialplan together sound and look much like one of its words, they are read as that word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from phone_daemon.agent.script.lexicon import COMMON, FILLERS, sound

_LEAST = 5
"""The fewest letters of a word; shorter ones sound like too many others."""
_MOST = 3
"""The most words that one word is heard as."""
_ALIKE = 0.75
"""The share of the letters of both that must agree, in order."""
_COARSE = str.maketrans("cqkgjxzdvb", "ssssssstfp", "aeiouyhw'")
_TWICE = re.compile(r"(.)\1+")


def _consonants(word: str) -> str:
    """The consonants of `word`, coarsely: a cheap key that words with the same `sound` share."""
    first = "a" if word[0] in "aeiouyhw" else ""
    return first + _TWICE.sub(r"\1", word).translate(_COARSE)


class Misheard:
    def __init__(self, sentences: Iterable[str]) -> None:
        self._known = {word for sentence in sentences for word in sentence.split() if word[0] != "{"}
        self._sounding: dict[str, list[str]] = {}
        for word in sorted(self._known):
            if len(word) >= _LEAST and word not in COMMON and word not in FILLERS:
                self._sounding.setdefault(_consonants(word), []).append(word)

    def __call__(self, words: Sequence[str], *, alone: bool = False) -> list[str]:
        """`words`, with a word of the dialplan in place of several that sound like it; with `alone`, also in place of a
        single word."""
        corrected: list[str] = []
        at = 0
        while at < len(words):
            for count in range(min(_MOST, len(words) - at), 0 if alone else 1, -1):
                if meant := self._meant(words[at : at + count]):
                    corrected.append(meant)
                    at += count
                    break
            else:
                corrected.append(words[at])
                at += 1
        return corrected

    def _meant(self, words: Sequence[str]) -> str:
        heard = "".join(words)
        if len(heard) < _LEAST or self._known.issuperset(words):
            return ""
        for meant in self._sounding.get(_consonants(heard), ()):
            alike = SequenceMatcher(None, heard, meant, autojunk=False).ratio()
            if alike >= _ALIKE and sound(heard) == sound(meant):
                return meant
        return ""
