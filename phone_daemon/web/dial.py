"""`POST /v1/calls`: calls somebody, and no more than once for each `Idempotency-Key`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request

from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.state.store import Command, CommandKind
from phone_daemon.web.api_models import Dial, Dialed
from phone_daemon.web.auth import Admin, Who
from phone_daemon.web.control import some, understood
from phone_daemon.web.web import Web

router = APIRouter(prefix="/v1")

DIAL_SLACK_S = 10.0
"""Longer than a daemon takes to report that nobody answered."""
REMEMBERED = 10_000
"""The most keys; beyond them the oldest is forgotten."""
Key = Annotated[
    str,
    Header(
        max_length=256,
        description="new for each call: a repeated request gets the first one's answer, and calls nobody",
    ),
]


class Once:
    """Does something once for each key (as draft-ietf-httpapi-idempotency-key-header says), also if it fails: a call
    whose outcome is unknown may have been placed.
    """

    def __init__(self) -> None:
        self._done: OrderedDict[tuple[str, str], tuple[str, asyncio.Future[Any]]] = OrderedDict()

    async def get(self, owner: str, key: str, asked: str, do: Callable[[], Awaitable[Dialed]]) -> Dialed:
        """Returns what `do` returned when `owner` first used `key`, or raises what it raised. Without a key, does it.
        Raises `HTTPException` 422 if this key was used for something other than `asked`.
        """
        if not key:
            return await do()
        before, doing = self._done.get((owner, key), (asked, None))
        if before != asked:
            raise HTTPException(422, "this Idempotency-Key was used for another request; make a new one for each call")
        if doing is None:
            doing = asyncio.ensure_future(do())
            doing.add_done_callback(lambda done: done.cancelled() or done.exception())  # Nobody may be left to see it.
            self._done[owner, key] = asked, doing
            if len(self._done) > REMEMBERED:
                self._done.popitem(last=False)
        # A client that goes away keeps the answer from nobody who asks again.
        answer: Dialed = await asyncio.shield(doing)
        return answer


@router.post("/calls", tags=["steering"], responses=some(409, 503))
async def dial(request: Request, who: Admin, body: Dial, idempotency_key: Key = "") -> Dialed:
    """Calls a number and lets a dialplan talk with whoever answers. The response comes once the call is answered or has
    failed, usually within half a minute.

    `result` is answered, busy, no_answer, rejected, failed, or forbidden; with `dry_run` it can be would_call.
    """
    once: Once = request.app.state.once
    return await once.get(who.name, idempotency_key, body.model_dump_json(), lambda: _dial(request, who, body))


async def _dial(request: Request, who: Who, body: Dial) -> Dialed:
    web: Web = request.app.state.web
    outbound = web.settings.outbound
    retries = outbound.retries if body.retries is None else body.retries
    trunks = max(len(web.settings.trunk), 1)
    patience_s = (1 + retries) * trunks * (outbound.ring_s + DIAL_SLACK_S) + retries * outbound.retry_after_s
    try:
        async with Commands(web.settings.state) as commands:
            daemons = await commands.daemons()
            if not daemons:
                raise CommandFailed("no daemon is live in Redis")
            # Of several daemons on a machine, the one with the lowest process id started first, and holds the trunks'
            # accounts.
            oldest = min(daemons, key=lambda daemon: (len(daemon.partition("-")[0]), daemon))
            answer = await commands.deliver(oldest, Command(CommandKind.DIAL, body.model_dump_json()), patience_s)
    except CommandFailed as error:
        web.audit.record(who, "dial", outcome="failed")
        raise HTTPException(503 if "Redis" in str(error) else 409, str(error)) from None
    web.audit.record(who, "dial", str(answer.get("call", "")), outcome=str(answer.get("result", "")))
    return understood(Dialed, answer)
