"""Caller phrases in short: `[may I] (book|make) an appointment {day}` stands for six sentences.

`[…]` may be left out, `(a|b)` is one or the other (either side may be empty), `{name}` is a slot. Brackets nest.
"""

from __future__ import annotations

import re
from itertools import product

from phone_daemon.language.words import words

MAX_SENTENCES = 500
"""Sentences that one phrase may stand for."""

_TOKEN = re.compile(r"[\[\]()|]|[^\[\]()|]+")
_CLOSING = {"[": "]", "(": ")"}


class BadPhrase(ValueError):
    """A phrase that is not well formed; says what is wrong and how to fix it."""


def expand(phrase: str) -> tuple[str, ...]:
    """Every sentence that `phrase` stands for, shortest brackets first, without duplicates. Raises `BadPhrase`."""
    tokens = _TOKEN.findall(phrase)
    sentences, end = _alternatives(tokens, 0, "")
    if end < len(tokens):
        raise BadPhrase(f'"{tokens[end]}" closes nothing; take it out or open it first')
    found = dict.fromkeys(" ".join(words(sentence)) for sentence in sentences)
    found.pop("", None)
    if not found:
        raise BadPhrase("has no words; write what a caller would say")
    return tuple(found)


def slots_of(phrase: str) -> tuple[str, ...]:
    """Names of the slots in `phrase`."""
    return tuple(re.findall(r"\{(\w*)\}", phrase))


def _alternatives(tokens: list[str], at: int, opened: str) -> tuple[list[str], int]:
    """Sentences from `at` up to what closes `opened`, and where that stands."""
    found: list[str] = []
    parts: list[list[str]] = []
    closing = _CLOSING.get(opened, "")
    while at < len(tokens) and tokens[at] not in ("]", ")"):
        token = tokens[at]
        if token == "|":
            if not opened:
                raise BadPhrase('"|" stands outside brackets; write (one|other)')
            found += _join(parts)
            parts = []
        elif token in _CLOSING:
            inner, at = _alternatives(tokens, at + 1, token)
            parts.append(["", *inner] if token == "[" else inner)
        else:
            parts.append([token])
        at += 1
    if opened and (at == len(tokens) or tokens[at] != closing):
        raise BadPhrase(f'"{opened}" is never closed; write "{closing}"')
    found += _join(parts)
    if len(found) > MAX_SENTENCES:
        raise BadPhrase(f"stands for more than {MAX_SENTENCES} sentences; split it")
    return found, at


def _join(parts: list[list[str]]) -> list[str]:
    size = 1
    for part in parts:
        size *= len(part)
        if size > MAX_SENTENCES:
            raise BadPhrase(f"stands for more than {MAX_SENTENCES} sentences; split it")
    return [" ".join(chosen) for chosen in product(*parts)]
