"""What a grammar lets the decoder spell, with the tokens of the embedded model."""

from __future__ import annotations

from functools import cache
from typing import Any

from sidecars.engines.moonshine_tokens import END, read_tokens
from sidecars.engines.moonshine_weights import find
from sidecars.engines.word_grammar import Vocabulary, WordGrammar


@cache
def pieces() -> tuple[str, ...]:
    tokens = read_tokens(find().tokenizer)
    return tuple(tokens.piece(token) for token in range(len(tokens)))


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary(pieces(), END)


def spelled(grammar: WordGrammar[Any], text: str) -> bool:
    """Whether `text` may be spelled, in the longest pieces that fit."""
    state, rest = grammar.start, f" {text}"
    while rest:
        fitting = [token for token in grammar.allowed(state) if token != END and rest.startswith(pieces()[token])]
        if not fitting:
            return False
        token = max(fitting, key=lambda each: len(pieces()[each]))
        state, rest = grammar.allowed(state)[token], rest[len(pieces()[token]) :]
    return END in grammar.allowed(state)
