"""An account moves to its next registrar when one does not answer, and back to the first when that answers again.

Kamailio's uac keeps one registrar per account and retries it forever; this module replaces the account's entry by one
with another registrar. Kamailio also counts a registration's lifetime by the wall clock, so it is told to renew when
that clock is set.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ops.edge.plan import Account, Plan
from ops.edge.rpc import NoAnswer, call
from ops.reachable import answers
from sidecars.log import Event

log = logging.getLogger(__name__)

LOOK_S = 1.0
RETURN_S = 120.0
"""While the account is at another registrar, the interval between OPTIONS to the first, to see whether it is back."""
ROUND_S = (8.0, 120.0)
"""Pause before all registrars are tried again if none answered: the first pause, doubled up to the last."""
STEP_S = 5.0
"""If the wall clock advances by this much more or less than it should, it was set."""
_ONGOING, _ONLINE, _TRIED = 2, 4, 16
"""Flags of the uac module (uac_reg.c)."""
_ANSWER = re.compile(r"authentication failed for <([^>]*)>|got sip response (\d+) while registering \[([^\]]*)\]")
REFUSED = frozenset({401, 403, 404, 407, 423})
"""The registrar is reachable: the account is wrong, and would be wrong at the next one, too."""


class Registrars:
    """`said` are Kamailio's last lines: only they say why a registration failed."""

    def __init__(self, plan: Plan, said: Callable[[], Iterable[str]]) -> None:
        self._plan = plan
        self._said = said
        self._accounts = {account.trunk: account for account in plan.accounts}
        """By trunk; their targets change when their names lead elsewhere."""
        self._moved: dict[str, float] = {}
        self._pause: dict[str, float] = {}
        self._offset = time.time() - time.monotonic()

    def take(self, accounts: Iterable[Account]) -> None:
        """The accounts with the registrars that they may use from now on."""
        self._accounts = {account.trunk: account for account in accounts}

    async def follow(self) -> None:
        """Runs until canceled."""
        while self._accounts:
            await asyncio.sleep(LOOK_S)
            try:
                shown = await call(self._plan.control, "uac.reg_dump")
                for record in shown:
                    if account := self._accounts.get(record["l_uuid"]):
                        await self._look(account, record, time.monotonic())
                await self._watch_clock()
            except NoAnswer:
                continue  # It is being restarted.
        await asyncio.Event().wait()

    async def _look(self, account: Account, record: Mapping[str, Any], now: float) -> None:
        flags, trunk = int(record["flags"]), account.trunk
        places = [target.uri for target in account.targets]
        if record["auth_proxy"] not in places:
            await self._move(account, record, 0, now)
            return
        if len(places) == 1:
            return
        at = places.index(record["auth_proxy"])
        moved = self._moved.setdefault(trunk, now)
        if flags & _ONLINE:
            self._pause.pop(trunk, None)
            if at and now - moved >= RETURN_S:
                self._moved[trunk] = now
                # Not before it is there: outgoing calls go where the account is.
                if await answers(places[0], self._plan.edge.bind):
                    await self._move(account, record, 0, now)
        elif flags & _TRIED and not flags & _ONGOING and last_answer(trunk, self._said()) not in REFUSED:
            if at + 1 < len(places):
                await self._move(account, record, at + 1, now)
            elif now - moved >= self._pause.get(trunk, ROUND_S[0]):
                self._pause[trunk] = min(2 * self._pause.get(trunk, ROUND_S[0]), ROUND_S[1])
                await self._move(account, record, 0, now)

    async def _move(self, account: Account, record: Mapping[str, Any], to: int, now: float) -> None:
        target, keys, control = account.targets[to], account.keys, self._plan.control
        self._moved[account.trunk] = now
        log.warning(Event("edge.registrar", trunk=account.trunk, registrar=target.uri, instead_of=record["auth_proxy"]))
        realm = "" if keys.realm == "*" else keys.realm
        who = (account.trunk, keys.user, record["l_domain"], keys.user, target.domain, realm)
        what = (keys.auth_user or keys.user, account.password, ".", target.uri, keys.expires_s, 0, 0)
        await call(control, "uac.reg_remove", account.trunk)
        await call(control, "uac.reg_add", *who, *what, record["socket"], record["contact_addr"])

    async def _watch_clock(self) -> None:
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > STEP_S:
            for trunk in self._accounts:
                await call(self._plan.control, "uac.reg_refresh", trunk)
        self._offset = offset


def last_answer(trunk: str, said: Iterable[str]) -> int:
    """The last answer of the last registrar asked for `trunk`, as a status; 0 if Kamailio has complained of none."""
    code = 0
    for line in said:
        if found := _ANSWER.search(line):
            refused, status, asked = found.groups()
            if trunk in (refused, asked):
                code = int(status or 401)
    return code
