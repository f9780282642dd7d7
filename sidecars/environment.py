"""Whose Python runs an engine: each heavy family has an environment of its own, built by `make FAMILY`."""

from __future__ import annotations

from pathlib import Path

FAMILIES = {"nemo": "parakeet"}
"""Engines that live in the environment of another name than their own."""


def family(engine: str) -> str:
    """The folder in `sidecars` that the environment of `engine` is built in, and the target that `make` builds."""
    return FAMILIES.get(engine, engine)


def interpreter(engine: str) -> str:
    """The Python of the environment that was built for `engine` in this checkout; empty where there is none."""
    own = Path(__file__).parent / family(engine) / ".venv" / "bin" / "python"
    return str(own) if own.is_file() else ""
