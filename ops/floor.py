"""`phone-ops floor`: how long the mind alone takes to let go of a stream (LLM_CANCEL_FLOOR_S).

Bare streams are opened, a few tokens are read, and they are closed: no call, no audio, no engines. What a barge-in
costs beyond this is ours. `LLM_CANCEL_FLOOR_S` in the environment is taken instead of a measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from types import AsyncGeneratorType

from ops.stats import quantiles
from ops.usage import WrongUse, add_config, settings
from phone_daemon.config import Settings
from phone_daemon.daemon import load_dialplans
from phone_daemon.events import MindEvent, Token
from phone_daemon.mind.dialplan import DialplanError
from phone_daemon.mind.script import ScriptedMind

STREAMS = 200
TOKENS = 3
CLOSE_S = 5.0
"""A stream that takes longer to close has failed."""

Open = Callable[[], AsyncGenerator[MindEvent, None]]


@dataclass(frozen=True, slots=True)
class Floor:
    """Milliseconds that a bare close took."""

    ms: dict[str, float]
    """p50, p95, p99, max."""
    server_stopped: bool
    """Whether every stream was seen to have stopped at its source, not only to have been let go by us."""
    streams: int
    """How many were measured; 0: given by the environment."""


async def measure(open_stream: Open, streams: int = STREAMS, tokens: int = TOKENS) -> Floor:
    """Opens `streams` streams one after the other, reads `tokens` tokens of each, and times the close.

    Raises `RuntimeError` for a stream that ended before it could be closed, `TimeoutError` for one that hangs.
    """
    took: list[float] = []
    stopped = True
    for _ in range(streams):
        stream = open_stream()
        read = 0
        async for event in stream:
            read += isinstance(event, Token)
            if read == tokens:
                break
        if read < tokens:
            raise RuntimeError(f"the stream ended after {read} tokens: there was nothing left to close")
        began = time.perf_counter_ns()
        async with asyncio.timeout(CLOSE_S):
            await stream.aclose()
        took.append((time.perf_counter_ns() - began) / 1e6)
        # The generator is the server of a scripted agent: without a frame it can never run again.
        stopped = stopped and isinstance(stream, AsyncGeneratorType) and stream.ag_frame is None
    return Floor(quantiles(took), stopped, streams)


async def floor(standing: Settings, streams: int = STREAMS) -> Floor:
    """The floor of the mind that `standing` settings put on the telephone."""
    if standing.llm_cancel_floor_s is not None:
        given = standing.llm_cancel_floor_s * 1e3
        return Floor(dict.fromkeys(("p50", "p95", "p99", "max"), given), False, 0)
    mind = ScriptedMind(next(iter(load_dialplans(standing))))
    try:
        return await measure(mind.greet, streams)
    finally:
        await mind.close()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the floor. Raises `WrongUse` when the settings or their dialplans cannot be used."""
    try:
        found = asyncio.run(floor(settings(args)))
    except DialplanError as error:
        raise WrongUse(str(error)) from None
    if args.json:
        ms = {key: round(found.ms[key], 4) for key in ("p50", "p95", "p99")}
        print(json.dumps({"llm_cancel_floor_ms": ms, "server_stopped": found.server_stopped}))
        return 0
    origin = f"{found.streams} bare streams" if found.streams else "given by LLM_CANCEL_FLOOR_S"
    figures = " · ".join(f"{key} {found.ms[key]:.3f} ms" for key in ("p50", "p95", "p99"))
    print(f"LLM cancel floor: {figures} ({origin}; source seen to stop: {'yes' if found.server_stopped else 'no'})")
    return 0
