"""`[llm]` of a dialplan: which language model answers, what it is told, and how long it is waited for."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.problems import Problems
from phone_daemon.settings.values import MODEL, NOT_HTTP, REQUIRED, Flag, Texts, between, is_http


@dataclass(frozen=True, slots=True, config=MODEL)
class Model:
    """The language model that answers, behind an OpenAI-compatible server."""

    model: Annotated[str, REQUIRED] = ""
    """The name that the server knows it by."""
    base_url: str = ""
    """Such as `http://127.0.0.1:8000/v1`; empty: what the daemon's settings say."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; a server on one's own machine seldom wants any."""
    prompt: str = ""
    """Who the agent is and what it knows; comes after what every agent on the telephone is told. Empty: it is told what
    the script would answer, and may do what the script would do."""
    max_tokens: Annotated[int, between(0, 4096)] = 160
    """A reply is cut after so many; 0: it is left to the server."""
    temperature: Annotated[float | None, between(0, 2)] = None
    """Unset: it is left to the server."""
    thinking: Flag = False
    """The model's chat template opens `<think>` by itself, so that a reply begins within it."""
    connect_s: Annotated[float, between(0.05, 30)] = 1.0
    """Patience for the connection."""
    first_token_s: Annotated[float, between(0.05, 60)] = 1.1
    """Patience for the first token. A request that fails before it is made once more, so a turn may wait twice this."""
    stall_s: Annotated[float, between(0.05, 60)] = 2.0
    """Patience between tokens."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of the request, as they are."""
    sorry: Texts = (
        "I'm sorry, something went wrong on my side. Could you say that again, please?",
        "I'm sorry, I still cannot answer just now. Please try once more, or call again later.",
    )
    """Said when the model gave no answer, and no script can: the second from the second time in a row on."""
    broken_off: str = "I'm sorry, I lost my train of thought. Could you ask me that again?"
    """Said after an answer that broke off."""
    holding: str = "One moment, please."
    """Said when the model thinks for long."""
    transferring: str = "One moment, please, I am putting you through."
    """Said before a transfer about which the model said nothing."""


def check_model(model: Model, found: Problems) -> None:
    """Adds what is wrong with `[llm]` of a dialplan to `found`."""
    if model.base_url and not is_http(model.base_url):
        found.add(("llm", "base_url"), NOT_HTTP)
    if not is_variable(model.api_key_env):
        found.add(("llm", "api_key_env"), NO_VARIABLE)
    if taken := model.extra.keys() & {"messages", "model", "stream", "tools"}:
        found.add(("llm", "extra"), f"{', '.join(sorted(taken))}: written by the daemon itself; take it out")
    if not model.sorry:
        found.add(("llm", "sorry"), "is an empty list; write at least one text")


NO_VARIABLE = "is no name of an environment variable; write its name here, never the key itself"


def is_variable(name: str) -> bool:
    """Whether `name` can be that of an environment variable; a key pasted in its place seldom can."""
    return bool(re.fullmatch(r"[A-Z_][A-Z0-9_]*", name))
