"""Fitting the weights of endpointing."""

from __future__ import annotations

import numpy as np

from ops.bench.turn_taking.fit import fitted, written


def test_what_tells_finished_from_unfinished_gets_the_weight() -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack([np.ones(400), rng.integers(0, 2, 400), rng.integers(0, 2, 400)]).astype(float)
    finished = (rows[:, 1] > 0.5).astype(float)
    weights = fitted(rows, finished)
    assert weights[1] > 3
    assert abs(weights[2]) < 0.7
    assert np.mean((rows @ weights > 0) == (finished > 0)) == 1.0


def test_what_is_written_is_read_as_the_same_weights() -> None:
    space: dict[str, object] = {}
    exec(written(["bias", "open"], np.array([0.5, -2.25])), space)
    assert space["WEIGHTS"] == {"bias": 0.5, "open": -2.25}
