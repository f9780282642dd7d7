"""Converts a text to phonemes, each of which is linked to its word in the text.

hibari's own reader comes in between: it normalizes a text ("10:30" becomes two words) and reads it token by token.
Words that it did not change are recognized in its output; other words share what it made of them, in order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from hibari.g2p import G2P
from hibari.g2p.normalize import normalize
from hibari.g2p.token import Tok

LONGEST_WORD = 40
"""The most letters in a word. Nobody could follow a longer one, so its rest is not spoken."""
_BRACKETS = str.maketrans("[]", "  ")
_WORD = re.compile(r"\S+")
_LONG = re.compile(rf"(?<=\w{{{LONGEST_WORD}}})\w+")


@dataclass(frozen=True, slots=True)
class Said:
    """The speech of a text."""

    phonemes: str
    words: tuple[tuple[int, int, int], ...]
    """(index of its first phoneme, start, end in the text) for each word that has a sound."""
    silent: int
    """The number of words that have letters or digits, but no sound in English."""


class Reader:
    """Reads American English, with a lexicon and a network for words that are not in it."""

    def __init__(self, alphabet: Collection[str]) -> None:
        """`alphabet`: the phonemes that the voice knows; others are left out."""
        self._g2p = G2P()
        self._alphabet = frozenset(alphabet)

    def read(self, text: str, pronounce: Mapping[str, str]) -> Said:
        """Reads `text`, which is plain. `pronounce`: the phonemes of words that are not pronounced as they are
        written.
        """
        spans = [found.span() for found in _WORD.finditer(text)]
        written = [text[start:end] for start, end in spans]
        normal = normalize(text)
        belongs = _belongs([word.replace("’", "'") for word in written], normal.split())
        said, firsts, word = "", dict[int, int](), 0
        for token in self._tokens(normal, pronounce):
            for char in token.phonemes or "":
                if char not in self._alphabet or (char == " " and (not said or said[-1] == " ")):
                    continue
                if char.isalpha() and belongs[word] not in firsts:
                    # Its stress mark belongs to it.
                    firsts[belongs[word]] = len(said) - (said[-1:] in ("ˈ", "ˌ"))
                said += char
            if token.whitespace:
                said += " " if said and said[-1] != " " else ""
                word += 1
        silent = sum(any(map(str.isalnum, each)) and n not in firsts for n, each in enumerate(written))
        return Said(said.rstrip(), tuple((first, *spans[n]) for n, first in sorted(firsts.items())), silent)

    def _tokens(self, text: str, pronounce: Mapping[str, str]) -> Iterator[Tok]:
        """Yields the text's tokens with their phonemes. If the reader fails, words are read one by one."""
        linked = _linked(text, pronounce)
        try:
            yield from self._g2p.phonemize_tokens(self._g2p.tokenize(linked))
        except Exception:  # third-party rules meet arbitrary text
            for word in linked.split():
                yield Tok(word, whitespace=" ", phonemes=self._alone(word))

    def _alone(self, word: str) -> str:
        """Reads a single word: as it is, else spelled, else not at all."""
        for way in (word, " ".join(word)):
            try:
                tokens = self._g2p.phonemize_tokens(self._g2p.tokenize(way))
            except Exception:
                continue
            return "".join((token.phonemes or "") + token.whitespace for token in tokens).rstrip()
        return ""


def plain(text: str) -> tuple[str, int]:
    """Returns `text` with spaces in place of pictographs, of characters that the reader takes for commands, and of the
    ends of overlong words; and how many words were changed. The length stays the same."""
    text = text.translate(_BRACKETS)
    left = "".join(" " if _has_no_name(char) else char for char in text)
    left = _LONG.sub(lambda found: " " * len(found.group()), left)
    return left, sum(left[word.start() : word.end()] != word.group() for word in _WORD.finditer(text))


def _has_no_name(char: str) -> bool:
    kind = unicodedata.category(char)
    picture = (kind == "So" and char > "\u2190") or char > "\U0001f000" or char in "\u200d\ufe0f"
    return picture or (kind in ("Cc", "Cs", "Co", "Cn") and not char.isspace())


def _belongs(written: list[str], normal: list[str]) -> list[int]:
    """The number of the written word that each word of the normalized text stands for."""
    found: list[int] = []
    for _, start, end, begin, stop in SequenceMatcher(None, written, normal, autojunk=False).get_opcodes():
        count, instead = end - start, stop - begin
        found += [start + n * count // instead if count else max(start - 1, 0) for n in range(instead)]
    return [*found, max(len(written) - 1, 0)]


def _linked(text: str, pronounce: Mapping[str, str]) -> str:
    """`text` with the pronunciations in hibari's notation: `[word](/phonemes/)`."""
    if not pronounce:
        return text
    # A word at the beginning of a sentence is capitalized.
    known = {name: said for word, said in pronounce.items() for name in (word[:1].upper() + word[1:], word)}
    names = "|".join(sorted(map(re.escape, known), key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda found: f"[{found.group()}](/{known[found.group()]}/)", text)
