"""Finds the Python that runs an engine: each family of large engines has its own environment, built by `make
FAMILY`."""

from __future__ import annotations

from pathlib import Path

FAMILIES = {"nemo": "parakeet"}
"""Engines whose environment has a different name than they have."""


def family(engine: str) -> str:
    """The folder in `sidecars` where the environment of `engine` is built, which is also its target for `make`."""
    return FAMILIES.get(engine, engine)


def interpreter(engine: str) -> str:
    """The Python of the environment that was built for `engine` in this checkout; empty if there is none."""
    own = Path(__file__).parent / family(engine) / ".venv" / "bin" / "python"
    return str(own) if own.is_file() else ""


def why_not_loaded(engine: str, error: Exception) -> str:
    """`error`, which loading `engine` raised, in one line; if its packages are missing, with the command that installs
    them.
    """
    told = f"{type(error).__name__}: {error}"
    built = (Path(__file__).parent / family(engine)).is_dir()
    return f"{told}; make {family(engine)} installs it" if isinstance(error, ModuleNotFoundError) and built else told
