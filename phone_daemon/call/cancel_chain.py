"""The ordered stop of one reply, with a timestamp for every leg.

Audio comes first: the flush is sent at the moment of the decision, before anything is awaited (`AgentSide.silence`).
Then the legs run in parallel, so that a slow one costs the caller nothing. Each is bounded: a leg that passes its
deadline is abandoned and reported as missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from phone_daemon.clock import now_ns
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport

Leg = Callable[[], Awaitable[object]]
"""Returns when the leg has ended. An int is the leg's own stamp (monotonic ns); with any other value, the moment of the
return counts."""


async def run(  # noqa: PLR0917
    legs: Mapping[str, Leg], reply: int, source: BargeInSource, trigger_ns: int, onset_ns: int | None, deadline_s: float
) -> CancelReport:
    """Ends everything that produces a reply, once the line has been told to be silent. A leg that fails or passes
    `deadline_s` is listed in `missed`; the other legs are not affected, and nothing is raised.
    """
    ended: dict[str, int] = {}

    async def end(name: str, leg: Leg) -> None:
        try:
            async with asyncio.timeout(deadline_s):
                stamp = await leg()
        except Exception:  # A dead engine must not keep the other legs, or the caller, waiting.
            return
        ended[name] = stamp if isinstance(stamp, int) else now_ns()

    await asyncio.gather(*(end(name, leg) for name, leg in legs.items()))
    return CancelReport(
        source=source,
        reply=reply,
        vad_trigger_ns=trigger_ns,
        speech_onset_ns=onset_ns,
        legs_ns={name: ended[name] for name in legs if name in ended},
        missed=tuple(name for name in legs if name not in ended),
    )
