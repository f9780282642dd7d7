"""Expands the short notation of caller phrases: `[may I] (book|make) an appointment {day}` stands for four sentences.

`[…]` is optional, `(a|b)` is a choice (either side may be empty), and `{name}` is a slot. Brackets can be nested.
"""

from __future__ import annotations

import re
from itertools import product

from phone_daemon.language.words import words

MAX_SENTENCES = 500
"""The most sentences that one phrase may stand for."""

_TOKEN = re.compile(r"[\[\]()|]|[^\[\]()|]+")
_CLOSING = {"[": "]", "(": ")"}


class BadPhrase(ValueError):
    """A malformed phrase; the message says what is wrong and how to fix it."""


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
    """The sentences from `at` up to the bracket that closes `opened`, and its position."""
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
