"""The next phrases wait for as long as the engine has been seen to need, and no longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.tts.lead import TICK, Arrivals, Lead

PIECES = st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 800)), min_size=1, max_size=12)
"""Samples of each piece, and the ms of waiting for it."""


def arrivals(pieces: list[tuple[int, int]]) -> Arrivals:
    came = Arrivals()
    for samples, waited_ms in pieces:
        came.add(samples, waited_ms * 1_000_000)
    return came


def dry(pieces: list[tuple[int, int]], lead: int) -> int:
    """Samples of silence within a phrase that is played this much later than its first piece arrives."""
    there = waited = silence = 0
    for n, (samples, waited_ms) in enumerate(pieces):
        waited += 8 * waited_ms if n else 0
        silence = max(silence, waited - lead - there) if n else 0
        there += samples
    return silence


@given(PIECES)
def test_a_phrase_that_waits_for_what_it_needs_never_runs_dry(pieces: list[tuple[int, int]]) -> None:
    need = arrivals(pieces).shortfall
    assert dry(pieces, 0) == need
    assert dry(pieces, need) == 0
    lead = Lead()
    lead.learn(arrivals(pieces))
    assert lead.samples(10**9) == (need + TICK if need >= TICK else 0)


def test_an_engine_that_keeps_ahead_never_waits() -> None:
    lead = Lead()
    for _ in range(5):
        lead.learn(arrivals([(800, 300), (800, 20), (800, 90), (800, 99)]))
    assert lead.samples(3200) == 0


def test_the_lead_grows_at_once_and_fades_and_is_bounded() -> None:
    lead = Lead()
    lead.learn(arrivals([(800, 0), (800, 250)]))
    assert lead.samples(3200) == 1200 + TICK  # 250 ms of waiting, of which 100 ms were covered
    assert lead.samples(400) == 400
    steady = arrivals([(800, 0), (800, 50)])
    sizes = []
    while lead.samples(3200):
        lead.learn(steady)
        sizes.append(lead.samples(3200))
    assert sizes == sorted(sizes, reverse=True)
    assert 10 < len(sizes) < 30


def test_what_the_first_piece_takes_is_no_gap() -> None:
    assert arrivals([(800, 5000)]).shortfall == 0
