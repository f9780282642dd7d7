"""The dental clinic, with a language model on the telephone."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ops.daemon_process import to_toml
from phone_daemon.mind.dialplan import SHIPPED


def model_plan(folder: Path, base_url: str, model: str, **llm: object) -> Path:
    """A dialplan in `folder` whose agent is `model`; `llm`: further keys of its `[llm]`."""
    clinic = tomllib.loads((SHIPPED / "dental_clinic.toml").read_text())
    plan = {**clinic, "agent": "llm", "llm": {"base_url": base_url, "model": model, **llm}}
    path = folder / "clinic.toml"
    path.write_text(to_toml(plan))
    return path
