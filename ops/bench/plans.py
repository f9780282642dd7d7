"""The dental clinic, with changes: other policies, or a language model on the telephone."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from ops.live.daemon_process import to_toml
from phone_daemon.dialplan.dialplan import SHIPPED


def model_plan(
    folder: Path, base_url: str, model: str, *, plan: Mapping[str, object] | None = None, **llm: object
) -> Path:
    """A dialplan in `folder` whose agent is `model`; `llm`: further keys for its `[llm]`, `plan`: for its top level."""
    return clinic_plan(folder, **{"agent": "llm", "llm": {"base_url": base_url, "model": model, **llm}, **(plan or {})})


def clinic_plan(folder: Path, **plan: object) -> Path:
    """A dialplan in `folder`: the clinic's with other keys at its top level, `name` among them."""
    laid = {**tomllib.loads((SHIPPED / "dental_clinic.toml").read_text()), **plan}
    path = folder / f"{laid['name']}.toml"
    path.write_text(to_toml(laid))
    return path
