"""Engines for the recorded callers, loaded once in each test process."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from ops.replay import tape_call
from ops.replay.expectations import Outcome
from ops.replay.fixture import Fixture
from phone_daemon.settings.settings import CallSettings, Settings


@cache
def _engines() -> tape_call.Engines:
    return tape_call.Engines(Settings())


def replayed(fixture: Fixture, folder: Path, settings: Settings | None = None) -> Outcome:
    """The records of a recorded call; `settings` with no other engines."""
    settings = replace(settings or Settings(), calls=CallSettings(directory=folder))
    return tape_call.play(fixture, settings, lambda note: None, _engines())
