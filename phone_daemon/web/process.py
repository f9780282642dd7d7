"""The web process, as the daemon sees it: another line card, which it starts, replaces when it dies, and sends every
note."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Self

from phone_daemon.events import Note
from phone_daemon.settings.settings import Settings
from phone_daemon.web.hand_over import TOKENS_VARIABLE, HandOver, make_token
from phone_daemon.wire.sip import CardFailed, IncomingCall, LineCard, new_call_id
from sidecars.log import Event

log = logging.getLogger(__name__)

MODULE = "phone_daemon.web"
START_S = 30.0
"""Allows for the many libraries that it loads, and for a busy machine."""
FIRST_DELAY_S, LAST_DELAY_S = 0.1, 10.0
"""The delays before the next process is started: the first one, and the longest if it keeps dying."""
STEADY_S = 10.0


class WebProcess:
    """`async with` starts and ends the web process. Its calls come to `incoming`, like those of the line cards."""

    def __init__(
        self,
        settings: Settings,
        incoming: asyncio.Queue[IncomingCall],
        *,
        called: str,
        health_port: int,
        environ: Mapping[str, str],
        new_id: Callable[[], str] = new_call_id,
    ) -> None:
        made = "" if settings.web.tokens or environ.get(TOKENS_VARIABLE) else make_token()
        self._settings = settings
        self._incoming = incoming
        self._hand_over = HandOver(settings, called, made, health_port)
        self._new_id = new_id
        self._port = settings.web.port
        self._card: LineCard | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises `PortInUse`, `CardFailed`."""
        self._card = await self._start()
        self._port = self._card.port
        self._keeper = asyncio.create_task(self._keep(self._card), name="web process")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._card is not None:
            await self._card.close()

    @property
    def port(self) -> int:
        """The web server's TCP port."""
        return self._port

    @property
    def pid(self) -> int:
        """The process id; a dead process's until it is replaced."""
        assert self._card is not None
        return self._card.pid

    @property
    def alive(self) -> bool:
        return self._card is not None and self._card.alive

    @property
    def link(self) -> str:
        """The link that a person opens; it includes the token if one was made."""
        bind = self._settings.web.bind
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, f"[{bind}]" if ":" in bind else bind)
        token = self._hand_over.token
        return f"http://{host}:{self.port}/{f'?token={token}' if token else ''}"

    def tell(self, note: Note) -> None:
        """Passes on a note of any call; returns at once."""
        if self._card is not None:
            self._card.tell(note)

    async def _start(self) -> LineCard:
        web = self._settings.web
        card = await LineCard.launch(
            MODULE,
            (),
            self._settings.sip,
            f"web port {web.bind}:{self._port}/tcp is in use: stop what holds it (`ss -ltnp`), or set another `port` "
            "under [web]",
            # If any port was allowed, this one is kept from now on.
            told=replace(self._hand_over, settings=_with_port(self._settings, self._port)).encode(),
            name="web process",
            start_s=START_S,
            incoming=self._incoming,
            new_id=self._new_id,
        )
        card.may_join = True
        return card

    async def _keep(self, card: LineCard) -> None:
        """Replaces the process whenever it dies: soon at first, then ever more slowly if it keeps dying."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_S
        while True:
            started = loop.time()
            await asyncio.shield(card.died)
            await card.close()
            delay = FIRST_DELAY_S if loop.time() - started > STEADY_S else min(2 * delay, LAST_DELAY_S)
            while True:
                await asyncio.sleep(delay)
                try:
                    card = self._card = await self._start()
                    break
                except CardFailed as error:
                    delay = min(2 * delay, LAST_DELAY_S)
                    log.error(Event("web.not_started", reason=error, again_in_s=delay))


def _with_port(settings: Settings, port: int) -> Settings:
    return replace(settings, web=replace(settings.web, port=port))
