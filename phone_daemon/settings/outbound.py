"""`[outbound]`: how outgoing calls are made (`phone-ops dial`). Their limits are set for each trunk."""

from __future__ import annotations

from typing import Annotated

from pydantic.dataclasses import dataclass

from phone_daemon.settings.values import MODEL, between


@dataclass(frozen=True, slots=True, config=MODEL)
class OutboundSettings:
    """How outgoing calls are made (`phone-ops dial`). Which numbers may be called, how often, and for how long: see
    `[[trunk]]`."""

    ring_s: Annotated[float, between(1, 180)] = 30.0
    """How long the other telephone may ring."""
    retries: Annotated[int, between(0, 20)] = 0
    """How many times a number that is busy, or does not answer, is called again."""
    retry_after_s: Annotated[float, between(0, 86_400)] = 60.0
    """How long to wait before calling it again."""
