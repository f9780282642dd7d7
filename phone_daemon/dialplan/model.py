"""`[llm]` of a dialplan: which language model answers, what it is told, and how long to wait for it."""

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
    """The model's name on the server."""
    base_url: str = ""
    """The server's address, such as `http://127.0.0.1:8000/v1`. Empty: the one in the daemon's settings."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the API key; a server on your own machine rarely needs one."""
    prompt: str = ""
    """Who the agent is and what it knows; added to the instructions that every telephone agent gets. Empty: the model
    is told what the script would answer, and may do what the script would do."""
    max_tokens: Annotated[int, between(0, 4096)] = 160
    """A reply is cut off after this many tokens; 0: the server decides."""
    temperature: Annotated[float | None, between(0, 2)] = None
    """Sampling temperature. Unset: the server decides."""
    thinking: Flag = False
    """Whether the model's chat template opens `<think>` by itself, so that a reply begins inside it."""
    connect_s: Annotated[float, between(0.05, 30)] = 1.0
    """How long to wait for a connection."""
    first_token_s: Annotated[float, between(0.05, 60)] = 1.1
    """How long to wait for the first token. A request that fails before then is repeated once, so a turn may wait twice
    as long."""
    stall_s: Annotated[float, between(0.05, 60)] = 2.0
    """How long to wait between tokens."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Additional fields for the request, passed on unchanged."""
    sorry: Texts = (
        "I'm sorry, something went wrong on my side. Could you say that again, please?",
        "I'm sorry, I still cannot answer just now. Please try once more, or call again later.",
    )
    """Said when the model gives no answer and there is no script to answer instead. The second text is used from the
    second failure in a row."""
    broken_off: str = "I'm sorry, I lost my train of thought. Could you ask me that again?"
    """Said after an answer that breaks off."""
    holding: str = "One moment, please."
    """Said when the model thinks for a long time."""
    transferring: str = "One moment, please, I am putting you through."
    """Said before a transfer if the model does not announce it."""


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


NO_VARIABLE = "is not the name of an environment variable; write its name here, never the key itself"


def is_variable(name: str) -> bool:
    """Whether `name` can be that of an environment variable; a key pasted in its place seldom can."""
    return bool(re.fullmatch(r"[A-Z_][A-Z0-9_]*", name))
