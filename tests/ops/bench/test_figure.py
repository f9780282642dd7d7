"""A figure and its target."""

from __future__ import annotations

import pytest

from ops.bench.figure import Figure


@pytest.mark.parametrize(
    ("value", "limit", "passed", "target"),
    [(25.0, 25.0, True, "≤ 25 ms"), (25.1, 25.0, False, "≤ 25 ms"), (0.0, 0.0, True, "= 0 ms"), (9.0, None, None, "")],
)
def test_a_figure_passes_at_its_limit_and_not_beyond(
    value: float, limit: float | None, passed: bool | None, target: str
) -> None:
    figure = Figure("rtp_silent p99", value, "ms", limit)
    assert figure.passed is passed
    assert figure.target == target
    assert figure.as_json()["passed"] is passed


def test_what_could_not_be_measured_neither_passes_nor_fails() -> None:
    figure = Figure("on a GPU", None, limit=1.0, note="there is none here")
    assert figure.passed is None
    assert figure.as_json()["value"] is None
