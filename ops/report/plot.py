"""The waterfall of a reply as a picture: the waits, the work done meanwhile, and how a reply stops.

For many turns, each bar goes from the median of its starts to the median of its ends. matplotlib is an extra: the
daemon never needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.report import tables
from ops.report.stats import quantiles
from ops.usage import WrongUse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Turn = Mapping[str, Any]

# Okabe and Ito's colors: people who are color-blind can tell them apart, also in gray.
GRAY, BLUE, SKY, GREEN, ORANGE, RED, PURPLE = (
    "#777777",
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
)
WAITING = 0.35
"""Opacity of a bar before its first output."""
INK, FAINT = "#222222", "#BBBBBB"


@dataclass(frozen=True, slots=True)
class Lane:
    """One stage: from the first known time in `asked` until `first` it has no output, then it works until `end`."""

    name: str
    color: str
    asked: tuple[str, ...]
    first: str
    end: str = ""


LANES = (
    Lane("caller speaks", GRAY, ("speech_onset",), "speech_onset", "speech_end"),
    Lane("is the turn over?", SKY, ("speech_end",), "endpoint"),
    Lane("recognition", BLUE, ("endpoint",), "stt_final"),
    Lane("language model", GREEN, ("early_start", "stt_final"), "llm_first_token", "llm_end"),
    Lane("tools", BLUE, ("tools_start",), "tools_start", "tools_end"),
    Lane("first phrase", ORANGE, ("llm_first_token",), "first_phrase"),
    Lane("voice", RED, ("first_phrase",), "tts_first_audio", "tts_end"),
    Lane("acknowledgment", GRAY, ("filler",), "filler", "reply_first_audio"),
    Lane("playout", PURPLE, ("tts_first_audio",), "rtp_first_audio", "playout_end"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """Medians over the turns, in ms from the caller's last sample. `late`: p95 of `first`."""

    lane: Lane
    turns: int
    start: float
    first: float
    end: float
    late: float
    took: tuple[float, float]
    """p50 and p95 of the wait for `first`."""


def bars(turns: Sequence[Turn]) -> list[Bar]:
    """A bar for each stage, from turns that a caller spoke and the agent answered."""
    answered = [_times(turn) for turn in turns if turn["ttfa_ms"] is not None and "times" in turn]
    return [bar for lane in LANES if (bar := _bar(lane, answered)) is not None]


def _times(turn: Turn) -> Mapping[str, float]:
    uses = turn.get("tools") or ()
    if not uses:
        return turn["times"]  # type: ignore[no-any-return]
    start = min(use["at"] for use in uses)
    end = max(use["at"] + use["ms"] / 1e3 for use in uses)
    return {**turn["times"], "tools_start": start, "tools_end": end}


def _bar(lane: Lane, answered: Sequence[Mapping[str, float]]) -> Bar | None:
    spans = []
    for times in answered:
        asked = next((times[stamp] for stamp in lane.asked if stamp in times), None)
        if asked is None or lane.first not in times:
            continue
        # Nobody waits for a stage that was ready before it was asked for.
        first = times[lane.first]
        end = max(times.get(lane.end, first), first)
        spans.append([round(1e3 * (at - times["speech_end"]), 3) for at in (min(asked, first), first, end)])
    if not spans:
        return None
    start, first, end = (quantiles(column)["p50"] for column in zip(*spans, strict=True))
    took = quantiles(span[1] - span[0] for span in spans)
    late = quantiles(span[1] for span in spans)["p95"]
    return Bar(lane, len(spans), start, max(first, start), max(end, first), late, (took["p50"], took["p95"]))


def draw(path: Path, turns: Sequence[Turn], title: str) -> None:
    """Draws the picture to `path`, in the format given by its suffix.

    Raises `WrongUse` if there is nothing to draw, matplotlib is missing, or the format is unknown; `OSError`.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise WrongUse(
            "--png: pictures are drawn by matplotlib, which is not installed: .venv/bin/pip install -e '.[plot]'"
        ) from None
    answer, legs = bars(turns), tables.leg_samples(turns)
    if not answer and not legs:
        raise WrongUse("--png: no turn was spoken and answered, and nobody interrupted: nothing to draw")
    heights = [rows for rows in (len(answer), len(legs)) if rows]
    figure = Figure(figsize=(11, 1.6 + sum(0.42 * rows + 1.15 for rows in heights)), dpi=150, layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold", color=INK, x=0.01, ha="left")
    axes = figure.subplots(
        len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": [rows + 2.0 for rows in heights]}
    )
    panels = list(axes[:, 0])
    if answer:
        _answer(panels.pop(0), answer, [turn["ttfa_ms"] for turn in turns if turn["ttfa_ms"] is not None])
    if legs:
        _stop(panels.pop(0), legs)
    try:
        figure.savefig(path)
    except ValueError as error:
        raise WrongUse(f"--png {path}: {error}") from None


def _answer(axes: Axes, answer: Sequence[Bar], ttfa: Sequence[float]) -> None:
    found = quantiles(ttfa)
    right = 1.35 * max([found["p95"], *(bar.late for bar in answer)])
    left = -0.18 * right
    for row, bar in enumerate(answer):
        _span(axes, row, max(bar.start, left), min(bar.first, right), bar.lane.color, WAITING)
        _span(axes, row, max(bar.first, left), min(bar.end, right), bar.lane.color)
        if bar.late > bar.first:
            _whisker(axes, row, bar.first, bar.late)
        if bar.end > right:
            axes.annotate(
                f"{bar.end / 1e3:.1f} s →", (right, row), (-4, 0), textcoords="offset points",
                ha="right", va="center", fontsize=8, color="white", fontweight="bold",
            )  # fmt: skip
        waited = bar.lane.asked[0] != bar.lane.first
        _figures(axes, row, bar.took if waited else None, bar.turns)
    axes.axvline(0, color=FAINT, linewidth=1, zorder=0)
    axes.axvline(found["p50"], color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=3)
    # On the side that has room for it.
    after = found["p50"] < 0.6 * right
    axes.annotate(
        f"first sound: p50 {found['p50']:.0f} ms, p95 {found['p95']:.0f} ms", (found["p50"], -0.62),
        (4 if after else -4, 0), ha="left" if after else "right", textcoords="offset points", va="center",
        fontsize=8.5, color=INK,
    )  # fmt: skip
    _frame(
        axes,
        [bar.lane.name for bar in answer],
        "ms from the caller's last sample",
        "From the caller's last word to the agent's first",
    )
    axes.set_xlim(left, right)
    _legend(axes)


def _stop(axes: Axes, legs: Mapping[str, Sequence[float]]) -> None:
    for row, (leg, took) in enumerate(legs.items()):
        found = quantiles(took)
        _span(axes, row, 0, found["p50"], RED if leg == "rtp_silent" else INK if leg == "total" else BLUE)
        if found["p95"] > found["p50"]:
            _whisker(axes, row, found["p50"], found["p95"])
        _figures(axes, row, (found["p50"], found["p95"]), len(took))
    _frame(axes, list(legs), "ms from the decision to yield", "Interrupted: how long each leg of the stop takes")
    axes.set_xlim(0, 1.12 * max(quantiles(took)["p95"] for took in legs.values()) or 1)


def _span(axes: Axes, row: int, start: float, end: float, color: str, opacity: float = 1.0) -> None:  # noqa: PLR0917
    if end > start:
        axes.barh(row, end - start, left=start, height=0.62, color=color, alpha=opacity, linewidth=0, zorder=2)


def _whisker(axes: Axes, row: int, start: float, end: float) -> None:
    axes.plot([start, end], [row, row], color=INK, linewidth=1, zorder=4)
    axes.plot([end, end], [row - 0.18, row + 0.18], color=INK, linewidth=1.4, zorder=4)


def _figures(axes: Axes, row: int, took: tuple[float, float] | None, count: int) -> None:
    said = f"{took[0]:>7,.1f}  {took[1]:>7,.1f}" if took else f"{'':7}  {'':7}"
    axes.text(
        1.01, row, f"{said}  {count:>5} ", transform=axes.get_yaxis_transform(),
        va="center", fontsize=8.5, family="monospace", color=INK,
    )  # fmt: skip


def _frame(axes: Axes, names: Sequence[str], unit: str, title: str) -> None:
    axes.set_title(title, fontsize=10.5, loc="left", color=INK, pad=14)
    axes.text(
        1.01, 1.0, f"{'p50 ms':>7}  {'p95 ms':>7}  {'n':>5} ", transform=axes.transAxes,
        va="bottom", fontsize=8.5, family="monospace", color=GRAY,
    )  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=9.5, color=INK)
    axes.set_ylim(len(names) - 0.4, -0.95)
    axes.set_xlabel(unit, fontsize=9, color=INK)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8.5, color=FAINT, labelcolor=INK)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)


def _legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    axes.legend(
        handles=[
            Patch(facecolor=BLUE, alpha=WAITING, label="waits for its first output"),
            Patch(facecolor=BLUE, label="gives it (at the edge: when it ends)"),
            Line2D([], [], color=INK, linewidth=1, marker="|", markersize=7, label="first output: p50 to p95"),
        ],
        loc="upper left", bbox_to_anchor=(0.0, -0.16), ncols=3, fontsize=8.5, frameon=False, borderaxespad=0,
    )  # fmt: skip
