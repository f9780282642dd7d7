"""Follows trunks whose names resolve to new addresses: Kamailio gets the new list of who may call, and accounts are
moved.

Kamailio keeps addresses, not names, in that list, and looks up no services (SRV) for accounts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ops.edge.plan import Account, EdgeError, Plan, Registrar, Trunk, plan_of
from ops.edge.render import rewrite
from ops.edge.rpc import NoAnswer, call
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.trunks import host_port, is_numeric
from phone_daemon.wire.resolved_names import LEFT_S, LOOK_AGAIN_S, TRUSTED_S
from sidecars.log import Event

log = logging.getLogger(__name__)


class Seen:
    """The recent results of looking up the names of all trunks. Pure; times are seconds of a monotonic clock."""

    def __init__(self, plan: Plan, now: float) -> None:
        self._networks: dict[tuple[str, str], float] = {}
        self._targets: dict[tuple[str, Registrar], float] = {}
        self.take(plan, now)

    def take(self, plan: Plan, now: float) -> Plan:
        """`plan`, whose names have just been looked up, with their recent addresses added, because answers may rotate
        among more addresses than each contains.
        """
        lost = {name.trunk for name in plan.unknown}
        # While the name server does not answer, a trunk's previous addresses stay in force.
        self._networks |= {key: now for key in self._networks if key[0] in lost}
        self._targets |= {key: now for key in self._targets if key[0] in lost}
        self._networks |= {(trunk.name, network): now for trunk in plan.trunks for network in trunk.networks}
        self._networks = {key: at for key, at in self._networks.items() if now - at <= TRUSTED_S}
        self._targets |= {(account.trunk, target): now for account in plan.accounts for target in account.targets}
        self._targets = {key: at for key, at in self._targets.items() if now - at <= LEFT_S}
        return replace(
            plan, trunks=tuple(map(self._trunk, plan.trunks)), accounts=tuple(map(self._account, plan.accounts))
        )

    def _trunk(self, trunk: Trunk) -> Trunk:
        return replace(trunk, networks=tuple(sorted(each for name, each in self._networks if name == trunk.name)))

    def _account(self, account: Account) -> Account:
        earlier = (each for name, each in self._targets if name == account.trunk and each not in account.targets)
        return replace(account, targets=(*account.targets, *earlier))


async def follow(settings: Settings, plan: Plan, tell: Callable[[Sequence[Account]], None]) -> None:
    """Runs until canceled. `tell` gets the accounts with their current registrars."""
    names = [name for trunk in settings.trunk for name in trunk.names]
    if all(is_numeric(host_port(name)[0]) for name in names):
        await asyncio.Event().wait()
    seen = Seen(plan, time.monotonic())
    now, said = _places(plan), "; ".join(map(str, plan.unknown))
    while True:
        await asyncio.sleep(LOOK_AGAIN_S)
        try:
            found = seen.take(await asyncio.to_thread(plan_of, settings, plan.source), time.monotonic())
            tell(found.accounts)
            if (places := _places(found)) != now:
                rewrite(found, "address.list", "accounts/uacreg")
                await call(plan.control, "permissions.addressReload")
                log.info(Event("edge.trunks", addresses=sum(len(trunk.networks) for trunk in found.trunks)))
                now = places
            problem = "; ".join(map(str, found.unknown))
        except (EdgeError, NoAnswer) as error:
            problem = str(error)
        if problem and problem != said:
            log.warning(Event("edge.lookup_failed", reason=problem))
        said = problem


def _places(plan: Plan) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, Registrar]]]:
    """The addresses from which calls come, and the registrars of accounts, in any order."""
    return (
        frozenset((trunk.name, network) for trunk in plan.trunks for network in trunk.networks),
        frozenset((account.trunk, target) for account in plan.accounts for target in account.targets),
    )
