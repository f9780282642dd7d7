"""Other media relays on this machine. Two rtpengines bind the same port without an error, and the later one gets the
packets: each relay's callers fall silent, or hear somebody else's call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

PORTS = {"min": 30_000, "max": 40_000}
"""The range of an rtpengine that is not told any (rtpengine(8)), and of Debian's."""
_FILE = re.compile(r"--config-file[= ](\S+)")


def rivals(first: int, last: int, own: Path) -> Iterator[str]:
    """A line for each rtpengine that shares RTP ports with `first` to `last`; `own` is our configuration of it."""
    for process in psutil.process_iter(["name", "cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if process.info["name"] != "rtpengine" or str(own) in words or not _is_here(process.pid):
            continue
        low, high = _range(words)
        if low <= last and first <= high:
            yield (
                f'[edge] rtp_ports: "{first}-{last}" overlaps with {low}-{high} of another rtpengine (process '
                f"{process.pid}), and each would get audio meant for the other; end that one (Debian starts one: "
                "systemctl disable --now rtpengine-daemon), or choose other ports"
            )


def _range(words: str) -> tuple[int, int]:
    """The port range of an rtpengine that was started with these words."""
    found = _FILE.search(words)
    try:
        text = Path(found[1]).read_text(encoding="utf-8", errors="replace") if found else ""
    except OSError:
        text = ""
    low, high = (
        int(each[1]) if (each := re.search(rf"^\s*port-{end}\s*=\s*(\d+)", text, re.MULTILINE)) else default
        for end, default in PORTS.items()
    )
    return low, high


def _is_here(pid: int) -> bool:
    """Whether a process uses the same network as we do; if that cannot be seen, it probably does."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except PermissionError:
        return True
    except OSError:
        return False
