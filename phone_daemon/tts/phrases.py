"""Cuts tokens into phrases that can be spoken on their own: at the end of a sentence, or else of a clause, or else of a
word.

The first phrase of a reply may end at an early comma, because the caller is waiting for it. Later phrases may be
longer, because a longer phrase has a better melody. Joined, the phrases equal the text, to the character, and they do
not depend on how the text is split into tokens. If a phrase ends in white space, more text follows it.
"""

from __future__ import annotations

import re

from phone_daemon.text.abbreviations import ends_sentence, goes_on, last_word, may_go_on

FIRST_CLAUSE, CLAUSE = 12, 90
"""Least number of characters of a clause that is spoken before its sentence is complete."""
FIRST_LENGTH, LENGTH = 90, 220
"""Characters after which a phrase is cut at a space, whatever its grammar."""
SENTENCE_PAUSE_S = 0.30
LONGEST = 300
"""Characters after which a phrase is cut even without a space."""
FIRST_PATIENCE_S, PATIENCE_S = 0.25, 0.8
"""How long to wait for the agent before speaking the text at hand."""

_CLOSING = "\"'’”»)\\]}*_~`」』）】》〉"
_CLOSERS = rf"[{_CLOSING}]*"
_SENTENCE_END = re.compile(
    rf"""(?=[.!?…।؟۔。！？｡\n\#|]) (?:                                # all that it may begin with, for speed
         (?<![.!?…])[.!?…]+{_CLOSERS}\s+ | [।؟۔]+{_CLOSERS}\s+
       | [。！？｡]+{_CLOSERS}(?:\s+|(?=[^\s。！？｡{_CLOSING}]))
       | \n[ \t]*(?=\n|[-+*•]\s|\#{{1,6}}\s|\d+[.)]\s|[>|])         # before an item, a heading, a row
       | ^(?:\#{{1,6}}\s|\|)[^\n]*\n | (?<=[:*_])\n                 # after a heading or a row
    )""",
    re.MULTILINE | re.VERBOSE,
)
_CLAUSE_END = re.compile(rf"[,;:]{_CLOSERS}\s+|[、，；：]{_CLOSERS}\s*|\s*—\s*|\s[–-]+\s+")
_STOP = re.compile(rf"(?:[!?…;।؟۔。！？｡、，；]|(?<!\d)[,:]|\.){_CLOSERS}\s*$")
_UNFINISHED_ADDRESS = re.compile(r"(?:@[\w-]+|\bwww|\bhttps?)[.:]$")
_IN_LINK = re.compile(r"\]\([^)\n]*$")
_WEEKDAY = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\.?$")
_MONTH = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?$")
_SPACE = re.compile(r"\s+")


class PhraseChunker:
    """Takes one reply's text piece by piece and returns each phrase as soon as it is complete."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True
        self._undecided = False
        """Whether the next letter may decide that a sentence has ended."""

    def feed(self, token: str) -> list[str]:
        """The phrases that `token` completes."""
        phrases = []
        for char in token:
            # One character at a time, so that a phrase ends at the first possible place, not where a token happens to
            # end.
            self._text += char
            while self._may_tell() and (cut := self._cut()):
                phrases.append(self._take(cut))
        return phrases

    def flush(self) -> list[str]:
        """Returns the rest at the end of the reply; the chunker is then ready for another reply."""
        rest = [self._take(len(self._text))] if self._text else []
        self._first = True
        return rest

    def patience_s(self) -> float | None:
        """Seconds without a token after which to call `expire`; None while there is nothing to speak."""
        if not self._whole_words():
            return None
        return FIRST_PATIENCE_S if self._first else PATIENCE_S

    def expire(self) -> list[str]:
        """Returns the complete words of a reply whose next token is late."""
        cut = self._whole_words()
        return [self._take(cut)] if cut else []

    def _take(self, cut: int) -> str:
        phrase, self._text = self._text[:cut], self._text[cut:]
        # The caller cannot hear white space, and still waits for the first phrase.
        self._first = self._first and not phrase.strip()
        return phrase

    def _may_tell(self) -> bool:
        """Whether the last character may have ended a phrase; a character in the middle of a word rarely does."""
        last = self._text[-2:]
        return self._undecided or not (last.isascii() and last.isalnum()) or len(self._text) > LONGEST

    def _cut(self) -> int:
        """Where the next phrase ends; 0 if not yet known."""
        text = self._text
        self._undecided = False
        for end in _SENTENCE_END.finditer(text):
            before = text[: end.start()]
            if not text[: end.end()].strip() or _IN_LINK.search(before):
                continue
            ends = ends_sentence(before, end.group().strip(), text[end.end() :])
            if ends is None:
                self._undecided = True
                return self._shorter_cut(before)
            if ends:
                return end.end()
        return self._shorter_cut(text)

    def _shorter_cut(self, text: str) -> int:
        clause, length = (FIRST_CLAUSE, FIRST_LENGTH) if self._first else (CLAUSE, LENGTH)
        for end in _CLAUSE_END.finditer(text):
            before, after = text[: end.start()], self._text[end.end() :]
            if len(text[: end.end()].strip()) >= clause and after and not _holds_together(before, end.group(), after):
                return end.end()
        if len(text) > length and (cut := _last_parting(text[: length + 1]) or _last_parting(text)):
            return cut
        if len(self._text) > LONGEST:
            spaces = [space.end() for space in _SPACE.finditer(self._text) if self._text[: space.start()].strip()]
            return spaces[-1] if spaces else LONGEST
        return 0

    def _whole_words(self) -> int:
        """Where to cut if nothing more comes for now."""
        word = last_word(self._text.rstrip().rstrip(_CLOSING))
        unfinished = goes_on(word) or _UNFINISHED_ADDRESS.search(word) or _IN_LINK.search(self._text)
        if _STOP.search(self._text) and not unfinished:
            return len(self._text)
        return _last_parting(self._text)


def is_unfinished(phrase: str) -> bool:
    """Whether the next phrase continues the same sentence."""
    return phrase != phrase.rstrip() and pause_s(phrase) < SENTENCE_PAUSE_S


def pause_s(phrase: str) -> float:
    """Silence between `phrase` and the next one, as espeak-ng has it between sentences and clauses.

    0 if nothing follows, or if it was cut between words.
    """
    said = phrase.rstrip()
    if said == phrase:
        return 0.0
    mark = said.rstrip(_CLOSING)[-1:]
    if mark in tuple(".!?।؟۔。！？｡") or "\n" in phrase[len(said) :]:
        return SENTENCE_PAUSE_S
    return 0.22 if mark in (";", ":", "…", "—", "–") else 0.14 if mark == "," else 0.0


def _holds_together(before: str, mark: str, after: str) -> bool:
    """Whether `mark` does not separate clauses, as in "March 5, 2026", "9 – 5", "Mon – Fri", or the title of a link."""
    if after[0].isdigit() and (before[-1:].isdigit() or _MONTH.search(before)):
        return True
    if mark.strip(" -–—") == "" and (after[0].isdigit() or _WEEKDAY.search(before)):
        return True
    return _IN_LINK.search(before) is not None


def _last_parting(text: str) -> int:
    """The end of the last white space at which two words may be separated; 0 if there is none."""
    for space in reversed(list(_SPACE.finditer(text))):
        before, after = text[: space.start()], text[space.end() :]
        figures = before[-1:].isdigit() or after[:1].isdigit()
        if before.strip() and not figures and not may_go_on(last_word(before)) and not _IN_LINK.search(before):
            return space.end()
    return 0
