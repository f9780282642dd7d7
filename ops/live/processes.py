"""What processes cost, read from proc(5): CPU, memory, descriptors, children. Linux."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cost:
    """A process at one moment."""

    cpu_s: float
    """User and system time since its start, without its children."""
    rss_bytes: int
    descriptors: int
    threads: int


def cost(pid: int) -> Cost:
    """Raises `ProcessLookupError` when there is no such process."""
    try:
        fields = _stat(pid)
        descriptors = sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        raise ProcessLookupError(pid) from None
    return Cost((int(fields[11]) + int(fields[12])) * _TICK_S, int(fields[21]) * _PAGE, descriptors, int(fields[17]))


def children(pid: int) -> dict[int, str]:
    """Living child processes of a process, with their command lines; zombies have none."""
    found: dict[int, str] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if int(_stat(int(folder.name))[1]) == pid:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (OSError, IndexError):
            continue  # it ended while we looked
    return found


def _stat(pid: int) -> list[str]:
    """Fields of proc_pid_stat(5) from the third on; the second may hold spaces."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
