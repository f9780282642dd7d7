"""One entry of the event stream, as shown to an operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from phone_daemon.events import Note


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    at: datetime
    """When Redis received it, UTC."""
    note: Note


def event_of(id: str, call: str, kind: str, at_ns: int, data: Mapping[str, Any]) -> Event:
    at = datetime.fromtimestamp(int(id.partition("-")[0]) / 1e3, UTC)
    return Event(id, at, Note(printable(call), kind, at_ns, {key: printable(value) for key, value in data.items()}))


def printable(value: Any) -> Any:
    """Text that the caller controls (a user part, a name) must not send control codes to the operator's terminal."""
    return (
        "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
        if isinstance(value, str)
        else value
    )
