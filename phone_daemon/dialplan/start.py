"""`[start]` of a dialplan: software of your own that is asked, before a call is answered, how to answer it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.dialplan.model import NO_VARIABLE, is_variable
from phone_daemon.settings.problems import Problems
from phone_daemon.settings.values import MODEL, NOT_HTTP, REQUIRED, between, is_http


@dataclass(frozen=True, slots=True, config=MODEL)
class StartKeys:
    """Your own software, asked by HTTP POST how to answer a call, while the caller hears it ringing.

    It receives `call`, `caller`, `caller_name`, `called`, and `dialplan`, and may answer with `dialplan` (the name of
    another dialplan), `prompt` (to replace the one in [llm]), and `slots` (texts for each {name} in the greeting and
    the prompt; a language model is told all of them). If it does not answer in time, the call is answered without it.
    """

    url: Annotated[str, REQUIRED] = ""
    """http:// or https://, without a password."""
    deadline_s: Annotated[float, between(0.05, 5)] = 1.0
    """How long to wait for its answer."""
    api_key_env: str = ""
    """The environment variable whose value is sent as `Authorization: Bearer`; empty: none."""
    slots: dict[str, str] = Field(default_factory=dict)
    """The text for each {name} if there is no answer, or none for that name."""


def check_start(keys: StartKeys, found: Problems) -> None:
    if keys.url and not is_http(keys.url):
        found.add(("start", "url"), NOT_HTTP)
    if keys.api_key_env and not is_variable(keys.api_key_env):
        found.add(("start", "api_key_env"), NO_VARIABLE)
