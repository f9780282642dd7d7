"""Tokens → phrases that can be spoken on their own: up to the end of a sentence, else of a clause, else of a word.

The first phrase of a reply may leave at an early comma, for the caller waits for it; later ones are worth waiting
for, because a longer phrase is spoken with a better melody. Joined, the phrases are the text, to the character. A
phrase that ends in white space is one that more follows.
"""

from __future__ import annotations

import re

FIRST_CLAUSE, CLAUSE = 12, 90
"""Characters that a clause has at least, to be spoken before its sentence is over."""
FIRST_LENGTH, LENGTH = 90, 220
"""Characters after which a phrase is cut at a space, whatever its grammar."""
LONGEST = 300
"""Characters after which it is cut even where there is no space."""
FIRST_PATIENCE_S, PATIENCE_S = 0.25, 0.8
"""How long nothing may come from the mind until what is there is spoken."""

_OPENERS = "\"'“‘([*_¿¡"
_CLOSERS = r"[\"'’”)\]*_]*"
_SENTENCE_END = re.compile(
    rf"(?<![.!?…])[.!?…]+{_CLOSERS}\s+|[。！？]{_CLOSERS}\s*|[ \t]*\n[ \t]*(?=\n|[-*•#]\s|\d+[.)]\s)"
)
_CLAUSE_END = re.compile(rf"[,;:]{_CLOSERS}\s+|[、，；]\s*|\s*—\s*|\s[–-]+\s+")
_STOP = re.compile(rf"[.!?…,;:]{_CLOSERS}\s*$")
_SPACE = re.compile(r"\s+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words(
    "Dr Mr Mrs Ms Mx Prof dr mr mrs ms prof Rev Hon St Mt Ft Gen Col Lt Sgt Capt Sen Gov Rep "
    "e.g i.e vs approx tel ext incl resp cf dept est fig"
)
"""Abbreviations after which a sentence goes on."""
_MAY_END = _words(
    "etc Jr Sr Inc Ltd Co Corp Ave Rd Blvd Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
    "Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun"
)
"""Abbreviations after which it goes on unless a capital follows; so it is after "a.m." and "U.S."."""
_BEFORE_NUMBERS = _words("no No nos Nos pp p sec Sec ch Ch art Art")
"""Abbreviations only where a number follows: "No. 5", but "No. I cannot."."""


class PhraseChunker:
    """Takes one reply's text piece by piece and gives out phrases as soon as each is whole."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, token: str) -> list[str]:
        """The phrases that `token` completes."""
        self._text += token
        phrases = []
        while cut := self._cut():
            phrases.append(self._take(cut))
        return phrases

    def flush(self) -> list[str]:
        """The rest, at the end of the reply; the object is then new for another."""
        rest = [self._take(len(self._text))] if self._text else []
        self._first = True
        return rest

    def patience_s(self) -> float | None:
        """Seconds without a token after which to call `expire`; None while there is nothing that could be spoken."""
        if not self._whole_words():
            return None
        return FIRST_PATIENCE_S if self._first else PATIENCE_S

    def expire(self) -> list[str]:
        """What can be spoken of a reply whose next token is late: its whole words."""
        cut = self._whole_words()
        return [self._take(cut)] if cut else []

    def _take(self, cut: int) -> str:
        phrase, self._text = self._text[:cut], self._text[cut:]
        # White space says nothing to the caller, who still waits for the first phrase.
        self._first = self._first and not phrase.strip()
        return phrase

    def _cut(self) -> int:
        """Where the next phrase ends; 0: not known yet."""
        text = self._text[: LONGEST + 1]
        for end in _SENTENCE_END.finditer(text):
            if not text[: end.end()].strip():
                continue
            ends = _ends_sentence(text[: end.start()], end.group().strip(), self._text[end.end() :].lstrip())
            if ends is None:
                return self._shorter_cut(text[: end.start()])
            if ends:
                return end.end()
        return self._shorter_cut(text)

    def _shorter_cut(self, text: str) -> int:
        clause, length = (FIRST_CLAUSE, FIRST_LENGTH) if self._first else (CLAUSE, LENGTH)
        for end in _CLAUSE_END.finditer(text):
            if len(text[: end.end()].strip()) >= clause and end.end() < len(self._text):
                return end.end()
        if len(text) > length and (cut := _last_parting(text[: length + 1]) or _last_parting(text)):
            return cut
        return LONGEST if len(text) > LONGEST else 0

    def _whole_words(self) -> int:
        """Where to cut when nothing more comes for now."""
        if _STOP.search(self._text) and not _is_abbreviation(_last_word(self._text.rstrip())):
            return len(self._text)
        return _last_parting(self._text)


def pause_s(phrase: str) -> float:
    """Silence between `phrase` and the one that follows it, as espeak-ng has it between sentences and clauses.

    0 when nothing follows, or when it was cut between words.
    """
    said = phrase.rstrip()
    if said == phrase:
        return 0.0
    mark = said.rstrip("\"'’”)]*_")[-1:]
    if mark in (".", "!", "?", "。") or "\n" in phrase[len(said) :]:
        return 0.30
    return 0.22 if mark in (";", ":", "…", "—", "–") else 0.14 if mark == "," else 0.0


def _ends_sentence(before: str, mark: str, after: str) -> bool | None:
    """Whether `mark`, white space on its right, ends a sentence. None: the next word will tell."""
    if not mark.startswith((".", "…")):
        return True
    following = after.lstrip(_OPENERS)[:1]
    word = _last_word(before)
    if mark.startswith(("..", "…")):
        goes_on = following.islower()
    elif word in _BEFORE_NUMBERS:
        goes_on = following.isdigit()
    elif word in _MAY_END or ("." in word and word not in _TITLES and all(len(part) <= 2 for part in word.split("."))):
        goes_on = not following.isupper()
    else:
        initial = len(word) == 1 and word.isalpha() and word != "I"
        number_of_item = word.isdigit() and before.strip() == word  # "1. Brush your teeth."
        return not (word in _TITLES or initial or number_of_item)
    return not goes_on if following else None


def _last_word(text: str) -> str:
    """The word that `text` ends in; empty when it ends in white space."""
    return "" if not text or text[-1].isspace() else text.rsplit(maxsplit=1)[-1].lstrip(_OPENERS)


def _is_abbreviation(word: str) -> bool:
    """Whether `word` ends in a full stop that does not end a sentence."""
    bare = word[:-1]
    return word.endswith(".") and (bare in _TITLES or bare in _BEFORE_NUMBERS or (len(bare) == 1 and bare.isalpha()))


def _last_parting(text: str) -> int:
    """Where the last white space ends that two words may be parted at; 0: nowhere."""
    for space in reversed(list(_SPACE.finditer(text))):
        before = text[: space.start()]
        if before.strip() and not _is_abbreviation(_last_word(before)):
            return space.end()
    return 0
