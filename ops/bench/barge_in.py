"""Barge-in: every leg of the cancel chain, over live SIP calls."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ops.bench.figure import Figure, Progress
from ops.live.burst import Verdict, burst
from ops.live.daemon_process import DaemonProcess
from ops.live.floor import floor
from ops.report.stats import quantiles
from phone_daemon.settings.settings import Settings

CALLS = 2


async def measure(progress: Progress, count: int = 100) -> list[Figure]:
    """Makes `count` barge-ins by command, two calls at a time."""
    bare = await floor(Settings())
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with DaemonProcess(Path(folder)) as daemon:
            tally = await burst(daemon.uri(), daemon.state, count, CALLS, lambda done: progress(done / count))
    verdict = Verdict(tally, count, bare.ms["p95"])
    if not tally.count:
        raise RuntimeError("; ".join(tally.problems) or "no barge-in happened")
    sample = f"{tally.count} barge-ins in live calls, {CALLS} at a time"
    legs = {leg: quantiles(took) for leg, took in tally.legs.items() if took}
    told = [Figure(f"{leg} p95", legs[leg]["p95"], "ms") for leg in legs if leg not in ("rtp_silent", "total")]
    return [
        Figure("rtp_silent p99", legs["rtp_silent"]["p99"], "ms", 25.0, sample),
        *told,
        Figure("total p95", legs["total"]["p95"], "ms", 60.0, f"gate: ≤ {verdict.limit_ms:.1f} ms"),
        Figure("last sound on the wire p99", quantiles(tally.wire)["p99"], "ms", None, "seen by the caller"),
        Figure("stale frames", tally.stale_frames, "", 0),
        Figure("legs that missed their deadline", tally.missed, "", 0),
        Figure("barge-ins that did not happen", count - tally.count, "", 0, "; ".join(tally.problems)),
    ]
