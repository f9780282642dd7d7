"""Trunks whose names lead elsewhere while the edge runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ops.edge import names
from ops.edge.check import problems
from ops.edge.plan import Plan, Registrar, Unknown, plan_of
from ops.witness.probe import Refused, until
from phone_daemon.wire.resolved_names import LEFT_S, TRUSTED_S
from phone_daemon.wire.srv import LookupFailed, Target
from tests.foreign.kamailio import PASSWORD, USER, Kamailio
from tests.ops.edge.front import HERE, Front, front, written
from tests.ops.edge.test_accounts import registered


class Names:
    """A name server's answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **known: Target) -> None:
        self.known = known
        monkeypatch.setattr("ops.edge.plan.lookup", self.lookup)
        monkeypatch.setattr("ops.edge.names.LOOK_AGAIN_S", 0.1)

    async def lookup(self, where: str, transport: str) -> Sequence[Target]:
        name = where.partition(".")[0]
        if name not in self.known:
            raise LookupFailed(f"{where} cannot be looked up")
        return [self.known[name]]


@asynccontextmanager
async def followed(made: Front) -> AsyncIterator[None]:
    following = asyncio.create_task(names.follow(made.settings, made.plan, made.edge.take))
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_carrier_that_moves_is_let_in_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Names(monkeypatch, carrier=Target("192.0.2.1", 5060))
    trunk = {"name": "carrier", "addresses": ["carrier.test"]}
    async with front(tmp_path, cards=1, trunks=[trunk]) as made, followed(made):
        async with made.call() as early:
            with pytest.raises(Refused, match="403"):
                await early.answered()
        found.known["carrier"] = Target("127.0.0.1", 5060)
        list_ = made.plan.folder / "address.list"
        await until(lambda: "127.0.0.1" in list_.read_text())
        async with asyncio.timeout(15):
            while not made.calls:
                async with made.call() as probe:
                    try:
                        await probe.answered()
                    except Refused:
                        await asyncio.sleep(0.5)
        assert made.calls[0].trunk == "carrier"


async def test_a_name_that_is_unknown_at_start_is_followed_once_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Names(monkeypatch)
    trunk = {"name": "carrier", "addresses": ["carrier.invalid"]}
    async with front(tmp_path, cards=1, trunks=[trunk]) as made:
        assert any("carrier.invalid cannot be looked up" in line for line in problems(made.plan, (), rendered=False))
        async with followed(made):
            found.known["carrier"] = Target("127.0.0.1", 5060)
            async with asyncio.timeout(15):
                while not made.calls:
                    async with made.call() as probe:
                        try:
                            await probe.answered()
                        except Refused as refused:
                            assert refused.code == 403
                            await asyncio.sleep(0.3)
        assert made.calls[0].trunk == "carrier"


def test_while_a_name_cannot_be_looked_up_what_it_led_to_stays(tmp_path: Path) -> None:
    known = plan(tmp_path, "192.0.2.1", "sip:192.0.2.1")
    silent = replace(
        known, trunks=(replace(known.trunks[0], networks=()),), unknown=(Unknown("here", "carrier.test", "no answer"),)
    )
    seen = names.Seen(known, 0)
    for at in range(0, round(3 * TRUSTED_S), 30):
        assert seen.take(silent, at).trunks == known.trunks


async def test_an_account_moves_with_its_registrar_s_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", PASSWORD)
    monkeypatch.setattr("ops.edge.names.LEFT_S", 0.5)
    async with Kamailio(tmp_path) as old, Kamailio(tmp_path) as new:
        found = Names(monkeypatch, provider=Target("127.0.0.1", old.port))
        register = {"registrar": "provider.test", "user": USER, "password_env": "SECRET"}
        trunk = {"name": "provider", "register": register}
        async with front(tmp_path, cards=1, trunks=[trunk]) as made, followed(made):
            assert await registered(made)
            assert not new.asked("REGISTER")
            found.known["provider"] = Target("127.0.0.1", new.port)
            await until(lambda: len(new.asked("REGISTER")) >= 2, 20)
            assert await registered(made)


def plan(folder: Path, network: str, target: str) -> Plan:
    _, settings = written(folder, trunks=[HERE])
    made = plan_of(settings)
    [trunk] = made.trunks
    registers = {"name": "a", "register": {"registrar": "127.0.0.5:5070", "user": "u", "password_env": "SECRET"}}
    _, settings = written(folder, trunks=[registers])
    [account] = plan_of(settings, environ={}).accounts
    where = Registrar("provider.test", target)
    return replace(made, trunks=(replace(trunk, networks=(network,)),), accounts=(replace(account, targets=(where,)),))


def test_what_a_name_led_to_is_remembered_for_a_while(tmp_path: Path) -> None:
    old, new = plan(tmp_path, "192.0.2.1", "sip:192.0.2.1"), plan(tmp_path, "192.0.2.2", "sip:192.0.2.2")
    seen = names.Seen(old, 0)
    both = seen.take(new, LEFT_S)
    assert both.trunks[0].networks == ("192.0.2.1", "192.0.2.2")
    # Where the name leads now comes first.
    assert [target.uri for target in both.accounts[0].targets] == ["sip:192.0.2.2", "sip:192.0.2.1"]
    later = seen.take(new, LEFT_S + 1)
    assert later.trunks == both.trunks
    assert later.accounts == new.accounts
    assert seen.take(new, TRUSTED_S + 1).trunks == new.trunks
