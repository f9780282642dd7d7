"""The decision file: one section per engine, with its table, the rule, and the outcome."""

from __future__ import annotations

import hashlib
import os
import re
import textwrap
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from ops.ab.memory import gpu_mb
from ops.ab.rule import RULE

NAME = "0001-where-recognition-runs.md"
HEAD = f"""\
# Where recognition runs

The same engine with the same weights can run in a sidecar, in a child process of the daemon, in a thread of the daemon,
or in a child process per call. `phone-ops ab` measures them side by side: recorded callers phone a real daemon over SIP
while its agent is interrupted again and again, and streams of the same recordings are fed to the engine where it runs.

{textwrap.fill(f"The rule: {RULE}", 120)}
"""


def machine() -> str:
    """A neutral description."""
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    gpu = "no GPU" if gpu_mb() is None else "a GPU"
    return f"{os.cpu_count()} cores, {gib:.0f} GiB of memory, {gpu}"


def weights(model: object) -> str:
    """Identifies the weights: the file's name, size, and checksum, or the model's name."""
    if not model:
        return "the engine's own"
    path = Path(str(model))
    if path.is_file():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return f"`{path.name}` ({path.stat().st_size / 1e6:.1f} MB, sha256 {digest[:16]}…)"
    return f"`{path.name}`" if path.exists() else f"`{model}`"


def section(*, engine: str, about: str, command: str, on: date, table: str, notes: Iterable[str], outcome: str) -> str:
    """The section of one engine; `about`: its weights, and the machine's other load."""
    told = "\n".join(f"- {note}" for note in notes)
    return f"""\
## {engine}

{on.isoformat()}, {machine()}; {about}.

    {command}

{table}

{told}

**{outcome}**
"""


def with_section(text: str, engine: str, written: str) -> str:
    """`text`, the current file or nothing, with this section in place of the engine's previous one."""
    sections = re.split(r"(?m)^(?=## )", text)[1:]
    kept = [each.strip() + "\n" for each in sections if each.partition("\n")[0] != f"## {engine}"]
    return "\n".join([HEAD, *kept, written])


def write(folder: Path, engine: str, written: str) -> Path:
    """Writes the section to the file. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(with_section(before, engine, written), encoding="utf-8")
    return path
