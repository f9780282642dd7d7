"""Packets that arrive out of order: when a stream is delayed, and that everything is heard then."""

from __future__ import annotations

from contextlib import AsyncExitStack

import numpy as np

from ops.witness.probe import Probe
from phone_daemon.events import SAMPLE_RATE
from phone_daemon.wire.line_card.out_of_order import DELAYS_MS, Reordering
from tests.wire.calls import Ear, card, rung

NOISE = np.random.default_rng(1).integers(-8000, 8000, 6 * SAMPLE_RATE).astype("<i2").tobytes()
"""Missing noise cannot be made up, as a missing tone can."""


def likeness(heard: bytes, said: bytes) -> float:
    """How much of `said` is in `heard`, 0 to 1: the median over stretches of 0.2 s, each at its best fit."""
    whole = np.frombuffer(said, "<i2").astype(float)
    found: list[float] = []
    for part in np.array_split(np.frombuffer(heard, "<i2").astype(float), len(heard) // 2 // 1600):
        at = int(np.argmax(np.correlate(whole, part, "valid")))
        there = whole[at : at + len(part)]
        found.append(float(part @ there / (np.linalg.norm(part) * np.linalg.norm(there) + 1)))
    return float(np.median(found))


async def test_callers_whose_packets_come_backwards_in_groups_are_heard_whole() -> None:
    async with card() as ours, AsyncExitStack() as stack:
        ears: dict[int, Ear] = {}
        for group in (2, 3, 4):
            probe = await stack.enter_async_context(Probe(f"sip:4711@127.0.0.1:{ours.port}"))
            probe.rtp.backwards = group
            ears[group] = Ear((await rung(ours)).answer())
            await probe.answered()
            probe.rtp.play(bytes(2 * 2 * SAMPLE_RATE) + NOISE)
        await ears[4].ticks(250)
        heard = {group: likeness(ear.heard[-2 * 2 * SAMPLE_RATE :], NOISE) for group, ear in ears.items()}
    assert min(heard.values()) > 0.9, heard


def looks(*stretches: tuple[int, int, int]) -> list[int]:
    """The delays requested while the counters grow by these."""
    asked: list[int] = []
    reordering = Reordering(asked.append)
    total = [0, 0, 0]
    for stretch in stretches:
        total = [count + more for count, more in zip(total, stretch, strict=True)]
        reordering.look(*total)
    return asked


BAD, GOOD = (20, 10, 20), (20, 0, 0)


def test_only_a_stream_whose_frames_are_missing_and_come_too_late_is_delayed() -> None:
    assert looks(GOOD, (20, 10, 0), (20, 0, 10), (20, 4, 4)) == []
    assert looks(BAD) == [DELAYS_MS[0]]
    assert looks((10, 5, 10), (10, 5, 10)) == [DELAYS_MS[0]]


def test_the_delay_grows_while_it_is_too_short_up_to_a_limit() -> None:
    assert looks(BAD, BAD, GOOD, GOOD) == [DELAYS_MS[0]]
    assert looks(*[BAD] * 12) == list(DELAYS_MS)


def test_a_stream_that_begins_anew_has_the_delay_at_once() -> None:
    asked: list[int] = []
    reordering = Reordering(asked.append)
    reordering.look(20, 10, 20)
    reordering.look(3, 0, 0)
    assert asked == [DELAYS_MS[0]] * 2
