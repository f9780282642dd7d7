"""A call from a browser over HTTP: WHIP (RFC 9725), with trickle ICE (RFC 8840).

    POST /v1/webrtc?to=NUMBER   an SDP offer → 201, our answer, and the call's address
    POST /v1/webrtc?join=CALL   the same, to take over a live call: talk with its caller in place of the agent
    PATCH /v1/webrtc/ID         adds candidates found since then
    DELETE /v1/webrtc/ID        hangs up
    OPTIONS /v1/webrtc          the STUN and TURN servers, in Link headers

The page implements it in `page/webrtc_call.js`; any WHIP client that also plays what it receives can do the same.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from typing import Annotated, Any

from aiortc import RTCIceServer
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from phone_daemon.settings.web import WebSettings
from phone_daemon.web.auth import Operator, Role, requires
from phone_daemon.web.control import content, some
from phone_daemon.web.desk import Desk
from phone_daemon.web.webrtc.ice_servers import links, parse
from phone_daemon.web.webrtc.offer import MAX_BYTES, NO_RESTART, BadOffer, fragment, judge
from phone_daemon.web.webrtc.peer import Peer
from sidecars.tasks import Tasks

PATH = "/v1/webrtc"
OFFER, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
logging.getLogger("aioice").setLevel(logging.WARNING)  # It logs each candidate pair that it checks.
MAX_PEERS = 64
"""The most browsers at a time, including those that are not connected yet."""
REMEMBERED = 256
"""How many ended calls are remembered, so that they can be hung up again."""
JoinId = Annotated[str, Query(max_length=128, description="a live call's id: it is taken over")]
REFUSALS = some(503) | {201: content(OFFER, "the answer")}
RETRY_S = 10
"""How long a client is told to wait if there are too many."""


class Peers:
    """The present browsers, by the id in their Location."""

    def __init__(self, desk: Desk, servers: list[RTCIceServer]) -> None:
        self._desk = desk
        self._servers = servers
        self._peers: dict[str, Peer] = {}
        self._leaving = Tasks()
        self._gone: deque[str] = deque(maxlen=REMEMBERED)

    async def welcome(self, body: bytes, called: str, join: str = "") -> tuple[str, str]:
        """Returns the id and the SDP answer for an offer. Raises `BadOffer`."""
        if len(self._peers) >= MAX_PEERS:
            raise BadOffer(503, f"{MAX_PEERS} browsers are connected: that is the most")
        offer = judge(body)
        peer, name = Peer(self._desk, self._servers, "web", called, join), secrets.token_urlsafe(16)
        self._peers[name] = peer
        try:
            answer = await peer.answer(offer)
        except BaseException:
            del self._peers[name]
            raise
        self._leaving.start(self._leave(name, peer))
        return name, answer

    def find(self, name: str) -> Peer:
        """Returns a call by its id. Raises `BadOffer` if the call is over or never existed."""
        if name not in self._peers:
            raise BadOffer(404, "no such call: it is over, or never was")
        return self._peers[name]

    def hang_up(self, name: str) -> None:
        """Ends a call; harmless if it has just ended by itself, as happens when the browser closes its side first."""
        if name not in self._gone:
            self.find(name).close()

    async def _leave(self, name: str, peer: Peer) -> None:
        await peer.over.wait()
        self._peers.pop(name, None)
        self._gone.append(name)


def router(desk: Desk, settings: WebSettings) -> APIRouter:
    """Creates the four routes; those who may operate may call. Raises `ValueError` for invalid `ice_servers`."""
    routes = APIRouter(dependencies=[Depends(requires(Role.OPERATE))], tags=["webrtc"])
    servers = parse(settings.ice_servers)
    peers = Peers(desk, servers)

    def told(status: int, **headers: str) -> Response:
        response = Response(status_code=status, headers=headers)
        for link in links(servers):
            response.headers.append("link", link)
        return response

    def refused(error: BadOffer) -> Response:
        more = {415: {"accept-post": OFFER, "accept-patch": FRAGMENT}, 503: {"retry-after": str(RETRY_S)}}
        return JSONResponse({"detail": str(error)}, error.status, more.get(error.status))

    def must_be(kind: str, request: Request) -> None:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
            raise BadOffer(415, f"this is of type {kind}")

    @routes.options(PATH, status_code=204)
    async def list_ice_servers() -> Response:
        """Names the STUN and TURN servers, in Link headers."""
        return told(204, **{"accept-post": OFFER})

    @routes.post(PATH, status_code=201, openapi_extra=_body_of(OFFER), responses=REFUSALS)
    async def offer_call(request: Request, who: Operator, to: str = "", join: JoinId = "") -> Response:
        """Calls the agent with the SDP offer in the body; `to` is the number to dial. With `join`, a live call's id,
        the client talks with that call's caller in place of the agent.
        """
        try:
            must_be(OFFER, request)
            name, answer = await peers.welcome(await _body(request), to, join)
        except BadOffer as error:
            return refused(error)
        if join:
            request.app.state.web.audit.record(who, "take_over", join)
        response = told(201, location=f"{PATH}/{name}", etag=f'"{name[:8]}"')
        response.body = answer.encode()
        response.headers["content-type"] = OFFER
        response.headers["content-length"] = str(len(response.body))
        return response

    @routes.patch(
        f"{PATH}/{{name}}",
        status_code=204,
        openapi_extra=_body_of(FRAGMENT),
        responses=some(404),
    )
    async def add_candidates(name: str, request: Request, if_match: Annotated[str, Header()] = "") -> Response:
        """Adds the candidates in an application/trickle-ice-sdpfrag body."""
        try:
            peer = peers.find(name)
            must_be(FRAGMENT, request)
            if if_match == "*":
                raise BadOffer(422, NO_RESTART)
            if if_match and f'"{name[:8]}"' not in (tag.strip() for tag in if_match.split(",")):
                raise BadOffer(412, "this ETag is not that of the call's ICE session")
            await peer.add_candidates(fragment((await _body(request)).decode(errors="replace")))
        except BadOffer as error:
            return refused(error)
        return Response(status_code=204)

    @routes.delete(f"{PATH}/{{name}}", status_code=200, responses=some(404), response_class=Response)
    async def end_call(name: str) -> Response:
        """Ends the call."""
        try:
            peers.hang_up(name)
        except BadOffer as error:
            return refused(error)
        return Response(status_code=200)

    return routes


def _body_of(kind: str) -> dict[str, Any]:
    """Describes a body that is text of this media type."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": {"type": "string"}}}}}


async def _body(request: Request) -> bytes:
    """Returns the request's body, reading at most one byte more than is allowed."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            raise BadOffer(413, f"more than {MAX_BYTES} bytes: that is the most")
    return body
