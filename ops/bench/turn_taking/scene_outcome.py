"""The part of a scene's outcome that is defined in the same way for every agent."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from phone_daemon.events import PTIME_S


@dataclass(frozen=True, slots=True)
class SceneOutcome:
    """Seconds; None if it did not happen, or does not apply to the scene."""

    id: str
    kind: str
    wants: str
    stopped: bool | None = None
    """The agent fell silent in mid-reply, whether or not it continued later."""
    silence_s: float | None = None
    """From the sound's onset until the agent was inaudible: its last sample had left."""
    words_lost: int | None = None
    """The lost part of a reply that should have been said to its end."""
    failed: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def seconds(at: int | None, since: int | None) -> float | None:
    """Between two ticks of 20 ms; None if either is missing."""
    return None if at is None or since is None else round((at - since) * PTIME_S, 3)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
