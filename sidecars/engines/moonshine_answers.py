"""Chooses among the ways to understand the audio, knowing what was asked.

A decoder that is free to spell anything mishears short answers in noise: "I'm close" for "uh-huh". So if what it heard
does not answer the question, the likeliest answer is looked for too. Asked for a number of eight digits, for example,
people say eight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sidecars.engines.answer_words import AnswerWords
from sidecars.engines.digit_words import DigitWords
from sidecars.engines.expected_words import ExpectedWords
from sidecars.engines.moonshine_model import Decoded, MoonshineModel
from sidecars.engines.moonshine_runs import Encoded
from sidecars.engines.moonshine_tokens import Tokens
from sidecars.engines.moonshine_words import plain_words
from sidecars.engines.word_grammar import Vocabulary, WordGrammar

BEAM = 8
NEAR = 6.0
"""Another hypothesis may well be what was said if it is less likely than the best one by no more than this, as a
natural logarithm, by the sound alone. Of 400 utterances of sets for tuning, 325 were understood by the best hypothesis,
and 16 more by one that is so near."""
NEARLY, LEAST_NEARLY = 3.0, -5.0
"""An answer counts as what was said, though something else is likelier, if that is likelier by no more than `NEARLY`,
and the answer is no less likely than `LEAST_NEARLY`; as natural logarithms, by the sound alone. In babble and in other
languages nothing is likely, and an answer, being short, is the least unlikely of all."""
_DIGITS = re.compile(r"digits_(\d+)_(\d+)")


def answers_to(question: str, phrases: Iterable[str], vocabulary: Vocabulary) -> WordGrammar[Any]:
    """The answers to a question: `phrases`, or for `digits_6_8` every number of six to eight digits."""
    digits = _DIGITS.fullmatch(question)
    return DigitWords(vocabulary, *map(int, digits.groups())) if digits else AnswerWords(vocabulary, phrases)


def with_answer(  # noqa: PLR0917
    model: MoonshineModel,
    encoded: Encoded,
    ranked: list[Decoded],
    answers: WordGrammar[Any] | None,
    bias: ExpectedWords | None,
    poll: Callable[[], None],
) -> list[Decoded]:
    """`ranked`, rearranged by what was asked.

    If the best hypothesis is an answer, the answer in `ranked` that is likeliest by the sound alone comes first: the
    bias, which found it, prefers long answers. If it is no answer, the likeliest of all answers comes first if it is
    nearly as likely as the best, and second otherwise.
    """
    best = ranked[0]
    if answers is None:
        return ranked
    if answers.fits(model.tokens.text(best.tokens)):
        fitting = [each for each in ranked if answers.fits(model.tokens.text(each.tokens))]
        likeliest = max(fitting, key=_likelihood)
        return [likeliest, *(each for each in ranked if each is not likeliest)]
    answer = model.restricted(encoded, answers, beam=BEAM, poll=poll)
    if answer is None:
        return ranked
    if bias is not None:
        answer = replace(answer, bonus=bias.of(answer.tokens))
    nearly = _likelihood(answer) >= max(_likelihood(best) - NEARLY, LEAST_NEARLY)
    return [answer, *ranked] if nearly else [best, answer, *ranked[1:]]


def others(tokens: Tokens, ranked: Sequence[Decoded]) -> list[str]:
    """What may have been said instead of the first of `ranked`: texts that differ in more than punctuation."""
    best, *rest = ranked
    near = (each for each in rest if _likelihood(each) >= _likelihood(best) - NEAR)
    texts = {plain_words(text): text for text in (tokens.text(each.tokens) for each in near)}
    heard = plain_words(tokens.text(best.tokens))
    return [text for words, text in texts.items() if words and words != heard]


def _likelihood(each: Decoded) -> float:
    """By the sound alone, as a natural logarithm."""
    return sum(each.logprobs)
