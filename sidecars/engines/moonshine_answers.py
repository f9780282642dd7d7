"""Chooses among hypotheses, given what was asked.

An unrestricted decoder mishears short answers in noise: "I'm close" for "uh-huh". So if its result does not answer the
question, the likeliest answer is searched for, too. For example, people who are asked for a number of eight digits say
eight digits.
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
"""Another hypothesis may well be right if it is less likely than the best one by no more than this (natural logarithm,
by the sound alone). Of 400 utterances in sets for tuning, the best hypothesis was right for 325, and one this near for
16 more."""
NEARLY, NEARLY_TOKEN, LEAST_NEARLY, LEAST_TOKEN = 3.0, 0.6, -7.0, -2.0
"""An answer is preferred to a likelier hypothesis if that is likelier by no more than `NEARLY`, or than `NEARLY_TOKEN`
for each token of the answer, because nothing sounds like a long answer by chance. The answer itself must be at least as
likely as `LEAST_NEARLY`, or as `LEAST_TOKEN` for each token, because in a sentence that contains an answer nothing is
likely, and the answer, being short, is the least unlikely. All are natural logarithms, by the sound alone. Whether
anything was said at all is decided by `is_answer`."""
NUMBER_NEARLY, NUMBER_LEAST = 4.0, -1.0
"""The same for a number, and the least likelihood of each of its tokens, which excludes other languages."""
NUMBER_SURE = -4.0
"""A number that the decoder found without restriction is accepted if it is at least this likely: of 155 such numbers in
a set for tuning, 154 were right."""
LONE_PAIR = 3.0
"""The penalty (natural logarithm) for a number with a single "fourteen" or "ninety" among digits, which is usually two
digits misheard, such as "two four" or "nine eight". For 225 recordings for tuning, anything from 2 to 5 works equally
well."""
NUMBERS = 4
"""The most numbers among the hypotheses."""
_DIGITS = re.compile(r"digits_(\d+)_(\d+)")


def answers_to(question: str, phrases: Iterable[str], vocabulary: Vocabulary) -> WordGrammar[Any]:
    """The answers to a question: `phrases`, or, for a question such as `digits_6_8`, every number of six to eight
    digits."""
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
    """Rearranges `ranked` according to what was asked.

    If the best hypothesis is an answer, the answer in `ranked` that is likeliest by the sound alone comes first,
    because the bias prefers long answers. If it is not an answer, the likeliest of all answers comes first if it is
    nearly as likely, and second otherwise. For numbers, see `_with_number`.
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
    length = len(said[0].logprobs)
    least, behind = min(LEAST_NEARLY, LEAST_TOKEN * length), max(NEARLY, NEARLY_TOKEN * length)
    nearly = _likelihood(said[0]) >= max(_likelihood(best) - behind, least)
    return [said[0], *ranked, *said[1:]] if nearly else [best, *said, *ranked[1:]]


def answer_likelihood(tokens: Tokens, ranked: Sequence[Decoded], answers: WordGrammar[Any]) -> float:
    """The likelihood that any of the answers in `ranked` was said, as a natural logarithm, by the sound alone."""
    fitting = {each.tokens: _likelihood(each) for each in ranked if answers.fits(tokens.text(each.tokens))}
    return log(sum(map(exp, fitting.values()))) if fitting else -inf


def unanswered(
    tokens: Tokens,
    ranked: list[Decoded],
    answers: WordGrammar[Any],
    asked: ExpectedWords | None,
    unasked: ExpectedWords | None,
) -> list[Decoded]:
    """The hypotheses if the expected answers are ruled out: none if the best of `ranked` is such an answer, and
    otherwise `ranked`, without the bias of the question unless it is nearly an answer or contains one."""
    text = tokens.text(ranked[0].tokens)
    if answers.fits(text):
        return []
    about = asked is not None and (asked.answers(text) or asked.contains_answer(text))
    return ranked if about else [_biased(each, unasked) for each in ranked]


def _with_number(  # noqa: PLR0917
    model: MoonshineModel,
    encoded: Encoded,
    ranked: list[Decoded],
    numbers: DigitWords,
    bias: ExpectedWords | None,
    poll: Callable[[], None],
) -> list[Decoded]:
    """Adds the likeliest ways to say a number of the requested length to `ranked`, and rearranges them.

    Any words may lead up to the number, so those of the best hypothesis are tried as well as the usual ones. The same
    number can be said and written in many ways, whose likelihoods are added. If no number in words is nearly as likely
    as the best hypothesis, numbers in figures are tried. They come last because, being short, they are often likelier
    than the number that was said.
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
    """Rearranges `ranked` and the likeliest numbers in `found`; also returns whether a number is likely enough to come
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
    """The likelihood that a number was said in any of these ways, as a natural logarithm."""
    logs = [_likelihood(each) - LONE_PAIR * has_lone_pair(number_words(tokens.text(each.tokens))) for each in ways]
    return max(logs) + log(sum(exp(each - max(logs)) for each in logs))


def _lead(tokens: Tokens, said: Sequence[int]) -> Sequence[int]:
    """The tokens of `said` before a number, and without the usual words that lead up to it, of which "so" may have been
    "oh"."""
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
    """Alternatives to the first of `ranked`: texts that differ from it in more than punctuation."""
    best, *rest = ranked
    near = (each for each in rest if _likelihood(each) >= _likelihood(best) - NEAR)
    texts = {plain_words(text): text for text in (tokens.text(each.tokens) for each in near)}
    heard = plain_words(tokens.text(best.tokens))
    return [text for words, text in texts.items() if words and words != heard]


def _likelihood(each: Decoded) -> float:
    """By the sound alone, as a natural logarithm."""
    return sum(each.logprobs)
