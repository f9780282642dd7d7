"""Percentiles by nearest rank."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.report.stats import quantiles


def test_of_a_hundred_values_the_95th_is_p95() -> None:
    assert quantiles(range(100, 0, -1)) == {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}


def test_every_percentile_of_one_value_is_that_value() -> None:
    assert quantiles([7.5]) == {"p50": 7.5, "p90": 7.5, "p95": 7.5, "p99": 7.5, "max": 7.5}


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_at_least_p_percent_do_not_exceed_it_and_it_was_measured(values: list[float]) -> None:
    found = quantiles(values)
    for p in (50, 90, 95, 99):
        value = found[f"p{p}"]
        assert value in values
        assert 100 * sum(each <= value for each in values) >= p * len(values)
        smaller = [each for each in values if each < value]
        assert 100 * len(smaller) < p * len(values)


def test_nothing_has_no_percentiles() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantiles([])
