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
    """Software of yours that is asked, by HTTP POST, how to answer a call; the caller hears it ringing meanwhile.

    It is sent `call`, `caller`, `caller_name`, `called` and `dialplan`, and answers with any of `dialplan` (the name of
    another one), `prompt` (instead of the one in [llm]) and `slots` (texts in place of {name} in the greeting and the
    prompt; a language model is told them all). When it does not answer in time, the call is answered without it.
    """

    url: Annotated[str, REQUIRED] = ""
    """http:// or https://, without a password."""
    deadline_s: Annotated[float, between(0.05, 5)] = 1.0
    """An answer that takes longer is not waited for."""
    api_key_env: str = ""
    """The environment variable whose value is sent as `Authorization: Bearer`; empty: none."""
    slots: dict[str, str] = Field(default_factory=dict)
    """What stands in place of {name} when there is no answer, or none for it."""


def check_start(keys: StartKeys, found: Problems) -> None:
    if keys.url and not is_http(keys.url):
        found.add(("start", "url"), NOT_HTTP)
    if keys.api_key_env and not is_variable(keys.api_key_env):
        found.add(("start", "api_key_env"), NO_VARIABLE)
