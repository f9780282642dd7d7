"""Dialplans for a burst: the same, but for a language model that talks for as long as it is let.

A model that answers in one short sentence has closed its stream before anybody could interrupt it, and says nothing
about how it lets go of one.
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
    """A copy of `plan` in `folder` whose language model talks on and does nothing else; itself if it has none."""
    table: dict[str, Any] = tomllib.loads(plan.read_text())
    if table.get("agent") != "llm":
        return plan
    model = table["llm"]
    tokens = max(MAX_TOKENS, model.get("max_tokens", 0))
    # A server that is slow under load is waited for: it is not the script that is to be interrupted in its place.
    table["llm"] = {**model, "prompt": PROMPT, "max_tokens": tokens, "first_token_s": PATIENCE_S, "stall_s": PATIENCE_S}
    # It might hang up, or put the caller through; and what is heard is to be its own.
    table.pop("tools", None)
    table["filler"] = []
    copy = folder / plan.name
    copy.write_text(to_toml(table))
    return copy
