"""Delays between one engine and its replacement."""

from __future__ import annotations

from sidecars.local.backoff import FIRST_S, MOST_S, longer


def test_an_engine_that_keeps_failing_is_tried_ever_more_slowly_up_to_a_limit() -> None:
    delays = [0.0]
    while delays[-1] < MOST_S:
        delays.append(longer(delays[-1]))
    assert delays[1:4] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert longer(MOST_S) == MOST_S
