"""Engines with their own environment: built as a user builds it, with a tiny random model made in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sidecars.host.host import Host, HostLost

ROOT = Path(__file__).parent.parent.parent
BUILD_S = 900
"""How long `make` may take if pip has to fetch everything; tests that may come first have this timeout."""
may_build = True
"""Whether environments may be built: not in `make test`."""


def python_of(family: str) -> str:
    """The interpreter of the environment of `sidecars/FAMILY`, built if necessary."""
    return python_in(f"sidecars/{family}")


def python_in(folder: str) -> str:
    """The same for any folder with its own requirements, which the Makefile must list."""
    assert may_build, f"{folder}/.venv is wanted by a test that tests/needs.py did not see to want it: mark it `engine`"
    stamp = f"{folder}/.venv/run.stamp"
    made = subprocess.run(["make", "--silent", stamp], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return str(ROOT / folder / ".venv" / "bin" / "python")


def tiny(family: str, folder: Path, *arguments: str) -> Path:
    """`folder`, with the family's small model, put there by its script."""
    script = ROOT / "fixtures" / "models" / f"tiny_{family}.py"
    made = subprocess.run(
        [python_of(family), str(script), str(folder), *arguments], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return folder


async def refusal(host: Host) -> str:
    """The one line with which an engine reports that it cannot start."""
    with pytest.raises(HostLost) as caught:
        await host.start()
    await host.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)
