"""A Moonshine model (Useful Sensors, 2024; arXiv 2410.15608) in onnxruntime, which turns audio into ranked hypotheses.

An encoder turns raw audio into 41.6 states per second. From these a decoder spells the text, one token per step, and
keeps the keys and values of earlier steps. Decoding is a beam search: the `beam` best hypotheses go through the decoder
as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sidecars.engines.moonshine_runs import RATE, Encoded, Floats, load
from sidecars.engines.moonshine_tokens import END, START, Tokens, read_tokens

LEAD, TAIL = np.zeros(RATE // 10, np.float32), np.zeros(RATE // 4, np.float32)
"""Silence that is added before and after the audio; without it, the model misses words at the very beginning or end."""
LONGEST_PIECES_S = 6.5
"""The most tokens per second of audio. Nobody talks faster; a decoder that repeats itself does."""
CANDIDATES, UNLIKELY = 40, 8.0
"""The most tokens that may follow a hypothesis, and how much less likely than the best of them they may be (natural
logarithm). The bias is only computed for these."""
PRUNED = 3.0
"""A hypothesis is dropped if it is less likely than the best one by more than this (natural logarithm). On 400
utterances of the tuning sets this saves 11 % of the CPU and costs no words."""
LENGTH_POWER = 0.8
"""Scores are divided by the length to this power; otherwise the shortest hypothesis would win."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One way to understand the audio."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Natural logarithms: one per token, and one for the end of the text."""
    bonus: float
    """What the bias added for the whole text."""

    @property
    def score(self) -> float:
        """The score by which hypotheses are ranked."""
        return _score(self.logprobs, self.bonus)

    @property
    def likelihood(self) -> float:
        """The mean over the tokens and the end of the text, including the bias."""
        return (sum(self.logprobs) + self.bonus) / len(self.logprobs)


class Bias(Protocol):
    """Defines which words are expected. A state is an immutable value; each hypothesis keeps its own."""

    start: Any

    def advance(self, state: Any, token: int) -> tuple[Any, float]:
        """Returns the state after `token`, and what the token adds to the hypothesis's score (natural logarithm)."""
        ...

    def end(self, state: Any) -> float:
        """Returns what the end of the text adds."""
        ...


class Grammar(Protocol):
    """Defines which texts are possible. A state is an immutable value."""

    start: Any

    def allowed(self, state: Any) -> Mapping[int, Any]:
        """Returns the tokens that may come next, which may include the end of the text, and the state after each."""
        ...


@dataclass(slots=True)
class _Hypothesis:
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    bonus: float = 0.0
    state: Any = None

    def score(self) -> float:
        return _score(self.logprobs, self.bonus)


class MoonshineModel:
    """The loaded weights."""

    def __init__(self, encoder: Path, decoder: Path, tokenizer: Path) -> None:
        """Raises `ValueError` if the files are not such a model."""
        self.tokens: Tokens = read_tokens(tokenizer)
        self._runs = load(encoder, decoder)

    def encode(self, audio: Floats) -> Encoded:
        """`audio`: samples at 16 kHz, full scale 1.0."""
        return self._runs.encode(np.concatenate([LEAD, audio, TAIL])[None])

    def decode(
        self,
        encoded: Encoded,
        *,
        beam: int = 1,
        bias: Bias | None = None,
        guess: Sequence[int] = (),
        poll: Callable[[], None] = lambda: None,
    ) -> list[Decoded]:
        """Returns the ways to understand `encoded`, best first; at least one.

        `guess`: tokens with which the text probably begins. It never changes the result, but speeds it up: those that
        decoding would have found without a rival are accepted in a single step. `poll` is called between steps, and may
        raise to end the decoding.
        """
        longest = 4 + round(LONGEST_PIECES_S * encoded.seconds)
        logits, pasts = self._runs.begin(encoded, [START, *guess])
        rows = _log_softmax(logits[0])
        first = _Hypothesis(state=bias.start if bias else None)
        for at, token in enumerate(guess):
            (_, longer, ended), *others = _near(_chosen([first], rows[at : at + 1], beam, bias))
            if ended or others or longer.tokens[-1] != token:
                break
            first = longer
        known = len(first.tokens)
        pasts = {name: each[:, :, : known + 1] for name, each in pasts.items()}
        live, rows, done = [first], rows[known : known + 1], list[_Hypothesis]()
        while True:
            chosen = _near(_chosen(live, rows, beam, bias))
            done += [each for _, each, ended in chosen if ended]
            going = [(parent, each) for parent, each, ended in chosen if not ended][:beam]
            live = [each for _, each in going]
            if not live or len(live[0].tokens) >= longest:
                break
            best = max((each.score() for each in done), default=-np.inf)
            if len(done) >= beam or (done and best >= max(map(_hope, live))):
                break
            poll()
            logits, pasts = self._runs.step(
                encoded, [each.tokens[-1] for each in live], pasts, [parent for parent, _ in going]
            )
            rows = _log_softmax(logits[:, -1])
        # If no hypothesis has ended, the unfinished ones still count.
        ranked = sorted(done or live, key=_Hypothesis.score, reverse=True)
        return [Decoded(tuple(e.tokens), tuple(e.logprobs), e.bonus) for e in ranked]

    def restricted(
        self,
        encoded: Encoded,
        grammar: Grammar,
        *,
        lead: Sequence[int] = (),
        beam: int = 1,
        poll: Callable[[], None] = lambda: None,
    ) -> list[Decoded]:
        """Returns the likeliest texts that `grammar` allows, best first; none if no text was completed.

        `lead`: tokens that come before such a text. Of texts that differ only in punctuation, one is followed.
        """
        # Digits are short words with commas between them.
        longest = 2 * (4 + round(LONGEST_PIECES_S * encoded.seconds))
        logits, pasts = self._runs.begin(encoded, [START, *lead])
        rows = _log_softmax(logits[0])
        known = [float(row[token]) for row, token in zip(rows, lead, strict=False)]
        rows = rows[len(lead) :]
        live, done = [_Hypothesis([*lead], known, state=grammar.start)], list[_Hypothesis]()
        while live and len(live[0].tokens) < longest:
            found: list[tuple[float, int, int, _Hypothesis]] = []
            for at, (each, row) in enumerate(zip(live, rows, strict=True)):
                likely = sorted(grammar.allowed(each.state).items(), key=lambda one: -row[one[0]])[: beam + 1]
                for token, state in likely:
                    tokens = each.tokens if token == END else [*each.tokens, token]
                    longer = _Hypothesis(tokens, [*each.logprobs, float(row[token])], 0.0, state)
                    found.append((-sum(longer.logprobs), token, at, longer))
            found.sort(key=lambda one: one[:3])
            done += [longer for _, token, _, longer in found if token == END]
            going: dict[str, tuple[int, _Hypothesis]] = {}
            for _, token, at, longer in found:
                if token != END and len(going) < beam:
                    going.setdefault(self.tokens.letters(longer.tokens), (at, longer))
            live = [longer for _, longer in going.values()]
            if done and live and max(map(_Hypothesis.score, done)) >= max(map(_hope, live)):
                break
            if live:
                poll()
                tails, parents = [each.tokens[-1] for each in live], [at for at, _ in going.values()]
                logits, pasts = self._runs.step(encoded, tails, pasts, parents)
                rows = _log_softmax(logits[:, -1])
        ranked = sorted(done, key=_Hypothesis.score, reverse=True)
        return [Decoded(tuple(each.tokens), tuple(each.logprobs), 0.0) for each in ranked]


def _score(logprobs: Sequence[float], bonus: float) -> float:
    return (sum(logprobs) + bonus) / float(max(1, len(logprobs)) ** LENGTH_POWER)


def _log_softmax(logits: Floats) -> Floats:
    """Works in place, because each row has 128 kB."""
    logits -= logits.max(-1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    return logits


def _extended(each: _Hypothesis, token: int, logprob: float, bias: Bias | None) -> _Hypothesis:
    state, bonus = bias.advance(each.state, token) if bias else (None, 0.0)
    return _Hypothesis([*each.tokens, token], [*each.logprobs, logprob], each.bonus + bonus, state)


def _ended(each: _Hypothesis, logprob: float, bias: Bias | None) -> _Hypothesis:
    bonus = bias.end(each.state) if bias else 0.0
    return _Hypothesis(each.tokens, [*each.logprobs, logprob], each.bonus + bonus, each.state)


def _chosen(
    live: Sequence[_Hypothesis], rows: Floats, beam: int, bias: Bias | None
) -> list[tuple[int, _Hypothesis, bool]]:
    """Returns the best continuations, best first: the old hypothesis's row, the new one, and whether it has ended."""
    found: list[tuple[float, int, int, _Hypothesis]] = []
    most = CANDIDATES if bias else beam + 1
    for at, (each, row) in enumerate(zip(live, rows, strict=True)):
        # Most of the vocabulary is irrelevant, and sorting it would take as long as a step of the decoder.
        nearest = np.flatnonzero(row >= row.max() - UNLIKELY)
        if len(nearest) > most:
            nearest = nearest[np.argpartition(row[nearest], -most)[-most:]]
        for token in nearest.tolist():
            logprob = float(row[token])
            longer = _ended(each, logprob, bias) if token == END else _extended(each, token, logprob, bias)
            found.append((sum(longer.logprobs) + longer.bonus, at, token, longer))
    found.sort(key=lambda each: (-each[0], each[2]))
    best = found[:beam]
    if all(token == END for _, _, token, _ in best):
        return [(at, longer, True) for _, at, _, longer in best]
    # A hypothesis that has ended takes no place from one that goes on.
    going = [each for each in found if each[2] != END][:beam]
    last = going[-1][0] if going else -np.inf
    ends = [each for each in found if each[2] == END and each[0] >= last]
    return [(at, longer, token == END) for _, at, token, longer in sorted(ends + going, key=lambda each: -each[0])]


def _near(chosen: list[tuple[int, _Hypothesis, bool]]) -> list[tuple[int, _Hypothesis, bool]]:
    sums = [sum(each.logprobs) + each.bonus for _, each, _ in chosen]
    return [each for each, likely in zip(chosen, sums, strict=True) if likely >= max(sums) - PRUNED]


def _hope(each: _Hypothesis) -> float:
    """The best score that a hypothesis can still reach: it assumes that what follows is certain."""
    return (sum(each.logprobs) + each.bonus) / float((len(each.logprobs) + 1) ** LENGTH_POWER)
