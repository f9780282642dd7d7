"""Log lines that people can read and programs can process: a stable event name, then fields.

    log.warning(Event("engine.down", engine="stt", reason=why))

    2026-03-03 12:00:00,123 WARNING engine.down engine=stt reason="killed by SIGKILL"
    {"at": "2026-03-03T12:00:00.123+00:00", "level": "warning", "event": "engine.down", "engine": "stt", …}

Names and fields do not change from release to release; the rest of a line may.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

_PLAIN = re.compile(r"[\w.:/@+-]+")


class Event:
    """A message for `logging`: `name` says what happened (`noun.verb`), and the fields give the details."""

    def __init__(self, name: str, /, **fields: object) -> None:
        self.name = name
        self.fields = fields

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{name}={_shown(value)}" for name, value in self.fields.items())])


def _shown(value: object) -> str:
    """The value as it is if it is one plain word; otherwise in double quotes, on one line."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """Formats each record as a line with one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, object] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        if isinstance(record.msg, Event):
            told |= {"event": record.msg.name, **record.msg.fields}
        else:
            told |= {"event": "message", "message": record.getMessage()}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


TEXT = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")


def set_up(level: int, *, as_json: bool = False) -> None:
    """Logs to standard error, as text or as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if as_json else TEXT)
    logging.basicConfig(level=level, handlers=[handler])
    # It would log every request, and the agent makes several a turn.
    logging.getLogger("httpx2").setLevel(max(level, logging.WARNING))
