"""What the daemon gives its web process on standard input, as JSON."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from pydantic import TypeAdapter

from phone_daemon.settings.settings import Settings

TOKENS_VARIABLE = "PHONE_WEB_TOKENS"


def make_token() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class HandOver:
    settings: Settings
    called: str = ""
    """The number that a call from the web dials if it names none."""
    token: str = ""
    """The token in the link if the settings name none: it outlives a restart of the web process."""
    health_port: int = 0
    """The port where the daemon reports whether it is ready; 0: none."""

    def encode(self) -> bytes:
        return TypeAdapter(HandOver).dump_json(self)

    @classmethod
    def decode(cls, text: bytes) -> HandOver:
        return TypeAdapter(HandOver).validate_json(text)
