"""The `/v1` API: live and past calls, an operator's commands to live calls, the event stream, and recordings."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import AfterValidator, BeforeValidator, ValidationError

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.state.store import CommandKind
from phone_daemon.web.api_models import (
    Answer,
    Call,
    CallEvent,
    Calls,
    Events,
    Held,
    Hold,
    HungUp,
    Interrupted,
    Keys,
    Me,
    OneCall,
    Problem,
    Said,
    Say,
    Sent,
    Transfer,
    Transferring,
    Turn,
)
from phone_daemon.web.auth import COOKIE, Admin, Operator, Role, Watcher, Who, may_still
from phone_daemon.web.call_store import Wanted
from phone_daemon.web.event_feed import ID, MOST_EVENTS, FeedDown
from phone_daemon.web.web import Web

router = APIRouter(prefix="/v1")

CallId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$", description="a call's id")]


def _not_seconds(text: str) -> str:
    """Accepts only a date and time in text form; pydantic would also accept seconds since 1970."""
    if text.count("-") < 2:
        raise ValueError("write it as 2026-01-31T12:00:00Z")
    return text


def _utc(at: datetime) -> datetime:
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such time in UTC") from None


When = Annotated[datetime, BeforeValidator(_not_seconds), AfterValidator(_utc)]
RANGES = re.compile(r"bytes= *(\d+-\d*|-\d+)( *, *(\d+-\d*|-\d+))*", re.ASCII)
GONE = ("not live", "no such call")
"""A daemon's answers for a call that it does not have."""


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "no token, an unknown or an expired one"},
    403: {"model": Problem, "description": "the token's role is not enough"},
    404: {"model": Problem, "description": "no such call"},
    409: {"model": Problem, "description": "the call cannot do that now"},
    429: {"model": Problem, "description": "too many requests"},
    503: {"model": Problem, "description": "Redis or the daemon cannot be asked"},
}


def some(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: ERRORS[code] for code in (401, 403, *codes, 429)}


def content(kind: str, description: str, **schema: str) -> dict[str, Any]:
    """Describes an answer that is not JSON but of the media type `kind`."""
    return {"content": {kind: {"schema": {"type": "string", **schema}}}, "description": description}


@router.get("/me", tags=["token"], responses=some())
async def me(who: Watcher) -> Me:
    """Returns the token's owner, role, and expiration time."""
    return Me.model_validate({"name": who.name, "role": who.role.name.lower(), "expires": who.expires})


@router.post("/signout", tags=["token"], status_code=204)
async def sign_out(response: Response) -> None:
    """Removes the token's cookie from the browser."""
    response.delete_cookie(COOKIE)


# ------------------------------------------------------------------------------------------------------------ calls


@router.get("/calls", tags=["calls"], responses=some(503), response_model=Calls)
async def list_calls(  # noqa: PLR0917
    request: Request,
    who: Watcher,
    state: Literal["live", "past"] = "live",
    q: Annotated[str, Query(max_length=200, description="words that were said")] = "",
    number: Annotated[str, Query(max_length=64, description="of the caller or the called, or its end")] = "",
    dialplan: Annotated[str, Query(max_length=128)] = "",
    since: When | None = None,
    until: When | None = None,
    slower_than_ms: Annotated[float | None, Query(ge=0, le=1e9)] = None,
    failed: bool | None = None,
    before: Annotated[str, Query(max_length=128, description="a call's id: the next page")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response | Calls:
    """Lists live calls on all machines that share the Redis, or past calls on this machine, latest first."""
    web: Web = request.app.state.web
    if state == "live":
        live: Live = await request.app.state.live.get()
        vary = {"Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(live.packed, media_type="application/json", headers=vary | {"Content-Encoding": "gzip"})
        return Response(live.json, media_type="application/json", headers=vary)
    wanted = Wanted(
        *(q, number, dialplan, _iso(since), _iso(until)), slower_than_ms, failed, before=before, limit=limit
    )
    try:
        found, more = await asyncio.to_thread(web.store.search, wanted)
    except (sqlite3.Error, OSError) as error:
        raise HTTPException(503, f"the index of past calls cannot be read: {error}") from None
    return Calls(calls=[Call.model_validate(row) for row in found], more=more)


@router.get("/calls/{call}", tags=["calls"], responses=some(404))
async def get_call(request: Request, who: Watcher, call: CallId) -> OneCall:
    """Returns a live or past call with its turns so far."""
    web: Web = request.app.state.web
    live: dict[str, Any] = {}
    with contextlib.suppress(HTTPException):
        live = (await request.app.state.live.get()).calls.get(call, {})
    past = await asyncio.to_thread(web.store.get, call)
    if past is None and not live:
        raise HTTPException(404, f"no call {call}")
    row, turns = past or ({}, [])
    about = Call.model_validate({**row, **live, "live": bool(live)})
    return OneCall(call=about, turns=[turn for line in turns if (turn := _turn(line)) is not None])


def _turn(line: dict[str, Any]) -> Turn | None:
    """None if the line is damaged."""
    try:
        return Turn.model_validate(line)
    except ValidationError:
        return None


@router.delete("/calls/{call}", tags=["calls"], status_code=204, responses=some(404, 409))
async def remove_call(request: Request, who: Admin, call: CallId) -> None:
    """Removes a past call with its audio, its transcript, and its rows."""
    web: Web = request.app.state.web
    if await asyncio.to_thread(web.store.get, call) is None:
        raise HTTPException(404, f"no call {call}")
    if not (await asyncio.to_thread(web.store.remove_past, call)):
        raise HTTPException(409, f"call {call} is live; hang up first")
    web.audit.record(who, "remove", call)


@router.get(
    "/recordings/{call}",
    tags=["calls"],
    response_class=FileResponse,
    responses=some(404) | {200: content("audio/wav", "8 kHz stereo: caller left, agent right", format="binary")},
)
async def get_recording(request: Request, who: Watcher, call: CallId) -> FileResponse:
    """Returns a call's audio; range requests are supported."""
    web: Web = request.app.state.web
    path = await asyncio.to_thread(web.store.recording, call)
    if path is None:
        raise HTTPException(404, f"there is no recording of {call}")
    web.audit.record(who, "recording", call)
    if not RANGES.fullmatch(request.headers.get("range", "")):
        # One that is not understood is ignored (RFC 9110 section 14.2).
        request.scope["headers"] = [each for each in request.scope["headers"] if each[0] != b"range"]
    return FileResponse(
        path, media_type="audio/wav", filename=f"{call}.wav", headers={"Cache-Control": "private, no-store"}
    )


# --------------------------------------------------------------------------------------------------------- commands


@router.post("/calls/{call}/say", tags=["steering"], responses=some(404, 409, 503))
async def say(request: Request, who: Operator, call: CallId, body: Say) -> Said:
    """Makes the agent say this text instead of what it is saying now."""
    return await _order(Said, request, who, call, CommandKind.SAY, body.text)


@router.post("/calls/{call}/interrupt", tags=["steering"], responses=some(404, 409, 503))
async def interrupt(request: Request, who: Operator, call: CallId) -> Interrupted:
    """Silences the agent as a caller's interruption would; returns the legs of the cancel chain."""
    return await _order(Interrupted, request, who, call, CommandKind.INTERRUPT)


@router.post("/calls/{call}/dtmf", tags=["steering"], responses=some(404, 409, 503))
async def press_keys(request: Request, who: Operator, call: CallId, body: Keys) -> Sent:
    """Sends DTMF keys to the caller's side."""
    return await _order(Sent, request, who, call, CommandKind.DTMF, body.digits)


@router.post("/calls/{call}/hold", tags=["steering"], responses=some(404, 409, 503))
async def hold(request: Request, who: Operator, call: CallId, body: Hold) -> Held:
    """Puts the caller on hold, or takes them off hold; the caller is told."""
    return await _order(Held, request, who, call, CommandKind.HOLD, "on" if body.held else "off")


@router.post("/calls/{call}/transfer", tags=["steering"], responses=some(404, 409, 503))
async def transfer(request: Request, who: Operator, call: CallId, body: Transfer) -> Transferring:
    """Transfers the caller; the caller is told."""
    return await _order(Transferring, request, who, call, CommandKind.TRANSFER, body.to)


@router.post("/calls/{call}/hangup", tags=["steering"], responses=some(404, 409, 503))
async def hang_up(request: Request, who: Operator, call: CallId) -> HungUp:
    """Ends the call."""
    return await _order(HungUp, request, who, call, CommandKind.HANG_UP)


A = TypeVar("A", bound=Answer)


async def _order(  # noqa: PLR0917
    answered: type[A], request: Request, who: Who, call: str, kind: CommandKind, argument: str = ""
) -> A:
    web: Web = request.app.state.web
    try:
        async with Commands(web.settings.state) as commands:
            answer = await commands.order(call, kind, argument)
    except CommandFailed as error:
        why = str(error)
        web.audit.record(who, str(kind), call, outcome=why)
        if any(part in why for part in GONE):
            raise HTTPException(404, f"call {call} is not live") from None
        raise HTTPException(503 if "Redis" in why or "did not answer" in why else 409, why) from None
    except ValueError as error:
        raise HTTPException(503, f"Redis: {error}") from None
    web.audit.record(who, str(kind), call)
    return understood(answered, answer)


def understood(answered: type[A], answer: dict[str, Any]) -> A:
    try:
        return answered.model_validate(answer)
    except ValidationError as error:
        missing = ", ".join(str(part) for each in error.errors() for part in each["loc"])
        raise HTTPException(503, f"the daemon is of another version: its answer has another {missing}") from None


@dataclass(frozen=True, slots=True)
class Live:
    """The live calls, from all machines that share the Redis."""

    calls: dict[str, dict[str, str]]
    """By id."""
    json: bytes
    """As `GET /v1/calls` sends them (`Calls`), made once for all who ask."""
    packed: bytes
    """The same, compressed."""


async def ask_live(settings: StateSettings) -> Live:
    """Asks Redis for the live calls. Raises `HTTPException` 503."""
    if settings.url == "off":
        raise HTTPException(503, 'live calls are listed in Redis, which is switched off ([state] url = "off")')
    try:
        async with Commands(settings) as commands:
            calls = await commands.calls()
    except CommandFailed as error:
        raise HTTPException(503, str(error)) from None
    live = {id: {"started": _started(id), **call} for id, call in calls.items()}
    listed = Calls(calls=[Call.model_validate({**call, "live": True}) for call in live.values()])
    told = listed.model_dump_json().encode()
    return Live(live, told, gzip.compress(told, compresslevel=1))


def _started(call: str) -> str:
    """When a call began, by its id; empty if the id does not tell."""
    try:
        return datetime.strptime(call.partition("Z-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return ""


# ----------------------------------------------------------------------------------------------------------- events


@router.get(
    "/events",
    tags=["events"],
    response_class=StreamingResponse,
    responses=some(503) | {200: content("text/event-stream", "server-sent events")},
)
async def follow_events(
    request: Request,
    who: Watcher,
    call: Annotated[str, Query(max_length=128, description="of this call alone")] = "",
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> StreamingResponse:
    """Streams what happens in all calls. `event:` is the kind, and `data:` is JSON with call, kind, at_ns, daemon, and
    data. A client that reconnects with `Last-Event-ID` gets the events that it missed, if they are still kept.
    """
    web: Web = request.app.state.web
    if last_event_id and not ID.fullmatch(last_event_id):
        raise HTTPException(422, "Last-Event-ID: not an id of this stream")
    if web.feed.problem:
        raise HTTPException(503, web.feed.problem)

    async def lines() -> AsyncIterator[bytes]:
        web.metrics.watchers.inc()
        try:
            yield b": phone-daemon\nretry: 2000\n\n"
            async for each in web.feed.follow(last_event_id, call):
                if not may_still(request, Role.WATCH):
                    return
                yield b"".join(event.sent for event in each) or b": still here\n\n"
        except FeedDown:
            return
        finally:
            web.metrics.watchers.dec()

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.get("/events/page", tags=["events"], responses=some(503))
async def list_events(  # noqa: PLR0917
    request: Request,
    who: Watcher,
    after: Annotated[str, Query(pattern="^[0-9]{1,19}-[0-9]{1,19}$", description="an id: the events after it")] = "0-0",
    call: Annotated[str, Query(max_length=128, description="of this call alone")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
    wait_s: Annotated[float, Query(ge=0, le=30, description="if there are none yet, how long to wait for one")] = 0,
) -> Events:
    """Lists events in pages, for clients that cannot follow a stream. For the next page, set `after` to `last`."""
    web: Web = request.app.state.web
    try:
        found = await web.feed.page(after, call, limit, wait_s)
    except FeedDown as error:
        raise HTTPException(503, str(error)) from None
    listed = [CallEvent.model_validate({"id": event.id, **event.about}) for event in found]
    return Events(events=listed, last=found[-1].id if found else after)


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()
