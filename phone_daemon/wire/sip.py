"""The SIP side of the daemon: as many line cards as the settings say, each of which is replaced if it dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Self

from phone_daemon.settings.daemons import RTP_PORTS
from phone_daemon.settings.rtp_ports import blocks
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire import protocol
from phone_daemon.wire.card_failed import CardFailed, PortInUse
from phone_daemon.wire.line_card_process import LineCard, new_call_id
from phone_daemon.wire.sip_line import CallRefused, IncomingCall, SipLine
from phone_daemon.wire.trunks import Trunks
from sidecars.log import Event

__all__ = ["CallRefused", "CardFailed", "IncomingCall", "LineCard", "LineCards", "PortInUse", "SipLine", "new_call_id"]

logger = logging.getLogger(__name__)

FIRST_DELAY_S, LAST_DELAY_S = 0.05, 10.0
"""The delay before a dead card is replaced, and the longest delay if its successors keep dying."""
STEADY_S = 10.0
"""A card that lived for this long did not fail because of its start."""


class LineCards:
    """The line cards in the settings, on consecutive ports. `async with` starts and ends them."""

    def __init__(
        self, settings: SipSettings, *, trunks: Trunks | None = None, new_id: Callable[[], str] = new_call_id
    ) -> None:
        self._settings = settings
        self._trunks = trunks or Trunks()
        self._new_id = new_id
        self._incoming: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._cards: list[LineCard] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        count = self._settings.cards
        started = await asyncio.gather(*(self._start(at) for at in range(count)), return_exceptions=True)
        self._cards = [card for card in started if isinstance(card, LineCard)]
        if len(self._cards) < count:
            await self._close()
            raise next(failure for failure in started if isinstance(failure, BaseException))
        self._keepers = [asyncio.create_task(self._keep(at), name=f"line card {at}") for at in range(count)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._close()

    async def _close(self) -> None:
        await asyncio.gather(*(card.close() for card in self._cards))

    @property
    def queue(self) -> asyncio.Queue[IncomingCall]:
        """The queue of calls that wait for an answer; cards other than these may add theirs."""
        return self._incoming

    @property
    def ports(self) -> tuple[int, ...]:
        """SIP ports, one per card."""
        return tuple(card.port for card in self._cards)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids, one per card; a dead card's until it is replaced."""
        return tuple(card.pid for card in self._cards)

    @property
    def max_calls(self) -> int:
        """The number of calls that all cards can carry together."""
        return sum(card.max_calls for card in self._cards)

    @property
    def alive(self) -> int:
        """The number of cards that take calls."""
        return sum(card.alive for card in self._cards)

    async def incoming(self) -> AsyncIterator[IncomingCall]:
        """Yields calls that wait for an answer, from any card. Never ends by itself."""
        while True:
            call = await self._incoming.get()
            if call.gone:
                logger.info(Event("call.abandoned", call=call.id, reason="over before the daemon came to it"))
            else:
                yield call

    async def place(self, uri: str, caller: str = "", trunk: str = "") -> SipLine:
        """`LineCard.place` on the card with the fewest calls."""
        return await min(self._cards, key=lambda card: (not card.alive, card.live)).place(uri, caller, trunk)

    async def stats(self) -> list[protocol.Stats]:
        """The statistics of every living card."""
        return await asyncio.gather(*(card.stats() for card in self._cards if card.alive))

    def drain(self) -> None:
        """Refuses new calls on every card."""
        for card in self._cards:
            card.drain()

    async def _start(self, at: int, port: int | None = None) -> LineCard:
        sip = self._settings
        if port is None:
            port = sip.port and sip.port + at
        rtp = blocks(sip.rtp_ports, sip.cards)[at] if sip.rtp_ports else range(0)
        if sip.rtp_port:
            first = sip.rtp_port + at * RTP_PORTS
            rtp = range(first, first + RTP_PORTS)
        guarded = ("--guarded",) if len(self._trunks) else ()
        card = await LineCard.start(
            sip, port=port, rtp_ports=rtp, incoming=self._incoming, new_id=self._new_id, extra=guarded
        )
        self._trunks.adopt(at, card)
        return card

    async def _keep(self, at: int) -> None:
        """Replaces the card in place `at` whenever it dies: at once, and then more and more slowly if it keeps
        dying."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_S
        while True:
            started = loop.time()
            card = self._cards[at]
            # Shielded, because cancelling this task must not cancel the card's own future.
            await asyncio.shield(card.died)
            await card.close()
            delay = FIRST_DELAY_S if loop.time() - started > STEADY_S else min(2 * delay, LAST_DELAY_S)
            while True:
                await asyncio.sleep(delay)
                try:
                    self._cards[at] = await self._start(at, card.port)
                    self._cards[at].bury(card)
                    break
                except CardFailed as error:
                    delay = min(2 * delay, LAST_DELAY_S)
                    logger.error("%s; tried again in %g s", error, delay)
