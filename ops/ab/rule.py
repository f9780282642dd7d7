"""When another place takes over from the sidecar: the rule, and its verdict on a comparison.

Pure. "Nothing else worse" allows for the variation between two runs of the same place: each figure has its tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ops.report.stats import gate_ms, quantiles

SIDECAR = "listen"
"""The place that the others are compared with."""
WIN_MS = 100.0
"""How much p95(total) must gain before anything is moved."""
LEGS = ("stt_closed", "stt_cache_freed", "listen_entered", "total")
"""Legs of the cancel chain that involve recognition."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of one place."""

    legs_ms: Mapping[str, Sequence[float]]
    """Times of every barge-in, by leg; legs that missed their deadline are absent."""
    by_voice: int
    """How many of the barge-ins the recorded callers made; the others came over the command channel."""
    missed: int
    """Legs that missed their deadline."""
    stale_frames: int
    """Frames of a reply that were heard after the line was reported silent."""
    partial_ms: Sequence[float]
    """From the audio that makes a partial transcript possible to its arrival."""
    partial_streams: int
    """How many streams ran during those measurements."""
    streams: int
    """Most streams that kept up with real time; 0 if not even one did."""
    startup_s: float
    """From the start of the process to the first transcript."""
    memory_mb: float
    """Peak of daemon and engine together."""
    vram_mb: float | None
    """Of the same processes; None if there is no GPU."""
    words_lost: int
    """Words that the engine alone recognizes in the recordings but did not recognize in the calls."""
    words: int
    """Words that the engine alone recognizes in the recordings."""
    problems: Sequence[str] = field(default_factory=tuple)
    """Problems during the measurement, one line each."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that must not get worse by more than `share` of the sidecar's, or by `slack` in its own unit."""

    name: str
    value: Callable[[Measured], float | None]
    share: float
    slack: float
    unit: str = ""
    more_is_better: bool = False

    def worse(self, other: Measured, sidecar: Measured) -> str:
        """How `other` is worse, in words; empty if it is not."""
        new, old = self.value(other), self.value(sidecar)
        if new is None or old is None:
            return ""
        allowed = max(self.share * old, self.slack)
        loss = old - new if self.more_is_better else new - old
        return f"{self.name} {told(new)} instead of {told(old)}{self.unit}" if loss > allowed else ""


def told(value: float) -> str:
    """With the precision worth showing."""
    return "∞" if math.isinf(value) else f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def p95(samples: Sequence[float]) -> float:
    """Infinite if nothing was measured."""
    return quantiles(samples)["p95"] if samples else math.inf


def _leg(name: str) -> Callable[[Measured], float]:
    return lambda measured: p95(measured.legs_ms.get(name, ()))


NOTHING_ELSE = (
    *(Figure(f"{leg} p95", _leg(leg), 0.05, 5.0, " ms") for leg in LEGS if leg != "total"),
    Figure("missed legs", lambda each: each.missed, 0.0, 0.0),
    Figure("stale frames", lambda each: each.stale_frames, 0.0, 0.0),
    Figure("chunk to partial p95", lambda each: p95(each.partial_ms), 0.05, 10.0, " ms"),
    Figure("streams in real time", lambda each: each.streams, 0.25, 0.0, more_is_better=True),
    Figure("start-up", lambda each: each.startup_s, 0.05, 1.0, " s"),
    Figure("memory", lambda each: each.memory_mb, 0.05, 10.0, " MB"),
    Figure("GPU memory", lambda each: each.vram_mb, 0.05, 10.0, " MB"),
    Figure("words lost", lambda each: each.words_lost, 0.0, 2.0),
)
TOLERANCE = (
    "legs 5 % or 5 ms, partials 5 % or 10 ms, streams a quarter (one step of the search), start-up 5 % or 1 s, "
    "memory 5 % or 10 MB, 2 words lost; missed legs and stale frames none"
)
RULE = (
    f"A place replaces the sidecar only if its p95(total) is at least {WIN_MS:g} ms lower and nothing else is worse "
    f"(beyond what two runs differ by: {TOLERANCE}). The gate, p95(total) ≤ LLM_CANCEL_FLOOR_S + 400 ms with no leg "
    "missed, closes the question."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of the rule."""

    chosen: str
    """Where recognition runs from now on."""
    against: Mapping[str, Sequence[str]]
    """For each other place that ran, why it does not replace the sidecar; empty if it does, or a better one does."""
    won_ms: Mapping[str, float]
    """How much faster than the sidecar each of those is at p95(total)."""
    p95_ms: float
    """p95(total) of the chosen place."""
    floor_ms: float
    gate_held: bool
    missed: int

    @property
    def limit_ms(self) -> float:
        return gate_ms(self.floor_ms)

    def sentence(self) -> str:
        """The outcome for people."""
        if not self.chosen:
            return "Nothing is decided: the sidecar, which the others are compared with, could not be measured."
        if self.chosen != SIDECAR:
            moved = (
                f"{self.chosen} replaces the sidecar: it wins {WIN_MS:g} ms at p95(total), and nothing else is worse"
            )
        elif self.against:
            moved = f"The sidecar stays: {self._nearest()}"
        else:
            moved = "The sidecar stays: nothing was compared with it"
        missed = f", {self.missed} legs missed" if self.missed else ""
        gate = f"p95(total) {told(self.p95_ms)} ms ≤ {self.limit_ms:.1f} ms{missed}"
        return f"{moved}. The gate {'holds' if self.gate_held else 'DOES NOT HOLD'}: {gate}."

    def _nearest(self) -> str:
        """What kept the others from replacing it, in a few words."""
        place, won = max(self.won_ms.items(), key=lambda each: each[1])
        if won >= WIN_MS:
            return f"{place} wins {told(won)} ms at p95(total), but is worse otherwise"
        if won > 0:
            return f"no other place wins {WIN_MS:g} ms at p95(total); {place} wins most, {told(won)} ms"
        return "no other place is faster at p95(total)"


def judge(places: Mapping[str, Measured], floor_ms: float) -> Outcome:
    """Applies the rule. `places`: those that could be measured; `floor_ms`: LLM_CANCEL_FLOOR_S."""
    sidecar = places.get(SIDECAR)
    if sidecar is None:
        return Outcome("", {}, {}, math.inf, floor_ms, False, 0)
    against = {place: _against(each, sidecar) for place, each in places.items() if place != SIDECAR}
    won = {place: won_ms(places[place], sidecar) for place in against}
    winners = [place for place, reasons in against.items() if not reasons]
    chosen = min(winners, key=lambda place: _total(places[place]), default=SIDECAR)
    best = places[chosen]
    held = _total(best) <= gate_ms(floor_ms) and not best.missed
    return Outcome(chosen, against, won, _total(best), floor_ms, held, best.missed)


def _total(measured: Measured) -> float:
    return p95(measured.legs_ms.get("total", ()))


def won_ms(other: Measured, sidecar: Measured) -> float:
    """How much faster it is at p95(total); 0 without a single barge-in."""
    return _total(sidecar) - _total(other) if other.legs_ms.get("total") else -math.inf


def _against(other: Measured, sidecar: Measured) -> list[str]:
    """Why `other` does not replace the sidecar."""
    won = won_ms(other, sidecar)
    reasons = []
    if not won >= WIN_MS:
        reasons.append(f"{'wins' if won >= 0 else 'loses'} {told(abs(won))} ms at p95(total)")
    return reasons + [why for each in NOTHING_ELSE if (why := each.worse(other, sidecar))]
