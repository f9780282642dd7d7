"""Held browser calls on one machine: does each get the agent's audio to the end, without gaps?

The callers are aiortc clients on the same cores as the daemon: each costs as much as the leg that it talks to. Every
ten seconds they press the key that has the agent tell its opening hours, so it speaks for most of the time.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

from ops.bench.browser import dial
from ops.bench.figure import Figure, Progress
from ops.live.daemon_process import DaemonProcess, listening
from ops.live.ports import free_port
from ops.live.processes import children, cost
from ops.report.stats import quantiles
from ops.witness.browser import Browser

CALLS = 16
ASKED_S = 10.0
HOURS = "3"
PATIENCE_S = 30.0
"""How long the calls may take to begin, on the same cores; one that has not begun by then is lost."""
GAP_S = 0.06
"""The most time between two frames; a browser cannot conceal a longer gap inaudibly."""


async def measure(progress: Progress, seconds: float = 20.0, calls: int = CALLS) -> list[Figure]:
    """Holds `calls` calls at a time, for `seconds`."""
    parts = max(round(seconds / ASKED_S), 1)
    token, port = secrets.token_urlsafe(16), free_port()
    settings = {"web": {"on": True, "port": port, "requests_a_minute": 60_000, "max_calls": calls}}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environ = {"PHONE_WEB_TOKENS": f"admin:{token}"}
        async with (
            DaemonProcess(Path(folder) / "daemon", settings, environ=environ) as daemon,
            AsyncExitStack() as stack,
        ):
            await listening(port)
            web = next(pid for pid, command in children(daemon.pid).items() if "phone_daemon.web" in command)
            callers = []
            for _ in range(calls):
                here = Browser()
                stack.push_async_callback(here.close)
                await dial(here, port, token)
                callers.append(here)
            await asyncio.gather(*(here.note("started", PATIENCE_S) for here in callers), return_exceptions=True)
            before = cost(web).cpu_s
            since = [len(here.heard_at) for here in callers]
            for part in range(parts):
                for here in callers:
                    here.press(HOURS)
                await asyncio.sleep(seconds / parts)
                progress((part + 1) / parts)
            spent = (cost(web).cpu_s - before) / seconds / calls * 100
            lost = [ending for here in callers if (ending := _ending(here))]
            times = [here.heard_at[start:] for here, start in zip(callers, since, strict=True)]
    gaps = [later - earlier for each in times for earlier, later in pairwise(each)] or [float("inf")]
    longest = f"longest {1000 * max(gaps):.0f} ms, {sum(gap > GAP_S for gap in gaps)} over {1000 * GAP_S:.0f} ms"
    why = ", ".join(sorted(set(lost)))
    note = f"aiortc clients, on the same cores{why and f'; {why}'}"
    return [
        Figure(f"browser calls lost of {calls} held {seconds:g} s", len(lost), "", 0, note),
        Figure("between two frames of the agent's p99", 1000 * quantiles(gaps)["p99"], "ms", None, longest),
        Figure("CPU of a browser's leg", spent, "% of a core", None, f"{calls} of them"),
    ]


def _ending(here: Browser) -> str:
    """Why a call is over; empty while it goes on."""
    for note in here.notes:
        if note["kind"] in ("closed", "refused"):
            return str(note["data"].get("reason") or note["data"].get("why"))
    if not any(note["kind"] == "started" for note in here.notes):
        return f"not begun within {PATIENCE_S:g} s"
    state = here.connection.connectionState
    return "" if state == "connected" else f"connection {state}"
