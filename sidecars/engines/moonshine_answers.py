"""Chooses among the ways to understand the audio, knowing what was asked.

A decoder that is free to spell anything mishears short answers in noise: "I'm close" for "uh-huh". So if what it heard
does not answer the question, the likeliest answer is looked for too. Asked for a number of eight digits, for example,
people say eight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import exp, inf, log
from typing import Any

from sidecars.engines.answer_words import AnswerWords
from sidecars.engines.digit_words import BEFORE, DigitWords
from sidecars.engines.expected_words import ExpectedWords
from sidecars.engines.moonshine_model import Decoded, MoonshineModel
from sidecars.engines.moonshine_runs import Encoded
from sidecars.engines.moonshine_tokens import Tokens
from sidecars.engines.moonshine_words import plain_words
from sidecars.engines.word_grammar import Vocabulary, WordGrammar
from sidecars.spoken_digits import begins_number, has_lone_pair, number_words

BEAM = 8
NEAR = 6.0
"""Another hypothesis may well be what was said if it is less likely than the best one by no more than this, as a
natural logarithm, by the sound alone. Of 400 utterances of sets for tuning, 325 were understood by the best hypothesis,
and 16 more by one that is so near."""
NEARLY, LEAST_NEARLY, LEAST_TOKEN = 3.0, -7.0, -2.0
"""An answer counts as what was said, though something else is likelier, if that is likelier by no more than `NEARLY`,
and the answer is no less likely than `LEAST_NEARLY`, or than `LEAST_TOKEN` for each of its tokens; as natural
logarithms, by the sound alone. Of a whole sentence with an answer in it nothing is likely, and an answer, being short,
is the least unlikely of all. Whether anything was said is another question: see `is_answer`."""
NUMBER_NEARLY, NUMBER_LEAST = 4.0, -1.0
"""The same for a number, and how likely each of its tokens is at least: in other languages nothing is likely."""
NUMBER_SURE = -4.0
"""A number that the decoder found by itself, and that is at least so likely, is not doubted: of 155 such numbers of a
set for tuning, 154 were right."""
LONE_PAIR = 3.0
"""How much less likely a number is with a single "fourteen" or "ninety" amid digits, as a natural logarithm: mostly,
that was two digits, "two four" or "nine eight". Anything from 2 to 5 serves 225 recordings for tuning equally well."""
NUMBERS = 4
"""The most numbers among what may have been said."""
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
    nearly as likely as the best, and second otherwise. For numbers see `_with_number`.
    """
    if answers is None:
        return ranked
    best = ranked[0]
    if answers.fits(model.tokens.text(best.tokens)):
        fitting = [each for each in ranked if answers.fits(model.tokens.text(each.tokens))]
        likeliest = max(fitting, key=_likelihood)
        if not isinstance(answers, DigitWords) or _likelihood(likeliest) >= NUMBER_SURE:
            return [likeliest, *(each for each in ranked if each is not likeliest)]
    if isinstance(answers, DigitWords):
        return _with_number(model, encoded, ranked, answers, bias, poll)
    found = sorted(model.restricted(encoded, answers, beam=BEAM, poll=poll), key=_likelihood, reverse=True)
    if not found:
        return ranked
    said = [_biased(each, bias) for each in found]
    least = min(LEAST_NEARLY, LEAST_TOKEN * len(said[0].logprobs))
    nearly = _likelihood(said[0]) >= max(_likelihood(best) - NEARLY, least)
    return [said[0], *ranked, *said[1:]] if nearly else [best, *said, *ranked[1:]]


def answer_likelihood(tokens: Tokens, ranked: Sequence[Decoded], answers: WordGrammar[Any]) -> float:
    """The likelihood that any answer among `ranked` was said, as a natural logarithm, by the sound alone."""
    fitting = {each.tokens: _likelihood(each) for each in ranked if answers.fits(tokens.text(each.tokens))}
    return log(sum(map(exp, fitting.values()))) if fitting else -inf


def unanswered(
    tokens: Tokens,
    ranked: list[Decoded],
    answers: WordGrammar[Any],
    asked: ExpectedWords | None,
    unasked: ExpectedWords | None,
) -> list[Decoded]:
    """What was said if it was none of the expected answers: nothing if `ranked` says that it was one, and otherwise
    `ranked`, with the bias of no question unless it is nearly an answer."""
    text = tokens.text(ranked[0].tokens)
    if answers.fits(text):
        return []
    return ranked if asked is not None and asked.answers(text) else [_biased(each, unasked) for each in ranked]


def _with_number(  # noqa: PLR0917
    model: MoonshineModel,
    encoded: Encoded,
    ranked: list[Decoded],
    numbers: DigitWords,
    bias: ExpectedWords | None,
    poll: Callable[[], None],
) -> list[Decoded]:
    """`ranked` and the likeliest ways to say a number of the length that was asked for, rearranged.

    What leads up to the number may be anything, so that of the best hypothesis is tried as well as the usual ones. The
    same number can be said and written in many ways, and is as likely as all of them together. If none in words is
    nearly as likely as what was heard, it may be one in figures. Those are looked for last: being short, they are often
    likelier than the number that was said.
    """
    found = [*ranked, *model.restricted(encoded, numbers, beam=BEAM, poll=poll)]
    if lead := _lead(model.tokens, ranked[0].tokens):
        found += model.restricted(encoded, numbers, lead=lead, beam=BEAM, poll=poll)
    arranged, nearly = _arranged(model.tokens, ranked, found, numbers, bias)
    if nearly:
        return arranged
    found += model.restricted(encoded, numbers.in_figures, beam=BEAM, poll=poll)
    return _arranged(model.tokens, ranked, found, numbers, bias)[0]


def _arranged(
    tokens: Tokens, ranked: list[Decoded], found: list[Decoded], numbers: DigitWords, bias: ExpectedWords | None
) -> tuple[list[Decoded], bool]:
    """`ranked` and the likeliest numbers of those in `found`, rearranged; whether a number is likely enough to come
    first."""
    ways: dict[str, dict[str, Decoded]] = {}
    for each in sorted(found, key=_likelihood, reverse=True):
        number = numbers.value(tokens.text(each.tokens))
        ways.setdefault(number, {}).setdefault(tokens.letters(each.tokens), each)
    ways.pop("", None)
    free = [each for each in ranked if not numbers.fits(tokens.text(each.tokens))]
    if not ways:
        return ranked, False
    together = {number: _together(tokens, said.values()) for number, said in ways.items()}
    likeliest = sorted(together, key=lambda number: -together[number])[:NUMBERS]
    answers = [_biased(next(iter(ways[number].values())), bias) for number in likeliest]
    least = max(max(map(_likelihood, free), default=-inf) - NUMBER_NEARLY, NUMBER_LEAST * len(answers[0].logprobs))
    nearly = not free or together[likeliest[0]] >= least
    return [*answers, *free] if nearly else [free[0], *answers, *free[1:]], nearly


def _together(tokens: Tokens, ways: Iterable[Decoded]) -> float:
    """The likelihood that a number was said in one of these ways, as a natural logarithm."""
    logs = [_likelihood(each) - LONE_PAIR * has_lone_pair(number_words(tokens.text(each.tokens))) for each in ways]
    return max(logs) + log(sum(exp(each - max(logs)) for each in logs))


def _lead(tokens: Tokens, said: Sequence[int]) -> Sequence[int]:
    """The tokens of `said` before a number and the usual words that lead up to it, of which "so" may have been "oh"."""
    begins = [at for at, token in enumerate(said) if tokens.piece(token).startswith(" ")]
    lead = 0
    for at, end in pairwise([*begins, len(said)]):
        word = tokens.text(said[at:end]).lower().strip(",.!?")
        if begins_number(word):
            return said[:lead]
        if word not in BEFORE:
            lead = end
    return ()


def _biased(each: Decoded, bias: ExpectedWords | None) -> Decoded:
    return replace(each, bonus=bias.of(each.tokens)) if bias is not None else each


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
