"""Copies of dialplans for a burst, with a language model that talks for as long as it may.

A model that answers in one short sentence has closed its stream before anybody could interrupt it, and so shows nothing
about how it closes one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ops.live.daemon_process import to_toml

PROMPT = (
    "Whatever the caller says or presses, tell them a long story about a lighthouse: at least five hundred words, "
    "without a pause, and without asking anything."
)
MAX_TOKENS = 1024
PATIENCE_S = 10.0


def talkative(plan: Path, folder: Path) -> Path:
    """A copy of `plan` in `folder` whose language model only keeps talking; `plan` itself if it has none."""
    table: dict[str, Any] = tomllib.loads(plan.read_text())
    if table.get("agent") != "llm":
        return plan
    model = table["llm"]
    tokens = max(MAX_TOKENS, model.get("max_tokens", 0))
    # A server that is slow under load gets time: the burst must not interrupt the fallback script instead.
    table["llm"] = {**model, "prompt": PROMPT, "max_tokens": tokens, "first_token_s": PATIENCE_S, "stall_s": PATIENCE_S}
    # The model must not hang up or transfer, and everything heard must be its own words.
    table.pop("tools", None)
    table["filler"] = []
    copy = folder / plan.name
    copy.write_text(to_toml(table))
    return copy
