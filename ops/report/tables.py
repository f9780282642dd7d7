"""The records of calls as tables: the waterfall of one cancel chain, latencies, and legs.

Pure: from lines of `turns.jsonl` to `rich` renderables. They fit in 80 columns, use the width of a wider terminal, and
are plain text in a pipe.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from ops.report.stats import quantiles
from phone_daemon.telemetry.turn_log import STAGES
from phone_daemon.telemetry.turn_record import LEGS

TurnLine = Mapping[str, Any]
"""A line of `turns.jsonl`."""
FIGURES = ("p50", "p90", "p95", "p99", "max")
EIGHTHS = " ▏▎▍▌▋▊▉█"
PIPE_COLUMNS = 100


def console(file: TextIO | None = None) -> Console:
    """Where results are printed: as wide as the terminal; without colors in a pipe."""
    out = file if file is not None else sys.stdout
    return _Console(file=out, highlight=False, width=None if out.isatty() else PIPE_COLUMNS)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leaves the error to `main`: rich would end the process with exit code 1, which means that a gate failed."""
        raise BrokenPipeError


# ------------------------------------------------------------------------------------------------ what was measured


def barge_ins(turns: Iterable[TurnLine]) -> list[Mapping[str, Any]]:
    """The `barge_in` of each interrupted turn."""
    return [turn["barge_in"] for turn in turns if turn.get("barge_in")]


def leg_samples(turns: Iterable[TurnLine]) -> dict[str, list[float]]:
    """Milliseconds of each leg and of `total`, over all barge-ins; legs that did not end are absent."""
    chains = [barge_in["legs_ms"] for barge_in in barge_ins(turns)]
    found = {leg: [chain[leg] for chain in chains if leg in chain] for leg in (*LEGS, "total")}
    return {leg: samples for leg, samples in found.items() if samples}


def latency_samples(turns: Iterable[TurnLine]) -> dict[str, list[float]]:
    """Milliseconds of each part of the time to first audio, and of `ttfa`, over the turns that a caller spoke.

    If an acknowledgment was heard first, `ttfa` ends there; `ttfa_reply` is the time to the reply itself.
    """
    spoken = [turn for turn in turns if turn.get("ttfa_ms") is not None]
    found = {
        stage: [turn["stages_ms"][stage] for turn in spoken if stage in turn["stages_ms"]] for stage in STAGES.values()
    }
    found["ttfa"] = [turn["ttfa_ms"] for turn in spoken]
    if any(turn.get("filler") for turn in spoken):
        found["ttfa_reply"] = [ms for turn in spoken if (ms := _own_ttfa_ms(turn)) is not None]
    return {name: samples for name, samples in found.items() if samples}


def _own_ttfa_ms(turn: TurnLine) -> float | None:
    if not turn.get("filler"):
        return float(turn["ttfa_ms"])
    times = turn.get("times", {})
    if "reply_first_audio" not in times or "speech_end" not in times:
        return None
    return float(round(1e3 * (times["reply_first_audio"] - times["speech_end"]), 3))


def early_starts(turns: Iterable[TurnLine]) -> dict[str, int]:
    """Replies begun before the end of the caller's turn was certain, and the model's pieces of text that went
    unused.
    """
    found = [turn.get("early_start") or {} for turn in turns]
    return {
        "kept": sum(bool(each.get("kept")) for each in found),
        "dropped": sum(each.get("dropped", 0) for each in found),
        "wasted_tokens": sum(each.get("wasted_tokens", 0) for each in found),
    }


def tool_samples(turns: Iterable[TurnLine]) -> dict[str, list[float]]:
    """Milliseconds that each tool ran, over all turns."""
    found: dict[str, list[float]] = {}
    for turn in turns:
        for use in turn.get("tools", ()):
            found.setdefault(use["name"], []).append(use["ms"])
    return dict(sorted(found.items()))


def detection_samples(turns: Iterable[TurnLine]) -> list[float]:
    """Milliseconds from the caller's first speech sample to the decision to yield; excludes barge-ins by key or
    command.
    """
    return [each["detection_ms"] for each in barge_ins(turns) if each["detection_ms"] is not None]


def silence_samples(turns: Iterable[TurnLine]) -> list[float]:
    """Milliseconds from the caller's first speech sample to the first silent frame; old turns lack it."""
    told = (each.get("onset_to_silence_ms") for each in barge_ins(turns))
    return [each for each in told if each is not None]


# ------------------------------------------------------------------------------------------------ one cancel chain


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from 0 to `value` on a scale that ends at `scale`, as wide as the available space."""

    value: float
    scale: float
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        eighths = round(8 * room * self.value / self.scale) if self.scale else 0
        # Anything that took time must be visible.
        eighths = max(eighths, 1)
        if options.ascii_only:
            yield Text("#" * max(1, eighths // 8), style=self.style)
        else:
            yield Text("█" * (eighths // 8) + EIGHTHS[eighths % 8].strip(), style=self.style)


def waterfall(*turns: TurnLine, limit_ms: float | None = None) -> RenderableType:
    """The cancel chains of the interrupted replies in `turns`: when each leg ended, in ms from the decision.

    One column per chain, and a bar for the slowest. Detection is shown separately, because it precedes the decision.
    `limit_ms`: the gate for `total`. Raises `ValueError` if a turn was not interrupted.
    """
    for turn in turns:
        if not turn.get("barge_in"):
            raise ValueError(f"turn {turn['turn']}: nobody interrupted it")
    chains = barge_ins(turns)
    totals = [chain["legs_ms"].get("total", 0.0) for chain in chains]
    scale = max(totals)
    which = ", ".join(f"{turn['turn']} (by {turn['barge_in']['source']})" for turn in turns)
    table = Table(
        title=f"Interrupted in turn {which}: ms from the decision to yield",
        title_justify="left",
        title_style="bold",
        box=None,
        expand=True,
        padding=(0, 1),
        pad_edge=False,
    )
    table.add_column("leg", no_wrap=True)
    for turn in turns:
        table.add_column("ms" if len(turns) == 1 else f"turn {turn['turn']}", justify="right", no_wrap=True)
    table.add_column(f"0 … {scale:.1f}", ratio=1, no_wrap=True)
    detected = [chain["detection_ms"] for chain in chains]
    if any(each is not None for each in detected):
        before = Text("before that: caller's first sample to the decision", "dim")
        figures = [Text("" if each is None else f"{each:.1f}", "dim") for each in detected]
        table.add_row(Text("(detection)", "dim"), *figures, before)
    for leg in LEGS:
        times = [chain["legs_ms"].get(leg) for chain in chains]
        missed = [leg in chain["missed"] for chain in chains]
        if not any(missed) and all(each is None for each in times):
            continue
        cells = [_leg(time, late) for time, late in zip(times, missed, strict=True)]
        style = "bold red" if leg == "rtp_silent" else "cyan"
        slowest = max((each for each in times if each is not None), default=0.0)
        end = Text("did not end before its deadline", "red") if any(missed) else Bar(slowest, scale, style)
        table.add_row(leg, *cells, end)
    held = None
    if limit_ms is not None:
        held = not any(chain["missed"] for chain in chains) and scale <= limit_ms
    table.add_section()
    table.add_row(Text("total", "bold"), *(Text(f"{each:.1f}", "bold") for each in totals), _against(limit_ms, held))
    return table


def _leg(time: float | None, missed: bool) -> Text:
    if time is not None:
        return Text(f"{time:.1f}")
    return Text("missed" if missed else "", "bold red")


def _against(limit_ms: float | None, held: bool | None) -> Text:
    if limit_ms is None:
        return Text("the last leg to end", "dim")
    return Text.assemble(f"limit {limit_ms:.1f} ms: ", _verdict(bool(held)))


def _verdict(held: bool) -> tuple[str, str]:
    return ("held", "bold green") if held else ("NOT HELD", "bold red")


# ------------------------------------------------------------------------------------------------ over many turns


def latency(turns: Iterable[TurnLine]) -> RenderableType:
    """Time to first audio and its parts, over all turns that a caller spoke."""
    samples = latency_samples(turns)
    if not samples:
        return Text("no turn was completed and answered: no latencies to show", "dim")
    table = _figures("Turn latency, ms: caller's last sample to the agent's first sound", "part")
    for name, values in samples.items():
        if name == "ttfa":
            table.add_section()
        _add(table, name, values, "bold" if name.startswith("ttfa") else "")
    return table


def tools(turns: Iterable[TurnLine]) -> RenderableType:
    """How long the agent's tools ran."""
    table = _figures("Tools of the language model, ms", "tool")
    for name, values in tool_samples(turns).items():
        _add(table, name, values, "")
    return table


def legs(
    samples: Mapping[str, Sequence[float]],
    *,
    floor_ms: float | None = None,
    limit_ms: float | None = None,
    detection: Sequence[float] = (),
    silence: Sequence[float] = (),
    missed: int = 0,
) -> RenderableType:
    """Each leg of many cancel chains (`leg_samples`), and whether p95(`total`) meets the gate.

    `detection`, `silence`: ms from the caller's first sample to the decision and to the first silent frame, shown
    separately. If a leg `missed` its deadline the gate fails, however fast the other chains were.
    """
    if not samples:
        return Text("nobody interrupted the agent: no cancel chains to show", "dim")
    table = _figures("Cancel chain, ms from the decision to yield", "leg")
    for leg, values in samples.items():
        if leg == "total":
            table.add_section()
        _add(table, leg, values, "bold" if leg == "total" else "")
    if detection:
        table.add_section()
        _add(table, "(detection)", detection, "dim")
    if silence:
        _add(table, "(onset → silence)", silence, "dim")
    below: list[Text] = []
    if missed:
        below.append(Text(f"legs that did not end before their deadline: {missed}", "bold red"))
    if limit_ms is not None:
        p95 = quantiles(samples["total"])["p95"]
        floor = f" (floor {floor_ms:.2f} + {limit_ms - floor_ms:.0f})" if floor_ms is not None else ""
        held = p95 <= limit_ms and not missed
        below.append(Text.assemble(f"gate: p95(total) {p95:.1f} ≤ {limit_ms:.1f} ms{floor}: ", _verdict(held)))
    return Group(table, *below)


def _figures(title: str, first: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(first, no_wrap=True, min_width=16)
    table.add_column("n", justify="right", min_width=5)
    for name in FIGURES:
        table.add_column(name, justify="right", min_width=8)
    return table


def _add(table: Table, name: str, values: Sequence[float], style: str) -> None:
    found = quantiles(values)
    table.add_row(name, str(len(values)), *(f"{found[figure]:.1f}" for figure in FIGURES), style=style)
