"""The web process's HTTP application: its page, the parts of its API, and its error answers."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Scope

from phone_daemon import __version__
from phone_daemon.web import control, dial, listening, machines, twilio, voice
from phone_daemon.web.api_models import Alive, Problem, Readiness, SignIn
from phone_daemon.web.auth import COOKIE, token_of
from phone_daemon.web.guard import Guard, Pace
from phone_daemon.web.page_files import PageFiles
from phone_daemon.web.shared_answer import SharedAnswer
from phone_daemon.web.web import Web

PAGE = Path(__file__).parent / "page"
READY_S = 1.0
KEPT_S = 0.1
"""How old the list of live calls and the daemon's health may be, so that no number of readers asks for them more often
than ten times a second."""
COOKIE_S = 30 * 86_400
NO_WEBRTC = (
    "WebRTC needs aiortc: `make serve` installs it, or pip install 'phone-daemon[webrtc]'; /ws/voice needs nothing"
)


def create_app(web: Web) -> FastAPI:
    """Creates the application's routes; `guarded` puts the guard in front of them."""
    app = FastAPI(
        title="phone-daemon",
        version=__version__,
        summary="Live calls, past calls, and calls from the web.",
        openapi_url="/openapi.json",
        # FastAPI's documentation pages load scripts from other sites.
        docs_url=None,
        redoc_url=None,
        # The names of a generated client's functions.
        generate_unique_id_function=lambda route: route.name,
        responses={
            400: {"model": Problem, "description": "a body that is not JSON"},
            422: {"model": Problem, "description": "what is sent makes no sense"},
        },
    )
    app.state.web = web
    app.state.live = SharedAnswer(partial(control.ask_live, web.settings.state), KEPT_S)
    app.state.once = dial.Once()
    app.exception_handler(RequestValidationError)(_invalid)
    app.include_router(control.router)
    app.include_router(dial.router)
    app.include_router(listening.router)
    app.include_router(machines.router)
    app.include_router(voice.router)
    app.include_router(twilio.router)
    _add_health(app, web)
    if find_spec("aiortc") is not None:
        from phone_daemon.web.webrtc import whip  # noqa: PLC0415 (heavy, and an extra)

        app.include_router(whip.router(web.desk, web.settings.web))
    else:

        @app.post("/v1/webrtc", status_code=501, include_in_schema=False)
        async def no_webrtc() -> None:
            raise HTTPException(501, NO_WEBRTC)

    _add_page(app, web)
    return app


def guarded(app: FastAPI, web: Web) -> ASGIApp:
    settings = web.settings.web

    def owner(scope: Scope) -> str:
        try:
            who = web.tokens.who(token_of(HTTPConnection(scope)), datetime.now(UTC))
        except PermissionError:
            return ""
        return who.name if who else ""

    return Guard(app, settings.hosts, settings.origins, Pace(settings.requests_a_minute), owner)


def _add_health(app: FastAPI, web: Web) -> None:
    daemon = SharedAnswer(partial(_ask_daemon, web.health_port), KEPT_S)

    @app.get("/healthz", tags=["health"])
    async def alive() -> Alive:
        """Says that the web process is alive."""
        return Alive()

    @app.get("/readyz", tags=["health"], responses={503: {"model": Readiness, "description": "send no calls here"}})
    async def ready(response: Response) -> Readiness:
        """Reports whether the daemon is ready to take calls."""
        takes_calls, told = await daemon.get()
        if not (takes_calls and web.desk.connected):
            response.status_code = 503
        return Readiness.model_validate(told | {"web": {"connected": web.desk.connected, "live_calls": web.desk.live}})

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Returns metrics for Prometheus."""
        web.metrics.live.set(web.desk.live)
        web.metrics.show(web.machines.now())
        return Response(web.metrics.text(), media_type="text/plain; version=0.0.4")


async def _ask_daemon(port: int) -> tuple[bool, dict[str, Any]]:
    if not port:
        return False, {"status": "unready", "detail": "this web process has no daemon of its own"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=READY_S)) as session,
            session.get(f"http://127.0.0.1:{port}/readyz") as answer,
        ):
            told: dict[str, Any] = await answer.json()
            return answer.ok, told
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False, {"status": "unready", "detail": "the daemon does not answer"}


def _add_page(app: FastAPI, web: Web) -> None:
    files = PageFiles(PAGE)

    @app.post("/v1/signin", tags=["token"], status_code=204, responses=control.some())
    async def sign_in(request: Request, body: SignIn) -> Response:
        """Stores the token in a cookie of this browser."""
        return _with_cookie(web, request, body.token, Response(status_code=HTTPStatus.NO_CONTENT))

    @app.get("/", include_in_schema=False)
    async def index(request: Request, token: str = "") -> Response:
        if not token:
            return files.index(request)
        try:
            # The token leaves the address bar.
            return _with_cookie(web, request, token, RedirectResponse("/", HTTPStatus.SEE_OTHER))
        except HTTPException as error:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            # A person gets the page, which says why.
            page = files.index(request)
            page.status_code = error.status_code
            return page

    files.add_to(app)


def _with_cookie(web: Web, request: Request, token: str, answer: Response) -> Response:
    """Stores the token in a cookie that scripts cannot read. Raises `HTTPException` 401 if it is not valid."""
    try:
        who = web.tokens.who(token, datetime.now(UTC))
    except PermissionError as error:
        raise HTTPException(401, str(error)) from None
    if who is None:
        raise HTTPException(
            401, "this token is not known, or it is from an earlier start; open the link that serve printed last"
        )
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, max_age=COOKIE_S, httponly=True, samesite="strict", secure=secure)
    return answer


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Describes each mistake in one line: where it is and what is wrong, but never the value that was sent."""
    assert isinstance(error, RequestValidationError)
    if any(each["loc"] == ("body",) for each in error.errors()) and "json" not in request.headers.get(
        "content-type", ""
    ):
        # What curl sends unless it is told otherwise.
        return JSONResponse({"detail": "body: send JSON, and the header Content-Type: application/json"}, 422)
    lines = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
    return JSONResponse({"detail": "; ".join(lines)}, 422)
