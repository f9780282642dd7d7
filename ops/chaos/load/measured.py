"""Figures of a load test: calls lost, evenness of audio, speed of the agent, and cost."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ops.bench.figure import Figure
from ops.chaos.load.caller import Told
from ops.chaos.load.fleet import Use
from ops.report.stats import quantiles

GAP_MS, SILENT_MS = 30.0, 25.0
EXAMPLES = 3
CORE = 0.9
"""A process that cannot use more than one core is at its limit when it uses this much of it."""
MACHINE = 0.95


@dataclass(frozen=True, slots=True)
class Turns:
    """The daemons' own figures from their turn logs, in ms."""

    rtp_silent: list[float]
    ttfa: list[float]


def turns(folders: Iterable[Path]) -> Turns:
    """Reads the turns of these calls."""
    silent: list[float] = []
    ttfa: list[float] = []
    for folder in folders:
        file = folder / "turns.jsonl"
        for line in file.read_text().splitlines() if file.exists() else ():
            turn = json.loads(line)
            legs = (turn["barge_in"] or {}).get("legs_ms", {})
            if "rtp_silent" in legs:
                silent.append(legs["rtp_silent"])
            if turn["ttfa_ms"] is not None:
                ttfa.append(turn["ttfa_ms"])
    return Turns(silent, ttfa)


def lost(told: Sequence[Told]) -> Figure:
    """The calls that were lost, and why."""
    why = Counter(each.why for each in told if each.why)
    first = {each.why: each.name for each in reversed(told)}
    note = f"of {len(told)}" + "".join(
        f"; {count} × {text} (the first: {first[text]})" for text, count in why.most_common(EXAMPLES)
    )
    return Figure("calls lost", sum(why.values()), "", 0, note)


def unanswered(told: Sequence[Told]) -> Figure:
    """Questions that the agent did not answer."""
    return Figure("questions without an answer", sum(each.unanswered for each in told), "", 0, f"of {asked(told)}")


def asked(told: Sequence[Told]) -> int:
    return sum(each.asked for each in told)


def audio(told: Sequence[Told], late_ns: Sequence[int]) -> list[Figure]:
    """Gaps and losses in the RTP that callers received. `late_ns`: how late the callers themselves were."""
    gaps = [each.end.gaps_ms() for each in told if each.end is not None and len(each.end.at_ns) > 2]
    missing = sum(each.end.lost for each in told if each.end is not None)
    if not gaps:
        return [Figure("RTP gap, p99.9", None, "ms", GAP_MS, "no audio arrived")]
    every = np.concatenate(gaps)
    worst = max(float(np.quantile(each, 0.999)) for each in gaps)
    own = float(np.quantile(np.array(late_ns), 0.999)) / 1e6 if len(late_ns) else 0.0
    return [
        Figure(
            "RTP gap of the worst call, p99.9",
            worst,
            "ms",
            GAP_MS,
            f"all calls together {float(np.quantile(every, 0.999)):.1f}, longest {float(every.max()):.0f}; "
            f"the callers' own clock was up to {own:.1f} ms late (p99.9)",
        ),
        Figure("RTP packets lost", missing, "", 0, f"of {sum(map(len, gaps))}"),
    ]


def speed(found: Turns) -> list[Figure]:
    """How fast the agent fell silent, and how fast it answered."""
    figures = []
    if found.rtp_silent:
        ms = quantiles(found.rtp_silent)
        note = f"{len(found.rtp_silent)} barge-ins by voice; p50 {ms['p50']:.1f}, latest {ms['max']:.1f}"
        figures.append(Figure("rtp_silent p99", ms["p99"], "ms", SILENT_MS, note))
    if found.ttfa:
        ms = quantiles(found.ttfa)
        figures.append(Figure("TTFA p95", ms["p95"], "ms", None, f"{len(found.ttfa)} turns; p50 {ms['p50']:.0f}"))
    return figures


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU between two moments, in cores, and memory at the end."""

    cores: dict[str, float]
    """CPU by part, largest first."""
    busiest: dict[str, float]
    """CPU of the busiest process of each part."""
    rss: dict[str, int]

    @property
    def total(self) -> float:
        return sum(self.cores.values())

    def ran_out(self) -> str:
        """The resource that has run out; empty if none has."""
        alone = [part for part, share in self.busiest.items() if share >= CORE]
        most = next(iter(self.cores), "")
        if self.total >= MACHINE * (os.cpu_count() or 1):
            return f"the CPU: {self.total:.2f} of {os.cpu_count()} cores, most of it {most} ({self.cores[most]:.2f})"
        return f"one core, in {' and '.join(alone)}" if alone else ""

    def figures(self, calls: int) -> list[Figure]:
        by_part = ", ".join(f"{part} {100 * share:.0f}" for part, share in self.cores.items())
        memory = ", ".join(f"{part} {size / 1e6:.0f}" for part, size in self.rss.items())
        return [
            Figure("CPU", 100 * self.total, "% of a core", None, f"{by_part}; {100 * self.total / calls:.1f} a call"),
            Figure("memory", sum(self.rss.values()) / 1e6, "MB", None, memory),
        ]


def spent(before: Use, after: Use) -> Spent:
    """What every part used in between. A process that began or ended in between counts from or up to that moment."""
    took = after.at - before.at
    used = {
        part: [(cpu_s - before.cpu_s.get(part, {}).get(pid, 0.0)) / took for pid, cpu_s in pids.items()]
        for part, pids in after.cpu_s.items()
    }
    order = sorted(used, key=lambda part: -sum(used[part]))
    return Spent(
        {part: sum(used[part]) for part in order},
        {part: max(used[part]) for part in order},
        {part: after.rss[part] for part in order},
    )
