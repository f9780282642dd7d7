"""The HTTP side of a listen server: who may connect, how many, and what a supervisor can query.

GET /v1/listen        a WebSocket in Deepgram's dialect (`listen_dialect`)
GET /healthz          200 once the engine has been warmed up; 503 before, and while it is being loaded again
GET /metrics          Prometheus
GET /debug/sessions   who is connected, what the engine's stores hold, bytes
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from sidecars import listen_dialect
from sidecars.host.host import HostLost
from sidecars.listen_dialect import BadRequest
from sidecars.local.engine_server import EngineServer
from sidecars.local.inprocess import InProcessHost
from sidecars.local.recognition import RecognitionServer
from sidecars.log import Event
from sidecars.serve.stt.metrics import Metrics
from sidecars.serve.stt.session import FAILED, POLICY, Session

IDLE_S = 12.0
"""A connection that sends nothing for this long, not even a KeepAlive, is closed. (Deepgram allows 10 s.)"""
MAX_MESSAGE = 16 << 20
"""The most bytes in a message; a longer one closes the connection with 1009 before all of it is read."""
MAX_UNREAD = 1000
"""The most messages that wait for a client that does not read."""
WARM_UP_AUDIO_S = 0.5
RETRY_AFTER_S = 2
LAST_WORDS_S = 1.0

log = logging.getLogger(__name__)


class _Connection:
    """One client's socket, and the messages waiting to be sent on it."""

    def __init__(self, socket: web.WebSocketResponse, peer: str) -> None:
        self.socket = socket
        self.peer = peer
        self.since = time.monotonic()
        self.session: Session
        self._out: asyncio.Queue[dict[str, Any] | int] = asyncio.Queue()
        self.ended = False

    def say(self, told: dict[str, Any]) -> None:
        if self._out.qsize() > MAX_UNREAD:
            self.end(FAILED)
        elif not self.ended:
            self._out.put_nowait(told)

    def end(self, code: int) -> None:
        if not self.ended:
            self.ended = True
            self._out.put_nowait(code)

    async def write(self) -> None:
        """Sends messages; returns when the connection has been told of its end."""
        while isinstance(item := await self._out.get(), dict):
            await self.socket.send_str(json.dumps(item))
        await self.socket.close(code=item)


class ListenServer:
    """Serves one engine. `async with` it around whatever runs `app`."""

    def __init__(
        self,
        engine: str,
        options: Mapping[str, object],
        *,
        token: str = "",
        max_sessions: int | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        """`token`: the token that clients must send; empty: none. `max_sessions`: None means the engine's own limit."""
        self.ready = False
        self._engine = engine
        self._token = token.encode()
        self._max_sessions = max_sessions
        self._idle_s = idle_s
        self._connections: dict[str, _Connection] = {}
        self._arriving = 0
        """The number of connections that were admitted and are being upgraded."""
        self._metrics = Metrics(lambda: len(self._connections))
        self.host = InProcessHost("stt", engine, options, self._metrics.step.observe, own_process=True)
        self.app = web.Application(middlewares=[self._authorised])
        self.app.add_routes(
            [
                web.get(listen_dialect.PATH, self._listen),
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._serve_metrics),
                web.get("/debug/sessions", self._debug_sessions),
            ]
        )
        self.app.on_shutdown.append(self._send_everybody_home)

    async def start(self) -> None:
        """Loads the engine and warms it up. Raises `HostLost` with the reason if it cannot be loaded."""
        await self.host.start()
        most = await self.host.ask(lambda server: _recognition(server).engine.max_sessions)
        self._max_sessions = most if self._max_sessions is None else min(self._max_sessions, most)
        await self._warm_up()
        self.ready = True
        log.info(Event("server.ready", engine=self._engine, sessions=self._max_sessions))

    async def answers(self) -> None:
        """Returns once the engine has responded or is being loaded again; never returns while it hangs."""
        with suppress(HostLost):
            await self.host.ask(lambda server: None)

    async def close(self) -> None:
        """Ends the engine, and with it all connections."""
        self.ready = False
        await self.host.close()

    async def _warm_up(self) -> None:
        """Warms the engine up with an utterance of nobody's, because the first one in a process pays for lazy
        loading."""
        try:
            await self.hear(bytes(2 * round(WARM_UP_AUDIO_S * self.host.sample_rate)))
        except HostLost as error:
            # Some engines need options to hear anything at all.
            log.debug(Event("server.warm_up_failed", reason=error))

    async def hear(self, pcm: bytes) -> str:
        """Returns the engine's transcript of `pcm`, an utterance at the engine's rate. Raises `HostLost` on failure."""
        channel = self.host.open()
        channel.send({"type": "Open", "options": {}})
        channel.send({"type": "Audio"}, pcm)
        channel.send({"type": "Finalize"})
        try:
            while (message := (await channel.receive())[0])["type"] != "Final":
                if message["type"] == "Failed":
                    raise HostLost(message["error"])
            return str(message["text"])
        finally:
            channel.close()

    # ------------------------------------------------------------------------------------------ who may come in

    @web.middleware
    async def _authorised(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self._token and request.path != "/healthz":
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            known = scheme.lower() in ("token", "bearer")
            if not (known and hmac.compare_digest(token.strip().encode(), self._token)):
                return self._refuse(401, "INVALID_AUTH", "send the server's token: Authorization: Token …, or Bearer …")
        response: web.StreamResponse = await handler(request)
        return response

    def _refuse(self, status: int, code: str, what: str) -> web.Response:
        self._metrics.refused.labels(code).inc()
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
        return web.json_response(listen_dialect.refusal(code, what, str(uuid.uuid4())), status=status, headers=headers)

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        if not self.ready or self.host.problem:
            return self._refuse(503, "NOT_READY", f"the engine {self._engine} is being loaded; try again soon")
        if len(self._connections) + self._arriving >= (self._max_sessions or 0):
            # Not 429, as Deepgram itself answers: Pipecat gives up after any 4xx, but tries again after a 5xx.
            return self._refuse(503, "TOO_MANY_SESSIONS", f"{self._max_sessions} sessions are open, which is the most")
        try:
            asked = listen_dialect.parse_query(request.query.items())
        except BadRequest as error:
            return self._refuse(400, "BAD_REQUEST", str(error))
        request_id = str(uuid.uuid4())
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, compress=False, timeout=1.0)
        if not socket.can_prepare(request):
            return self._refuse(426, "NOT_A_WEBSOCKET", "this is a WebSocket: ask for an upgrade")
        socket.headers[listen_dialect.REQUEST_ID_HEADER] = request_id
        socket.headers[listen_dialect.EXTENSIONS_HEADER] = listen_dialect.EXTENSIONS
        self._arriving += 1
        try:
            await socket.prepare(request)
        finally:
            self._arriving -= 1
        connection = _Connection(socket, request.remote or "a local socket")
        self._connections[request_id] = connection
        session = Session(self.host, asked, request_id, model=self._engine, say=connection.say, end=connection.end)
        connection.session = session
        self._metrics.sessions.inc()
        writing = asyncio.create_task(connection.write(), name=f"session {request_id}")
        try:
            try:
                await self._read(connection, asked.sample_rate)
            finally:
                del self._connections[request_id]
                session.close()
            if not socket.closed:
                # The last messages are still sent, but without waiting for a client that does not read.
                await asyncio.wait([writing], timeout=LAST_WORDS_S)
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await writing
        return socket

    async def _read(self, connection: _Connection, rate: int) -> None:
        """Feeds the session until either side ends it."""
        session, socket = connection.session, connection.socket
        while not connection.ended:
            try:
                async with asyncio.timeout(self._idle_s):
                    message = await socket.receive()
            except TimeoutError:
                self._give_up(connection, "IDLE", f"neither audio nor a KeepAlive for {self._idle_s:g} s", FAILED)
                return
            try:
                if message.type is WSMsgType.BINARY:
                    session.hear(message.data)
                    self._metrics.audio.inc(len(message.data) / 2 / rate)
                elif message.type is WSMsgType.TEXT:
                    session.control(listen_dialect.parse_control(message.data))
                else:  # closed, or broken
                    connection.ended = True
                    return
            except BadRequest as error:
                self._give_up(connection, "BAD_MESSAGE", str(error), POLICY)
                return

    def _give_up(self, connection: _Connection, code: str, what: str, close_code: int) -> None:
        self._metrics.failed.labels(code).inc()
        connection.say(listen_dialect.error(code, what, connection.session.request_id))
        connection.session.close()
        connection.end(close_code)

    async def _send_everybody_home(self, _: web.Application) -> None:
        for connection in list(self._connections.values()):
            connection.end(WSCloseCode.GOING_AWAY)

    # ------------------------------------------------------------------------------------------ what can be asked

    async def _healthz(self, _: web.Request) -> web.Response:
        ready = self.ready and not self.host.problem
        told = {
            "status": "ok" if ready else "loading",
            "engine": self._engine,
            "sessions": len(self._connections),
            "max_sessions": self._max_sessions,
        }
        return web.json_response(told, status=200 if ready else 503)

    async def _held(self) -> tuple[dict[str, int], int]:
        """Returns what the engine's stores hold, and the bytes of audio that wait for it."""
        try:
            return await self.host.ask(
                lambda server: (dict(_recognition(server).engine.held()), _recognition(server).waiting_bytes())
            )
        except HostLost:
            return {}, 0

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        held, waiting = await self._held()
        self._metrics.held(held)
        self._metrics.waiting.set(waiting / 2 / max(self.host.sample_rate, 1))
        return web.Response(body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _debug_sessions(self, _: web.Request) -> web.Response:
        held, waiting = await self._held()
        sessions = [
            {
                "id": request_id,
                "peer": connection.peer,
                "age_s": round(time.monotonic() - connection.since, 1),
                "heard_samples": connection.session.heard,
                "waiting_bytes": connection.session.waiting_bytes,
            }
            for request_id, connection in self._connections.items()
        ]
        told = {"open": len(sessions), "sessions": sessions, "held": held}
        return web.json_response(told | {"bytes": {"waiting": waiting, "resident": _resident_bytes()}})


def _recognition(server: EngineServer) -> RecognitionServer:
    assert isinstance(server, RecognitionServer)
    return server


def _resident_bytes() -> int:
    """The resident memory of this process in bytes (Linux: /proc/self/statm); 0 if it is unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * 4096
