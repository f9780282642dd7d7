"""Fits the weights of `phone_daemon/stt/turn_end.py` to the tuning half of the scenes, and writes them to a module.

python -m ops.bench.turn_taking.fit    # after make scenes, and python -m fixtures.make_turn_ends; minutes

Logistic regression by Newton's method, with a penalty on large weights. Each example is a pause after 0.3 s, the
shortest wait, and whether the caller had finished. Numbers, spelled names, and answers to yes-or-no questions are left
out, because other rules decide those. To see whether a feature helps, weights are also judged on sentences, and on
voices, that were left out of the fit.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from ops.bench.turn_taking.pauses import Heard, Listener
from ops.bench.turn_taking.scene import SCENES, NoScenes, Scene, load
from ops.bench.turn_taking.tables import TURNS
from phone_daemon.language.words import words
from phone_daemon.stt import turn_end_weights
from phone_daemon.stt.endpointing import TAG_WAIT_S, Evidence
from phone_daemon.stt.turn_end import features

PAUSE_S = TAG_WAIT_S
FOLDS = 10
MORE = Path("var/turn_ends")
HOLD = 1.0
"""The penalty on squared weights, relative to the log-likelihood: a prior worth some hundred examples."""
ROUNDS = 30
Floats = NDArray[np.float64]


def examples(heard: Iterable[Heard]) -> tuple[list[str], Floats, Floats, list[Scene]]:
    """The names of the features, a row of features for each pause, whether the caller had finished (1) or not (0), and
    the scenes."""
    rows: list[dict[str, float]] = []
    finished: list[float] = []
    scenes: list[Scene] = []
    for one in heard:
        for tick, evidence in _pauses(one):
            said = words(evidence.text)
            if said:
                rows.append(features(evidence.text, said, evidence.pitch))
                finished.append(float(tick >= one.over_at))
                scenes.append(one.scene)
    names = list(rows[0])
    return names, np.array([[row[name] for name in names] for row in rows]), np.array(finished), scenes


def _pauses(heard: Heard) -> Iterable[tuple[int, Evidence]]:
    """An entry for each pause that is long enough: its tick, and what was known then."""
    before = 0.0
    for tick, quiet_s, evidence in heard.pauses:
        if before < PAUSE_S <= quiet_s:
            yield tick, evidence
        before = quiet_s


def fitted(rows: Floats, finished: Floats) -> Floats:
    weights = np.zeros(rows.shape[1])
    hold = HOLD * np.eye(rows.shape[1])
    hold[0, 0] = 1e-3
    for _ in range(ROUNDS):
        likely = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (finished - likely) - hold @ weights
        curve = (rows * (likely * (1 - likely))[:, None]).T @ rows + hold
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def left_out(rows: Floats, finished: Floats, groups: Sequence[object]) -> Floats:
    """The likelihood of an end for each pause, by weights that were fitted without its group."""
    each = np.array([str(group) for group in groups])
    likely = np.zeros(len(rows))
    for group in np.unique(each):
        out = each == group
        likely[out] = 1 / (1 + np.exp(-rows[out] @ fitted(rows[~out], finished[~out])))
    return likely


def judged(likely: Floats, finished: Floats) -> str:
    """How well the likelihoods distinguish ends from pauses: the area under the ROC curve, and the mean logarithmic
    loss."""
    ends, pauses = likely[finished > 0], likely[finished == 0]
    area = np.mean((ends[:, None] > pauses) + 0.5 * (ends[:, None] == pauses))
    loss = -np.mean(np.log(np.where(finished > 0, likely, 1 - likely)))
    return f"area under the curve {area:.3f}, loss {loss:.3f}"


def written(names: Sequence[str], weights: Floats) -> str:
    lines = [f'    "{name}": {weight:.2f},' for name, weight in zip(names, weights, strict=True)]
    return "\n".join(
        ['"""Written by `python -m ops.bench.turn_taking.fit`."""', "", "WEIGHTS = {", *lines, "}", ""],
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m ops.bench.turn_taking.fit", description=__doc__)
    parser.add_argument("--scenes", type=Path, default=SCENES, metavar="DIR", help=f"where they are (default {SCENES})")
    parser.add_argument("--more", type=Path, default=MORE, metavar="DIR", help=f"and more turns (default {MORE})")
    args = parser.parse_args(argv)
    try:
        scenes = [*load(args.scenes, "tune", TURNS), *load(args.more, "tune")]
    except NoScenes as error:
        print(f"fit: {error}", file=sys.stderr)
        return 2
    listener = Listener()
    heard = [listener.hear(scene) for scene in track(scenes, "pauses", console=Console(stderr=True))]
    names, rows, finished, whose = examples(heard)
    print(f"{len(rows)} pauses of {len(scenes)} turns, {int(finished.sum())} at their ends")
    sentences = [zlib.crc32(scene.text.encode()) % FOLDS for scene in whose]
    print("sentences left out:", judged(left_out(rows, finished, sentences), finished))
    print("voices left out:", judged(left_out(rows, finished, [scene.voice for scene in whose]), finished))
    weights = fitted(rows, finished)
    assert turn_end_weights.__file__ is not None
    Path(turn_end_weights.__file__).write_text(written(names, weights), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
