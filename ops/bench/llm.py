"""The cancel chain with a language model: a real streaming server whose client hangs up in the middle of an answer."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ops.bench.figure import Figure, Progress
from ops.bench.model_server import ModelServer
from ops.bench.plans import model_plan
from ops.live.burst import burst
from ops.live.daemon_process import DaemonProcess
from ops.live.floor import served_floor
from ops.live.model_endpoint import Endpoint
from ops.live.verbose_dialplan import talkative
from ops.report.stats import gate_ms, quantiles

CALLS = 2
MAX_TOKENS = 4000
"""Length of an answer: some 20 s for this model, so that it is always under way when interrupted."""
BEYOND_MS = 100.0
"""What a whole cancel chain may take beyond the floor, at p95."""


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    """The server, started and ended in a thread."""
    server = ModelServer()
    await asyncio.to_thread(server.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.__exit__)


async def measure(progress: Progress, count: int = 100) -> list[Figure]:
    """Makes `count` barge-ins during the model's answers, two calls at a time."""
    async with model_server() as server:
        bare = await served_floor(Endpoint(server.base_url, server.model))
        progress(0.1)
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            plan = talkative(model_plan(folder, server.base_url, server.model, max_tokens=MAX_TOKENS), folder)
            async with DaemonProcess(folder, {"dialplans": [str(plan)]}) as daemon:
                tally = await burst(
                    daemon.uri(), daemon.state, count, CALLS, lambda done: progress(0.1 + 0.9 * done / count), True
                )
                turns = [turn for call in daemon.calls() for turn in _turns(call)]
    if not tally.count:
        raise RuntimeError("; ".join(tally.problems) or "no barge-in happened")
    legs = {leg: quantiles(took) for leg, took in tally.legs.items() if took}
    floor_ms = bare.ms["p95"]
    # The first command of each call interrupts its greeting, which no model generates.
    cut = [turn for turn in turns if turn["barge_in"] and turn["turn"] > 0 and "llm_first_token" in turn["times"]]
    into = [turn["barge_in"]["at"] - turn["times"]["llm_first_token"] for turn in cut]
    finished = sum("llm_end" in turn["times"] for turn in cut)
    told = [Figure(f"{leg} p95", legs[leg]["p95"], "ms") for leg in legs if leg not in ("rtp_silent", "total")]
    return [
        Figure(
            "floor: bare close p95",
            floor_ms,
            "ms",
            None,
            f"{bare.streams} streams, p50 {bare.ms['p50']:.2f}, p99 {bare.ms['p99']:.2f}; {Path(server.model).name} "
            "(random weights) behind transformers serve",
        ),
        Figure("the server was not seen to stop", 0 if bare.server_stopped else 1, "", 0, bare.how),
        Figure("rtp_silent p99", legs["rtp_silent"]["p99"], "ms", 25.0, f"{tally.count} barge-ins, {CALLS} at a time"),
        *told,
        Figure(
            "total p95",
            legs["total"]["p95"],
            "ms",
            floor_ms + BEYOND_MS,
            f"floor + {BEYOND_MS:g} ms; the gate: ≤ {gate_ms(floor_ms):.1f} ms",
        ),
        Figure(
            "barge-ins after the model had said all it wanted",
            finished,
            "",
            0,
            f"of {len(cut)}; cut at most {max(into, default=0.0):.1f} s after the first token",
        ),
        Figure("stale frames", tally.stale_frames, "", 0),
        Figure("legs that missed their deadline", tally.missed, "", 0),
        Figure("barge-ins that did not happen", count - tally.count, "", 0, "; ".join(tally.problems)),
    ]


def _turns(call: Path) -> list[dict[str, Any]]:
    file = call / "turns.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
