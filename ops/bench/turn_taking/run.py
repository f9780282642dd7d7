"""Plays scenes in several processes at once, each with its engines loaded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context

from ops.bench.turn_taking.measure import Outcome, outcome
from ops.bench.turn_taking.play import Stage
from ops.bench.turn_taking.scene import Scene


def played(scenes: Sequence[Scene], jobs: int) -> Iterator[Outcome]:
    """The outcome of each scene, as it comes."""
    if jobs == 1:
        yield from map(_play, scenes)
        return
    # Forking a process whose libraries run their own threads may hang.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_play, scene) for scene in scenes]):
            yield done.result()


@cache
def _stage() -> Stage:
    return Stage()


def _play(scene: Scene) -> Outcome:
    try:
        return outcome(_stage().play(scene), _stage().usual(scene) if scene.when == "reply" else None)
    except Exception as error:
        # A defect that one scene triggers; the others are still worth playing.
        return Outcome(scene.id, scene.kind, scene.wants, failed=f"{type(error).__name__}: {error}")
