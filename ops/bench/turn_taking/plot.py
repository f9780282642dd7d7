"""How long it took, as curves: the share of the scenes in which the agent was softer, silent, or done waiting by
then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ops.bench.turn_taking.measure import Outcome

LATEST_MS = 2000


def curves(found: Sequence[Outcome]) -> dict[str, list[float]]:
    """Sorted milliseconds by kind; kinds that no scene has are left out."""
    stop = [each for each in found if each.wants == "stop"]
    times = {
        "onset to duck": [each.duck_s for each in stop],
        "onset to silence": [each.silence_s for each in stop],
        "end of turn to endpoint": [each.wait_s for each in found],
        "end of a false alarm to as loud as before": [each.resume_s for each in found],
    }
    known = {name: sorted(1000 * at for at in each if at is not None) for name, each in times.items()}
    return {name: each for name, each in known.items() if each}


def draw(found: Sequence[Outcome], path: Path) -> None:
    """PNG or SVG, depending on the name. Raises `ImportError` without matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, times in curves(found).items():
        axes.step(times, 100 * np.arange(1, len(times) + 1) / len(times), where="post", label=f"{name} ({len(times)})")
    axes.set(xlabel="ms", ylabel="scenes, %", xlim=(0, LATEST_MS), ylim=(0, 100))
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path)
