"""The line card's accounts: one for each trunk that carries outbound calls, registered if the daemon asks for it.

A registration is renewed before it expires. If that fails, the daemon is told, and decides which registrar to ask next,
and when; pjsua itself does not retry.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from phone_daemon.wire import protocol
from phone_daemon.wire.line_card.guarded import guarded

RENEW = 0.75
"""The share of its lifetime after which a registration is renewed. (pjsua would renew it a fixed time before its end,
and miscalculates if the registrar grants less than that.)"""


class CardAccount(pj.Account):  # type: ignore[misc]
    """Takes calls but no subscriptions; a trunk's account also reports the state of its registration."""

    def __init__(
        self, incoming: Callable[[Any], None], report: Callable[[protocol.Registered], None], trunk: str = ""
    ) -> None:
        super().__init__()
        self._incoming = incoming
        self._report = report
        self._trunk = trunk
        self.registered = False
        self.leaving = False
        """Whether to remove the registration as soon as nothing else is being asked of the registrar."""
        self.renew_at = float("inf")
        self.domain = ""
        """The domain of our addresses at this trunk."""

    @guarded
    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        self._incoming(prm)

    @guarded
    def onIncomingSubscribe(self, prm: Any) -> None:  # noqa: N802
        prm.code = pj.PJSIP_SC_FORBIDDEN

    @guarded
    def onRegState(self, prm: Any) -> None:  # noqa: N802
        self.registered = prm.code // 100 == 2 and prm.expiration > 0
        expires = int(prm.expiration) if self.registered else 0
        self.renew_at = time.monotonic() + RENEW * expires if expires else float("inf")
        self._report(protocol.Registered(self._trunk, int(prm.code), str(prm.reason), expires))


class Accounts:
    """`base` makes the configuration that all accounts share; `main` answers everything that does not belong to a
    trunk."""

    def __init__(
        self,
        base: Callable[[], Any],
        incoming: Callable[[Any], None],
        report: Callable[[protocol.Registered], None],
    ) -> None:
        self._base = base
        self._incoming = incoming
        self._report = report
        self._trunks: dict[str, CardAccount] = {}
        self.main = CardAccount(incoming, report)
        self.main.create(base())

    def knows(self, trunk: str) -> bool:
        """Whether calls of `trunk` can go out by its own account."""
        return trunk in self._trunks

    def of(self, trunk: str) -> CardAccount:
        """The account by which a call of `trunk` goes out. Raises `LookupError`."""
        return self._trunks[trunk] if trunk else self.main

    def set(self, wanted: protocol.Account) -> None:
        """Creates or changes the account of a trunk, and registers it unless `expires` is 0."""
        config = self._config(wanted)
        account = self._trunks.get(wanted.trunk)
        if account is None:
            account = CardAccount(self._incoming, self._report, wanted.trunk)
            account.create(config)
            self._trunks[wanted.trunk] = account
        else:
            # Not created anew, because calls may be using it.
            account.modify(config)
        account.leaving = False
        account.domain = wanted.domain
        if wanted.expires:
            account.setRegistration(True)

    def _config(self, wanted: protocol.Account) -> Any:
        config = self._base()
        config.idUri = f"sip:{wanted.user}@{wanted.domain}"
        sip, registration = config.sipConfig, config.regConfig
        # Hidden: the registrar is reached through it but sees no Route header.
        sip.proxies.append(f"sip:{wanted.route};lr;hide")
        if wanted.line:
            sip.contactUriParams = f";line={wanted.line}"
        if wanted.password:
            sip.authCreds.append(
                pj.AuthCredInfo("digest", wanted.realm, wanted.auth_user or wanted.user, 0, wanted.password)
            )
        config.natConfig.sipOutboundUse = 0
        registration.registerOnAdd = False
        registration.disableRegOnModify = True
        registration.retryIntervalSec = registration.firstRetryIntervalSec = 0
        if wanted.expires:
            registration.registrarUri = f"sip:{wanted.registrar}"
            registration.timeoutSec = wanted.expires
            registration.delayBeforeRefreshSec = 1
        return config

    def unregister(self, trunk: str = "") -> None:
        """Removes the registration of `trunk`, or of all trunks."""
        for name, account in self._trunks.items():
            account.leaving = account.leaving or trunk in ("", name)

    def watch(self, now: float) -> None:
        """Call this at every tick."""
        for account in self._trunks.values():
            if account.registered and (account.leaving or now >= account.renew_at):
                try:
                    account.setRegistration(not account.leaving)
                except pj.Error:
                    continue  # it is being registered right now; try again at the next tick
                account.renew_at = float("inf")
                # A registration that is being removed counts as held until the registrar confirms.
                account.leaving = False

    @property
    def registered(self) -> bool:
        """Whether anything is still registered."""
        return any(account.registered for account in self._trunks.values())

    def close(self) -> None:
        for account in (*self._trunks.values(), self.main):
            account.shutdown()
        self._trunks.clear()
        del self.main
