"""From the tokens that Moonshine gives to words with a place in time and a confidence."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sidecars.engine import Word
from sidecars.engines.moonshine_model import Decoded
from sidecars.engines.moonshine_tokens import Tokens
from sidecars.engines.voiced import RATE, VOICE, WINDOW, Voiced

_DOUBLED = re.compile(r"([,;:!?])\1+|(?<!\.)\.\.(?!\.)")


@dataclass(frozen=True, slots=True)
class Said:
    """A word as written, with its punctuation."""

    text: str
    confidence: float


def tidy(text: str) -> str:
    """Punctuation that the model doubles is given once."""
    return _DOUBLED.sub(lambda found: found[0][0], text)


def said_words(ranked: Sequence[Decoded], tokens: Tokens) -> list[Said]:
    """The words of the best hypothesis."""
    best = ranked[0]
    words: list[list[int]] = []
    for at, token in enumerate(best.tokens):
        piece = tokens.piece(token)
        if piece.startswith(" ") or not words:
            words.append([])
        words[-1].append(at)
    said = []
    for places in words:
        text = tokens.text([best.tokens[at] for at in places])
        if text:
            said.append(Said(text, confidence([best.logprobs[at] for at in places])))
    return said


def confidence(logprobs: Sequence[float]) -> float:
    """How likely a word is right, of the log probabilities of its tokens."""
    return math.exp(min(logprobs))


def placed(said: Sequence[Said], voiced: Voiced, begin: int, end: int, offset_s: float) -> list[Word]:
    """Words with times: the model knows none, so its letters are spread over the voice between `begin` and `end`.

    `offset_s`: where sample 0 lies in the session's audio.
    """
    first, last = begin // WINDOW, max(begin // WINDOW + 1, math.ceil(end / WINDOW))
    windows = [at for at in range(first, last) if at < len(voiced.windows) and voiced.windows[at] >= VOICE]
    windows = windows or list(range(first, last))
    letters = sum(len(each.text) for each in said)
    words: list[Word] = []
    done = 0

    def time(share: float) -> float:
        place = share * len(windows)
        whole = min(int(place), len(windows) - 1)
        return offset_s + (windows[whole] + place - whole) * WINDOW / RATE

    for each in said:
        start, done = time(done / letters), done + len(each.text)
        words.append(Word(each.text, start, max(start, time(done / letters)), each.confidence))
    return words
