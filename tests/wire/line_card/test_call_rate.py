"""Calls that come in faster than a line card bears."""

from __future__ import annotations

from phone_daemon.wire.line_card.call_rate import DECISION_S, HELD_BACK_S, NEW_CALLS_A_SECOND, CallRate
from phone_daemon.wire.line_card.message import parse


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


def test_a_call_of_the_edge_that_is_not_decided_on_in_time_is_refused_once() -> None:
    rate = CallRate()
    for call, header in ((1, "X-Trunk: carrier\r\n"), (2, "X-Trunk: carrier\r\n"), (3, "")):
        rate.offered(call, parse(f"INVITE sip:1@h SIP/2.0\r\n{header}\r\n"), 5.0)
    rate.decided(2)
    assert list(rate.due(5.0 + DECISION_S - 0.01)) == []
    assert list(rate.due(5.0 + DECISION_S)) == [1]
    assert list(rate.due(5.0 + 2 * DECISION_S)) == []
