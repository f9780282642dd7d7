"""The ordered stop of one reply, every leg timestamped.

Audio first: the flush is sent before anything is awaited. Then the legs run in parallel, so that a slow one costs
the caller nothing, and each is bounded: a leg past its deadline is abandoned and reported as missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from phone_daemon.clock import now_ns
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport

Leg = Callable[[], Awaitable[int | None]]
"""Returns when the leg has ended: its own stamp (monotonic ns), or None for the moment it returned."""


def cancel(
    flush: Callable[[], None],
    legs: Mapping[str, Leg],
    *,
    reply: int,
    source: BargeInSource,
    trigger_ns: int,
    onset_ns: int | None,
    deadline_s: float,
) -> Coroutine[Any, Any, CancelReport]:
    """Stops a reply. Call it at the moment of the decision: `flush` runs in the call itself, the legs when awaited.

    A leg that fails or passes `deadline_s` is in `missed`; the others are not affected, and nothing is raised.
    """
    flush()
    ended: dict[str, int] = {}

    async def run(name: str, leg: Leg) -> None:
        try:
            async with asyncio.timeout(deadline_s):
                stamp = await leg()
        except Exception:  # A dead engine must not keep the other legs, or the caller, waiting.
            return
        ended[name] = now_ns() if stamp is None else stamp

    async def run_all() -> CancelReport:
        await asyncio.gather(*(run(name, leg) for name, leg in legs.items()))
        return CancelReport(
            source=source,
            reply=reply,
            vad_trigger_ns=trigger_ns,
            speech_onset_ns=onset_ns,
            legs_ns={name: ended[name] for name in legs if name in ended},
            missed=tuple(name for name in legs if name not in ended),
        )

    return run_all()
