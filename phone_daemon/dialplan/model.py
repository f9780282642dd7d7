"""`[llm]` of a dialplan: which language model answers, what it is told, and how long it is waited for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phone_daemon.settings.toml_table import Table
from phone_daemon.settings.values import NOT_HTTP, is_http


@dataclass(frozen=True, slots=True)
class Model:
    """`[llm]`: a model behind an OpenAI-compatible server."""

    model: str
    """The name that the server knows it by."""
    base_url: str = ""
    """Such as `http://127.0.0.1:8000/v1`; empty: what the daemon's settings say."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; a server on one's own machine seldom wants any."""
    prompt: str = ""
    """Who the agent is and what it knows; comes after what every agent on the telephone is told. Empty: it is told what
    the script would answer, and may do what the script would do."""
    max_tokens: int = 160
    """A reply is cut after so many; 0: it is left to the server."""
    temperature: float | None = None
    """None: it is left to the server."""
    thinking: bool = False
    """The model's chat template opens `<think>` by itself, so that a reply begins within it."""
    connect_s: float = 1.0
    first_token_s: float = 1.1
    """Patience for the first token. A request that fails before it is made once more, so a turn may wait twice this."""
    stall_s: float = 2.0
    """Patience between tokens."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request, as they are."""
    sorry: tuple[str, ...] = (
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


def read_model(plan: Table) -> Model | None:
    """`[llm]` of a dialplan; None when it has none."""
    if "llm" not in plan:
        plan.expect("llm")
        return None
    table = plan.table("llm")
    standing = Model("")
    model = Model(
        model=table.text("model", required=True),
        base_url=table.text("base_url"),
        api_key_env=table.text("api_key_env", standing.api_key_env),
        prompt=table.text("prompt"),
        max_tokens=table.whole("max_tokens", standing.max_tokens, 0, 4096),
        temperature=table.number("temperature", 1.0, 0.0, 2.0) if "temperature" in table else None,
        thinking=table.flag("thinking", False),
        connect_s=table.number("connect_s", standing.connect_s, 0.05, 30.0),
        first_token_s=table.number("first_token_s", standing.first_token_s, 0.05, 60.0),
        stall_s=table.number("stall_s", standing.stall_s, 0.05, 60.0),
        extra=table.mapping("extra"),
        sorry=table.texts("sorry", standing.sorry),
        broken_off=table.text("broken_off", standing.broken_off),
        holding=table.text("holding", standing.holding),
        transferring=table.text("transferring", standing.transferring),
    )
    table.expect("temperature")
    if model.base_url and not is_http(model.base_url):
        table.wrong("base_url", NOT_HTTP)
    if not is_variable(model.api_key_env):
        table.wrong("api_key_env", "is no name of an environment variable; write its name here, never the key itself")
    if taken := model.extra.keys() & {"messages", "model", "stream", "tools"}:
        table.wrong("extra", f"{', '.join(sorted(taken))}: written by the daemon itself; take it out")
    if not model.sorry:
        table.wrong("sorry", "is an empty list; write at least one text")
    table.done()
    return model


def is_variable(name: str) -> bool:
    """Whether `name` can be that of an environment variable; a key pasted in its place seldom can."""
    return bool(re.fullmatch(r"[A-Z_][A-Z0-9_]*", name))
