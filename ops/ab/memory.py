"""The memory of daemon and engine, wherever the engine runs, including a GPU's."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from shutil import which

from ops.live.processes import children, cost

ENGINE = "--kind stt"
"""Appears in the command line of a recognizer's child process."""
QUERY = ("--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")
ASK_S = 5.0


@dataclass(slots=True)
class Memory:
    """The peak of the sums, in MB."""

    mb: float = 0.0
    """Resident memory of the daemon's process, its recognizers', and the sidecar's together."""
    vram_mb: float | None = None
    """None if there is no GPU, or it does not report its memory."""

    def look(self, daemon: int, server: int | None) -> None:
        """Takes a sample. Processes that have ended in the meantime count as nothing."""
        pids = {daemon, *([] if server is None else [server])}
        pids |= {pid for pid, line in children(daemon).items() if ENGINE in line}
        resident = 0
        for pid in pids:
            with suppress(ProcessLookupError):
                resident += cost(pid).rss_bytes
        self.mb = max(self.mb, resident / 1e6)
        if (used := gpu_mb()) is not None:
            self.vram_mb = max(self.vram_mb or 0.0, sum(mb for pid, mb in used.items() if pid in pids))


def gpu_mb() -> dict[int, float] | None:
    """Memory of the GPUs by process id; None if there is no GPU that can be queried."""
    program = which("nvidia-smi")
    if program is None:
        return None
    try:
        asked = subprocess.run([program, *QUERY], capture_output=True, text=True, timeout=ASK_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    used: dict[int, float] = {}
    for line in asked.stdout.splitlines():
        pid, _, mb = line.partition(",")
        with suppress(ValueError):  # "[N/A]" in a container
            used[int(pid)] = used.get(int(pid), 0.0) + float(mb)
    return used
