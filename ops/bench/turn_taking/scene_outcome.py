"""What came of a scene, as far as it is the same question for every agent."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from phone_daemon.events import PTIME_S


@dataclass(frozen=True, slots=True)
class SceneOutcome:
    """Seconds; None: it did not happen, or is not asked of such a scene."""

    id: str
    kind: str
    wants: str
    stopped: bool | None = None
    """The agent fell silent in mid-reply, whether or not it went on later."""
    silence_s: float | None = None
    """From the sound's onset until nothing was heard: the agent's last sample had left."""
    words_lost: int | None = None
    """Of the reply, when it ought to have been said to its end."""
    failed: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def seconds(at: int | None, since: int | None) -> float | None:
    """Between two ticks of 20 ms; None where either did not come."""
    return None if at is None or since is None else round((at - since) * PTIME_S, 3)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
