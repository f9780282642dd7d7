"""When Python collects garbage in an engine's process."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from sidecars.local import collector


@pytest.fixture
def settled() -> Iterator[list[int]]:
    """After `settle`: the generations of the collections since then."""
    threshold = gc.get_threshold()
    found: list[int] = []

    def collected(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            found.append(told["generation"])

    collector.settle()
    gc.callbacks.append(collected)
    yield found
    gc.callbacks.remove(collected)
    gc.set_threshold(*threshold)
    gc.unfreeze()


def step(kept: list[list[int]]) -> None:
    """As much as is allocated in a step of a thousand streams."""
    kept[:] = [[number] for number in range(20_000)]


@pytest.mark.long
def test_no_full_collection_falls_into_a_step(settled: list[int]) -> None:
    kept: list[list[int]] = []
    for _ in range(250):
        step(kept)
    assert len(settled) > 100
    assert 2 not in settled


@pytest.mark.long
def test_what_the_steps_have_left_is_collected_between_them(settled: list[int]) -> None:
    kept: list[list[int]] = []
    for _ in range(250):
        step(kept)
        before = settled.count(2)
        collector.between_steps()
        assert settled.count(2) <= before + 1
    assert settled.count(2) > 3
    assert gc.get_freeze_count() > 10_000


def test_nothing_is_looked_through_while_an_engine_is_loaded() -> None:
    threshold = gc.get_threshold()
    collector.rest()
    try:
        assert not gc.isenabled()
        collector.settle()
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.set_threshold(*threshold)
        gc.unfreeze()
