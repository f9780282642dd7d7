"""Line cards that daemons have announced in the Redis that they share: `[edge] discover`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Self

from ops.edge.plan import Card, EdgeError, Plan, cards_in, cards_of
from ops.edge.render import rewrite
from ops.edge.rpc import NoAnswer, call
from phone_daemon.settings.settings import Settings
from phone_daemon.state.client import blame, connect, where
from phone_daemon.state.store import DAEMONS, daemon_key
from sidecars.log import Event

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Interval between two polls, and so the delay until an added machine, or an expired lease, is noticed."""


class Leases:
    """How long a daemon's announcement is used past its lease, to cover the time until the lease is renewed.

    Redis expires leases by its wall clock: if that is set forward, all of them expire at once. A machine that is really
    gone is skipped sooner than this, because its cards do not answer.
    """

    def __init__(self, renewed_s: float) -> None:
        self._renewed_s = renewed_s
        self._last: dict[str, tuple[str, float]] = {}

    def kept(self, told: Mapping[str, str], now: float) -> list[str]:
        """The line cards of each daemon: those in `told`, and those announced recently by a daemon that has not signed
        off.
        """
        self._last = {daemon: last for daemon, last in self._last.items() if daemon in told}
        self._last.update({daemon: (text, now) for daemon, text in told.items() if text})
        return [card for text, at in self._last.values() if now - at <= self._renewed_s for card in text.split()]


class Discovery:
    """`async with Discovery(settings) as discovery`. Uses Redis only if `[edge] discover` is set."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis = connect(settings.state) if settings.edge.discover else None
        self._leases = Leases(settings.state.lease_s / 3 + LOOK_S)
        self._said = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def cards(self, known: Iterable[Card]) -> tuple[Card, ...]:
        """`known`, plus the cards of every daemon whose lease holds; `known` alone if Redis is unavailable."""
        found = set(known)
        if self._redis is None:
            return tuple(sorted(found))
        try:
            ids = await self._redis.execute_command("SMEMBERS", DAEMONS)  # type: ignore[no-untyped-call]
            told: dict[str, str] = {}
            for daemon in ids:
                text = await self._redis.execute_command("HGET", daemon_key(daemon), "cards")  # type: ignore[no-untyped-call]
                told[str(daemon)] = text or ""
            for text in self._leases.kept(told, time.monotonic()):
                found.update(cards_in(text))
            self._said = ""
        except EdgeError as error:
            self._say(str(error))
        except Exception as error:
            self._say(f"{where(self._settings.state)}: {blame(error)}")
            raise NoAnswer(self._said) from None
        return tuple(sorted(found))

    async def follow(self, plan: Plan) -> None:
        """Gives Kamailio the new list whenever it changes; runs until canceled. Without Redis, the last list stays in
        force.
        """
        if self._redis is None:
            await asyncio.Event().wait()
        now = plan.cards
        fixed = cards_of(self._settings)
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                cards = await self.cards(fixed)
                if cards == now:
                    continue
                rewrite(replace(plan, cards=cards), "dispatcher.list")
                await call(plan.control, "dispatcher.reload")
                log.info(Event("edge.cards", count=len(cards)))
                now = cards
            except NoAnswer as error:
                self._say(str(error))

    def _say(self, problem: str) -> None:
        """Logs each problem once."""
        if problem != self._said:
            log.warning(Event("edge.discovery_failed", reason=problem))
        self._said = problem
