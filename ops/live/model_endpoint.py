"""Where a language model is served."""

from __future__ import annotations

from dataclasses import dataclass, field


class EndpointFailed(Exception):
    """The endpoint did not do what it was asked: one line that says what failed."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model behind an OpenAI-compatible server."""

    base_url: str
    """The base URL, including `/v1`."""
    model: str
    api_key: str = field(default="none", repr=False)
