"""The daemon's trunks: keeps each registered, checks whether it is reachable, and reports its state.

A registrar that refuses an account is asked less and less often, because it might lock the account. If one does not
answer, the next in the list is tried. Names are looked up here, again and again, and never in a line card, whose calls
a slow name server would silence. Only the first card registers: a registrar that knew several would ring all of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from phone_daemon.settings.trunks import SIP_PORT, RegisterKeys, TrunkSettings, host_port, secret
from phone_daemon.wire import protocol
from phone_daemon.wire.line_card.admission import Rule, encode
from phone_daemon.wire.line_card.challenge import OFFERED
from phone_daemon.wire.line_card_process import LineCard
from phone_daemon.wire.resolved_names import LOOK_AGAIN_S
from phone_daemon.wire.srv import LookupFailed, Target, lookup
from phone_daemon.wire.trunk import Standing, Trunk
from sidecars.log import Event

log = logging.getLogger(__name__)

ANSWER_S = 40.0
"""A card that has not reported the outcome of a REGISTER for this long never will: transactions take at most 32 s."""
OPTIONS_S = 6.0
"""How long to wait for an answer to OPTIONS."""
MAX_TARGETS = 4
"""The most addresses of one registrar that are tried in one round."""
REFUSED = frozenset({401, 403, 404, 407})
"""Statuses that mean that the account is wrong, as it would be at the provider's other registrars."""
NOBODY = "phone-daemon"
"""Our user name if a trunk has neither an account nor a caller id."""
Resolve = Callable[[str, str], Awaitable[Sequence[Target]]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between failed attempts, doubled from the first value up to the last."""

    refused_s: tuple[float, float] = (60.0, 3600.0)
    silent_s: tuple[float, float] = (4.0, 120.0)


class Trunks:
    """The trunks of one daemon. `async with` starts and ends the tasks that maintain them; `adopt` adds line cards.

    `count` is called with the trunk and outcome of each registration attempt. `edge`: `address:port` of an edge, which
    then registers the accounts and passes calls on; empty if there is none.
    """

    def __init__(
        self,
        settings: Sequence[TrunkSettings] = (),
        *,
        edge: str = "",
        backoff: Backoff = Backoff(),
        resolve: Resolve = lookup,
        environ: Mapping[str, str] = os.environ,
        count: Callable[[str, str], None] = lambda trunk, outcome: None,
    ) -> None:
        self._trunks = {each.name: Trunk(each) for each in settings}
        self._edge = edge
        self._backoff = backoff
        self._resolve = resolve
        self._environ = environ
        self._count = count
        self._cards: dict[int, LineCard] = {}
        self._has_card = asyncio.Event()
        self._reports: dict[str, asyncio.Queue[protocol.Registered]] = {name: asyncio.Queue() for name in self._trunks}
        self._there = {name: asyncio.Event() for name in self._trunks}
        self._told: dict[str, str] = {}
        """What was last logged about each trunk."""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for trunk in self._trunks.values():
            if self._edge:
                trunk.route = self._edge
                continue
            if trunk.settings.register is not None:
                trunk.standing = Standing.TRYING
                self._start(self._keep(trunk, trunk.settings.register))
            if trunk.settings.names:
                self._start(self._follow(trunk))
            if trunk.settings.options_s:
                self._start(self._ask(trunk))
        return self

    def _start(self, what: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(what, name="trunk"))

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __iter__(self) -> Iterator[Trunk]:
        return iter(self._trunks.values())

    def __len__(self) -> int:
        return len(self._trunks)

    def get(self, name: str) -> Trunk | None:
        return self._trunks.get(name)

    @property
    def trusted(self) -> frozenset[str]:
        """The trunks that are trusted to say who calls."""
        return frozenset(name for name, trunk in self._trunks.items() if trunk.settings.trust)

    @property
    def problem(self) -> str:
        """Which trunks are unavailable, and why, in one line; empty if all are available."""
        return "; ".join(f"{name}: {trunk.detail}" for name, trunk in self._trunks.items() if trunk.detail)

    # ------------------------------------------------------------------------------------------------ line cards

    def adopt(self, at: int, card: LineCard) -> None:
        """`card` now has place `at`; the card that had it before is gone."""
        self._cards[at] = card
        card.trunks = self
        if not self._trunks:
            return
        self._admit(card)
        for name, trunk in self._trunks.items():
            if at == 0 and trunk.settings.register is not None and not self._edge:
                self._reports[name].put_nowait(protocol.Registered(name, 0, "the line card was replaced", 0))
            elif trunk.route:
                card.send(0, self._account(trunk))
        self._has_card.set()

    def take(self, message: protocol.Registered | protocol.OptionsAnswered) -> None:
        """Takes a card's report about a trunk."""
        if isinstance(message, protocol.OptionsAnswered):
            self._there[message.trunk].set()
        elif message.trunk in self._reports:
            self._reports[message.trunk].put_nowait(message)

    def leave(self) -> None:
        """Removes every registration, so that no more calls come in."""
        for task in self._tasks:
            task.cancel()
        for card in self._cards.values():
            card.send(0, protocol.SetReady(ready=False))
            card.send(0, protocol.Unregister())
        for trunk in self._trunks.values():
            if trunk.standing is Standing.REGISTERED:
                self._stand(trunk, Standing.LEFT)
                log.info(Event("trunk.unregistered", trunk=trunk.settings.name))

    def _admit(self, card: LineCard) -> None:
        if self._edge:
            rules = [Rule("", (self._edge.rpartition(":")[0],))]
        else:
            rules = [
                Rule(name, trunk.networks, tuple(sorted(map(str, trunk.peers.known))), self._line(trunk))
                for name, trunk in self._trunks.items()
            ]
        card.send(0, protocol.Admit(encode(rules)))

    @staticmethod
    def caller(trunk: Trunk) -> str:
        """Our number in calls through `trunk`."""
        register = trunk.settings.register
        return trunk.settings.caller_id or (register.user if register else NOBODY)

    def uri(self, trunk: Trunk, number: str) -> str:
        """The URI to call for `number` through `trunk`."""
        host = self._account(trunk).domain
        if self._edge:
            # It looks at nothing else.
            host = f"{trunk.settings.proxy or host};transport={trunk.settings.transport}"
        return f"sip:{number}@{host}"

    @staticmethod
    def _line(trunk: Trunk) -> str:
        return trunk.line if trunk.settings.register is not None else ""

    def _account(self, trunk: Trunk, password: str = "", expires: int = 0) -> protocol.Account:
        settings, register = trunk.settings, trunk.settings.register
        where = trunk.registrar or settings.proxy or (register.registrar[0] if register else "") or trunk.route
        user = register.user if register else self.caller(trunk)
        return protocol.Account(
            trunk=settings.name,
            user=user,
            domain=host_port(where)[0],
            registrar=where,
            route=trunk.route + (";transport=tcp" if settings.transport == "tcp" and not self._edge else ""),
            line=self._line(trunk),
            auth_user=register.auth_user if register else "",
            realm=register.realm if register else "*",
            password=password,
            expires=expires,
        )

    # ---------------------------------------------------------------------------------------------- registration

    async def _keep(self, trunk: Trunk, register: RegisterKeys) -> None:
        """Keeps the trunk registered, and registers it again whenever the registration is lost."""
        pause_s = 0.0
        while True:
            report = await self._try_registrars(trunk, register)
            name = trunk.settings.name
            if report.expires:
                pause_s = 0.0
                trunk.expires_s = report.expires
                self._stand(trunk, Standing.REGISTERED)
                self._count(name, "registered")
                if self._told.get(name) != trunk.registrar:
                    self._told[name] = trunk.registrar
                    log.info(Event("trunk.registered", trunk=name, registrar=trunk.registrar, seconds=report.expires))
                while (report := await self._reports[name].get()).expires:
                    trunk.expires_s = report.expires  # Renewed.
                    self._count(name, "registered")
                continue
            refused = report.code in REFUSED
            first, last = self._backoff.refused_s if refused else self._backoff.silent_s
            pause_s = min(max(2 * pause_s, first), last)
            self._fail(trunk, report, refused, pause_s)
            # Spread out, so that not all customers of a provider register at the same moment.
            await asyncio.sleep(pause_s * random.uniform(0.9, 1.1))

    def _fail(self, trunk: Trunk, report: protocol.Registered, refused: bool, pause_s: float) -> None:
        name, said = trunk.settings.name, f"{report.code or ''} {report.reason}".strip()
        trunk.failures += 1
        trunk.expires_s = 0
        self._count(name, "refused" if refused else "unreachable")
        self._stand(trunk, Standing.REFUSED if refused else Standing.UNREACHABLE, f"{trunk.registrar}: {said}")
        if self._told.get(name) == trunk.detail:
            return  # Logging it once is enough; attempts continue.
        self._told[name] = trunk.detail
        if OFFERED in report.reason:
            remedy = "ask the provider for an account that these suffice for"
        elif refused:
            remedy = "check the user and password of its account"
        else:
            remedy = "check the name of its registrar, and the network"
        about = {"trunk": name, "registrar": trunk.registrar, "answer": said, "again_s": round(pause_s)}
        log.error(Event("trunk.failed", **about, remedy=remedy))

    async def _try_registrars(self, trunk: Trunk, register: RegisterKeys) -> protocol.Registered:
        """The answer of the first registrar that accepts or rejects the account; otherwise the last one's answer."""
        name, transport = trunk.settings.name, trunk.settings.transport
        report = protocol.Registered(name, 0, "", 0)
        for registrar in register.registrar:
            trunk.registrar = registrar
            try:
                password = secret(register, self._environ)
                targets = await self._resolve(trunk.settings.proxy or registrar, transport)
            except (LookupFailed, ValueError) as error:
                report = protocol.Registered(name, 0, str(error), 0)
                continue
            trunk.peers.take(targets, asyncio.get_running_loop().time())
            for target in targets[:MAX_TARGETS]:
                await self._has_card.wait()
                trunk.route = str(target)
                trunk.attempts += 1
                report = await self._register(trunk, password, register.expires_s)
                if report.expires or report.code in REFUSED:
                    return report
        return report

    async def _register(self, trunk: Trunk, password: str, expires: int) -> protocol.Registered:
        name = trunk.settings.name
        reports = self._reports[name]
        while not reports.empty():
            reports.get_nowait()
        for at, card in self._cards.items():
            self._admit(card)
            card.send(0, self._account(trunk, password, 0 if at else expires))
        try:
            async with asyncio.timeout(ANSWER_S):
                return await reports.get()
        except TimeoutError:
            return protocol.Registered(name, 408, "no answer", 0)

    # ------------------------------------------------------------------------------------------- where a trunk is

    async def _follow(self, trunk: Trunk) -> None:
        """Looks up the trunk's names again and again, and updates who may call and where requests are sent."""
        while True:
            found = await self._look_up(trunk)
            await asyncio.sleep(LOOK_AGAIN_S if found else self._backoff.silent_s[0])

    async def _look_up(self, trunk: Trunk) -> bool:
        """Looks up each of the trunk's names; returns whether all were found."""
        settings, clock = trunk.settings, asyncio.get_running_loop().time
        before = trunk.peers.known, trunk.sources.known
        found = True
        for name in settings.names:
            try:
                targets = await self._resolve(name, settings.transport)
            except LookupFailed as error:
                found = False
                if not (trunk.sources.known if name in settings.addresses else trunk.route):
                    self._tell_absence(trunk, str(error))
                continue
            (trunk.sources if name in settings.addresses else trunk.peers).take(targets, clock())
            if name == settings.proxy and settings.register is None and trunk.route not in map(str, targets):
                await self._has_card.wait()
                trunk.route = str(targets[0])
                for card in self._cards.values():
                    card.send(0, self._account(trunk))
        if found and not settings.options_s:
            self._tell_presence(trunk)
        if (trunk.peers.known, trunk.sources.known) != before:
            for card in self._cards.values():
                self._admit(card)
        if found and trunk.standing is Standing.REGISTERED and trunk.peers.has_left(trunk.route, clock()):
            # The card reports when this is done, and then `_keep` registers again.
            self._stand(trunk, Standing.TRYING)
            self._cards[0].send(0, protocol.Unregister(settings.name))
        return found

    async def _ask(self, trunk: Trunk) -> None:
        """Checks with OPTIONS whether the trunk is reachable; two without an answer mean that it is not."""
        name, unanswered = trunk.settings.name, 0
        there = self._there[name]
        while True:
            if trunk.route and 0 in self._cards:
                there.clear()
                transport = ";transport=tcp" if trunk.settings.transport == "tcp" else ""
                self._cards[0].send(0, protocol.AskOptions(name, f"sip:{trunk.route}{transport}"))
                try:
                    async with asyncio.timeout(min(OPTIONS_S, trunk.settings.options_s)):
                        await there.wait()
                    unanswered = 0
                    self._tell_presence(trunk)
                except TimeoutError:
                    unanswered += 1
                    if unanswered > 1:
                        self._tell_absence(trunk, "OPTIONS is not answered")
            await asyncio.sleep(trunk.settings.options_s)

    def _tell_presence(self, trunk: Trunk) -> None:
        if trunk.standing is Standing.UNREACHABLE and trunk.settings.register is None:
            log.info(Event("trunk.reachable", trunk=trunk.settings.name, address=trunk.route))
            self._stand(trunk, Standing.READY)

    def _tell_absence(self, trunk: Trunk, why: str) -> None:
        if trunk.settings.register is None and trunk.standing is not Standing.UNREACHABLE:
            where = trunk.route or trunk.settings.proxy
            log.error(Event("trunk.unreachable", trunk=trunk.settings.name, address=where, reason=why))
            self._stand(trunk, Standing.UNREACHABLE, why)

    def _stand(self, trunk: Trunk, standing: Standing, detail: str = "") -> None:
        if trunk.standing is not standing:
            trunk.since = time.time()
        trunk.standing, trunk.detail = standing, detail


def edge_address(inner: str, port: int) -> str:
    """The edge's address as line cards see it."""
    return f"{inner}:{port or SIP_PORT}"
