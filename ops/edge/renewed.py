"""Follows the edge's certificate: Kamailio loads a renewed one by itself, and keeps every connection and call."""

from __future__ import annotations

import asyncio
import logging
import time

from ops.edge import certificate
from ops.edge.plan import EdgeError, Plan
from ops.edge.rpc import NoAnswer, call
from sidecars.log import Event

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 30.0
SAY_AGAIN_S = 86_400.0


async def follow(plan: Plan, every_s: float = LOOK_AGAIN_S) -> None:
    """Checks the files `every_s`, until canceled. Problems are logged when the files change, and once a day."""
    if not plan.tls:
        await asyncio.Event().wait()
    loaded, checked_at = _state(plan), time.monotonic()
    while True:
        await asyncio.sleep(every_s)
        state, now = _state(plan), time.monotonic()
        if state == loaded and now < checked_at + SAY_AGAIN_S:
            continue
        wrong = await asyncio.to_thread(_problems, plan)
        if state != loaded:
            try:
                await call(plan.control, "tls.reload")
                log.info(Event("edge.certificate", reloaded=True))
            except NoAnswer as error:
                wrong = wrong or [str(error)]  # the previous one stays in force
        for line in wrong:
            log.warning(Event("edge.certificate", problem=line))
        loaded, checked_at = state, now


def _problems(plan: Plan) -> list[str]:
    edge = plan.edge
    assert edge.certificate is not None
    assert edge.key is not None
    try:
        return certificate.problems(edge.certificate, edge.key, edge.name)
    except EdgeError as error:
        return [str(error)]


def _state(plan: Plan) -> tuple[tuple[int, int, int] | None, ...]:
    """A value that changes whenever one of the files does."""
    edge, found = plan.edge, []
    for path in (edge.certificate, edge.key, edge.ca, edge.client_ca):
        try:
            stat = path.stat() if path is not None else None
        except OSError:
            stat = None
        found.append(stat and (stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(found)
