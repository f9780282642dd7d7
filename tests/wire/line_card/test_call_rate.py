"""Calls that come in faster than a line card bears."""

from __future__ import annotations

from phone_daemon.wire.line_card.call_rate import HELD_BACK_S, NEW_CALLS_A_SECOND, CallRate


def test_calls_of_one_second_beyond_the_rate_are_held_back_a_moment_and_each_comes_once() -> None:
    rate = CallRate()
    held = [call for call in range(NEW_CALLS_A_SECOND + 3) if rate.holds_back(call, 5.0 + call / 1000)]
    assert held == [NEW_CALLS_A_SECOND, NEW_CALLS_A_SECOND + 1, NEW_CALLS_A_SECOND + 2]
    first = 5.0 + held[0] / 1000 + HELD_BACK_S
    assert list(rate.due(first - 0.0005)) == []
    assert list(rate.due(first + 0.0005)) == held[:1]
    assert list(rate.due(first + 1)) == held[1:]
    assert list(rate.due(first + 2)) == []


def test_calls_that_come_more_slowly_are_never_held_back() -> None:
    rate = CallRate()
    assert not any(rate.holds_back(call, call / (NEW_CALLS_A_SECOND - 1)) for call in range(10 * NEW_CALLS_A_SECOND))
