"""Reports what is found about a call's echo, each finding once: to observers, in the log, and in the turn in which it
was found."""

from __future__ import annotations

import logging
from collections.abc import Callable

from phone_daemon.media.echo import EchoPath
from phone_daemon.telemetry.turn_record import Turn
from sidecars.log import Event

log = logging.getLogger(__name__)


def tell_echo(
    news: list[EchoPath | str], call: str, turn: Turn | None, tell: Callable[[str, dict[str, object]], None]
) -> None:
    """Reports `news`, and empties it. `turn`: the one whose reply was heard last."""
    for each in news:
        if isinstance(each, EchoPath):
            found: dict[str, object] = {"delay_ms": each.delay_ms, "level_db": each.level_db}
            log.info(Event("echo.found", call=call, **found))
            tell("echo", found)
            if turn is not None:
                turn.echo = found
        else:
            log.warning(Event("echo.fault", call=call, reason=each))
            tell("fault", {"part": "line", "error": each})
            if turn is not None:
                turn.faults.append(f"line: {each}")
    news.clear()
