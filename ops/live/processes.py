"""Resource use of processes: CPU, memory, descriptors, children."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cost:
    """A process at one moment."""

    cpu_s: float
    """User and system time since its start, without its children."""
    rss_bytes: int
    descriptors: int
    threads: int


def cost(pid: int) -> Cost:
    """Raises `ProcessLookupError` if there is no such process."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            rss, threads = process.memory_info().rss, process.num_threads()
        return Cost(times.user + times.system, rss, process.num_fds(), threads)
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None


def children(pid: int) -> dict[int, str]:
    """Running child processes of a process, with their command lines; zombies have none."""
    found: dict[int, str] = {}
    for child in psutil.Process(pid).children():
        try:
            found[child.pid] = " ".join(child.cmdline())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue  # it ended in the meantime
    return found


def last_line(said: str) -> str:
    """The last informative line of what a process wrote: for a traceback, the exception. Empty if it wrote nothing."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
