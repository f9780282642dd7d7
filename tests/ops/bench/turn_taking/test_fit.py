"""Fitting the weights of endpointing."""

from __future__ import annotations

import numpy as np

from ops.bench.turn_taking.fit import fitted, judged, left_out, written


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


def test_who_is_judged_was_left_out_of_the_fit() -> None:
    rows = np.column_stack([np.ones(40), np.repeat([1.0, 0.0], 20)])
    finished = np.repeat([1.0, 0.0], 20)
    known = left_out(rows, finished, [number % 4 for number in range(40)])
    assert known[:20].min() > 0.8 > 0.2 > known[20:].max()
    unknown = left_out(rows, finished, ["the only ones who finish"] * 20 + list("abcdefghijklmnopqrst"))
    assert unknown[:20].max() < 0.5


def test_the_area_is_one_if_every_end_is_likelier_than_every_pause() -> None:
    assert judged(np.array([0.9, 0.8, 0.3]), np.array([1.0, 1.0, 0.0])).startswith("area under the curve 1.000")
    assert judged(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == "area under the curve 0.500, loss 0.693"
