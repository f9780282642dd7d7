"""`phone-ops floor`: measure how long it takes to close a language model's stream: the floor of a barge-in.

Opens bare streams, reads a few tokens, and closes them: no call, no audio, no engines. Any time that a barge-in takes
beyond this floor is spent by the daemon. For a model server, it also reports whether the server stopped generating, and
the evidence. If `LLM_CANCEL_FLOOR_S` is set in the environment, it is used instead of a measurement.

examples:
  phone-ops floor                                              a small server of its own
  phone-ops floor --base-url http://127.0.0.1:8000/v1 --model M   yours, and whether it stopped generating
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from types import AsyncGeneratorType

from ops.live.model_endpoint import Endpoint, EndpointFailed
from ops.report.stats import quantiles
from ops.usage import WrongUse, add_config, settings
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.dialplan.dialplan import DialplanError, Dialplans, load_dialplans
from phone_daemon.events import AgentEvent, Token
from phone_daemon.settings.settings import Settings

STREAMS = 200
"""Streams for a scripted agent."""
SERVED = 100
"""Streams for a model server: each costs the server the beginning of an answer."""
TOKENS = 3
CLOSE_S = 5.0
"""A stream that takes longer than this to close has failed."""

Open = Callable[[], AsyncGenerator[AgentEvent, None]]


@dataclass(frozen=True, slots=True)
class Floor:
    """Milliseconds that each bare close took."""

    ms: dict[str, float]
    """p50, p95, p99, max."""
    server_stopped: bool
    """Whether every stream was seen to stop at its source, and not only closed at this end."""
    streams: int
    """How many were measured; 0 if given by the environment."""
    how: str = ""
    """For a model server: the evidence that it stopped, or why there is none."""


async def measure(open_stream: Open, streams: int = STREAMS, tokens: int = TOKENS) -> Floor:
    """Opens `streams` streams one after the other, reads `tokens` tokens of each, and times the close.

    Raises `RuntimeError` if a stream ends before it can be closed, `TimeoutError` if one hangs.
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
        # For a scripted agent, the generator is the server: without a frame it can never run again.
        stopped = stopped and isinstance(stream, AsyncGeneratorType) and stream.ag_frame is None
    return Floor(quantiles(took), stopped, streams)


async def floor(standing: Settings, streams: int | None = None) -> Floor:
    """The floor of the agents that the `standing` settings name: that of their first language model.

    Raises `EndpointFailed` if its server does not respond as expected.
    """
    if standing.llm_cancel_floor_s is not None:
        given = standing.llm_cancel_floor_s * 1e3
        return Floor(dict.fromkeys(("p50", "p95", "p99", "max"), given), False, 0)
    plans = load_dialplans(standing)
    if (served := endpoint(standing, plans)) is not None:
        return await served_floor(served, streams or SERVED)
    agent = ScriptedAgent(next(iter(plans)))
    try:
        return await measure(agent.greet, streams or STREAMS)
    finally:
        await agent.close()


def endpoint(standing: Settings, plans: Dialplans) -> Endpoint | None:
    """Where the first language model in `plans` is served; None if scripts answer all calls."""
    for plan in plans:
        if plan.agent == "llm" and plan.model is not None:
            key = os.environ.get(plan.model.api_key_env, "") or "none"
            return Endpoint(plan.model.base_url or standing.llm.base_url, plan.model.model, key)
    return None


async def served_floor(served: Endpoint, streams: int = SERVED) -> Floor:
    """The floor of a model server. Raises `EndpointFailed`."""
    # Imported only when needed: for a scripted agent the floor is available at once.
    from ops.live.bare_model import BareModel  # noqa: PLC0415
    from ops.live.stream_stop import release  # noqa: PLC0415

    async with BareModel(served) as model:
        found = await release(model, streams)
    return Floor(quantiles(found.close_ms), found.stopped, streams, found.how)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base-url", metavar="URL", help="model server to measure, such as http://127.0.0.1:8000/v1")
    parser.add_argument("--model", metavar="NAME", help="name of the model on that server")
    parser.add_argument(
        "--streams", type=int, metavar="N", help=f"number of streams to close (default {SERVED} with a server)"
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the floor; returns 1 if the endpoint does not respond as expected. Raises `WrongUse`."""
    if bool(args.base_url) != bool(args.model):
        raise WrongUse("phone-ops floor: --base-url and --model go together")
    if args.streams is not None and args.streams < 1:
        raise WrongUse("phone-ops floor: --streams must be at least 1")
    try:
        if args.base_url:
            served = Endpoint(args.base_url, args.model, os.environ.get("OPENAI_API_KEY", "none"))
            found = asyncio.run(served_floor(served, args.streams or SERVED))
        else:
            found = asyncio.run(floor(settings(args), args.streams))
    except DialplanError as error:
        raise WrongUse(str(error)) from None
    except EndpointFailed as error:
        print(f"phone-ops floor: {error}", file=sys.stderr)
        return 1
    if args.json:
        ms = {key: round(found.ms[key], 4) for key in ("p50", "p95", "p99")}
        told = {"llm_cancel_floor_ms": ms, "server_stopped": found.server_stopped}
        print(json.dumps({**told, "server_stopped_by": found.how} if found.how else told))
        return 0
    origin = f"{found.streams} bare streams" if found.streams else "given by LLM_CANCEL_FLOOR_S"
    figures = " · ".join(f"{key} {found.ms[key]:.3f} ms" for key in ("p50", "p95", "p99"))
    print(f"LLM cancel floor: {figures} ({origin}; source seen to stop: {'yes' if found.server_stopped else 'no'})")
    if found.how:
        print(f"seen by: {found.how}")
    return 0
