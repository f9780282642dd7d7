"""Trunks against a third-party provider: Kamailio registers the daemon, SIPp calls through it, strangers are
refused.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ops.live.ports import free_port
from ops.witness.probe import until
from phone_daemon.settings.settings import SipSettings
from phone_daemon.settings.trunks import RegisterKeys, TrunkSettings
from phone_daemon.wire.sip import IncomingCall, LineCards
from phone_daemon.wire.trunk import Standing, Trunk
from phone_daemon.wire.trunks import Backoff, Trunks
from tests.foreign.kamailio import PASSWORD, USER, Kamailio
from tests.foreign.sipp import asking, calling, sipp

SOON = Backoff(refused_s=(0.4, 60.0), silent_s=(0.1, 0.4))


def account(*ports: int, **more: Any) -> TrunkSettings:
    register = RegisterKeys(registrar=tuple(f"127.0.0.1:{port}" for port in ports), user=USER, password_env="P")
    return TrunkSettings(name="provider", register=register, **more)


@asynccontextmanager
async def line(
    *settings: TrunkSettings, password: str = PASSWORD, **sip: Any
) -> AsyncIterator[tuple[LineCards, Trunks, list[IncomingCall]]]:
    """Line cards with these trunks; every call is answered and kept in the list."""
    async with AsyncExitStack() as stack:
        trunks = await stack.enter_async_context(Trunks(settings, backoff=SOON, environ={"P": password}))
        cards = await stack.enter_async_context(LineCards(SipSettings(port=0, ack_timeout_s=1.0, **sip), trunks=trunks))
        calls: list[IncomingCall] = []

        async def answer() -> None:
            async for call in cards.incoming():
                calls.append(call)
                call.answer()

        answering = asyncio.create_task(answer())
        try:
            yield cards, trunks, calls
        finally:
            answering.cancel()


def one(trunks: Trunks) -> Trunk:
    (trunk,) = trunks
    return trunk


async def registered(trunks: Trunks) -> None:
    await until(lambda: one(trunks).standing is Standing.REGISTERED)


@pytest.mark.foreign
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_an_account_is_registered_called_and_taken_back(tmp_path: Path, algorithm: str) -> None:
    async with Kamailio(tmp_path, algorithm=algorithm) as registrar:
        async with line(account(registrar.port)) as (_, trunks, calls):
            await registered(trunks)
            assert one(trunks).expires_s == 60
            await sipp(tmp_path, registrar.port, calling(), USER)
            (call,) = calls
            assert (call.trunk, call.called, call.caller) == ("provider", USER, "sipp")
            trunks.leave()
            await until(lambda: len(registrar.asked("REGISTER")) >= 4)
        # Without a registration the provider does not know the account.
        await sipp(tmp_path, registrar.port, calling(404), USER)
        asked = registrar.asked("REGISTER")
        # Once without credentials, once with them; the same to unregister.
        assert len(asked) <= 4, asked
        assert PASSWORD not in str(asked)


@pytest.mark.foreign
async def test_whoever_is_no_trunk_gets_403_and_learns_nothing(tmp_path: Path) -> None:
    """The same for every number and method; a call to the account's own number from elsewhere is a stranger's, too."""
    async with Kamailio(tmp_path) as registrar, line(account(registrar.port)) as (cards, trunks, calls):
        await registered(trunks)
        (port,) = cards.ports
        for number in (USER, "100", "nobody"):
            await sipp(tmp_path, port, calling(403), number)
        for method in ("OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE"):
            await sipp(tmp_path, port, asking(403, method), USER)
        assert not calls


@pytest.mark.foreign
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_a_trunk_is_known_by_its_address(tmp_path: Path, transport: str) -> None:
    trunk = TrunkSettings(name="carrier", addresses=("127.0.0.7",), trust=True)
    async with line(trunk, trusted=("192.0.2.0/24",)) as (cards, _, calls):
        (port,) = cards.ports
        asserted = "P-Asserted-Identity: <sip:+442079460999@127.0.0.7>"
        await sipp(tmp_path, port, calling(extra=asserted), "+442079460100", transport, "127.0.0.7")
        await sipp(tmp_path, port, asking(200), "100", transport, "127.0.0.7")
        await sipp(tmp_path, port, calling(403), "+442079460100", source="127.0.0.8")
        (call,) = calls
        assert (call.trunk, call.called, call.caller) == ("carrier", "+442079460100", "+442079460999")


@pytest.mark.foreign
async def test_a_wrong_password_is_said_once_and_tried_ever_more_seldom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Kamailio(tmp_path) as registrar, line(account(registrar.port), password="wrong") as (_, trunks, _calls):
        await until(lambda: one(trunks).attempts >= 2)
        trunk = one(trunks)
        assert trunk.standing is Standing.REFUSED
        assert trunk.detail == f"127.0.0.1:{registrar.port}: 401 Unauthorized"
        assert trunks.problem == f"provider: {trunk.detail}"
        await asyncio.sleep(1.0)
        # 0.4, 0.8, 1.6 s apart, and each time once without credentials and once with them.
        assert trunk.attempts <= 4
        assert len(registrar.asked("REGISTER")) <= 2 * trunk.attempts
    told = [record.getMessage() for record in caplog.records if "trunk.failed" in record.getMessage()]
    assert len(told) == 1
    assert 'answer="401 Unauthorized"' in told[0]
    assert "check the user and password" in told[0]
    assert "wrong" not in caplog.text.replace("what is wrong", "")


@pytest.mark.foreign
async def test_the_second_registrar_stands_in_for_the_first(tmp_path: Path) -> None:
    async with Kamailio(tmp_path) as second, line(account(free_port(), second.port)) as (_, trunks, calls):
        await registered(trunks)
        assert one(trunks).registrar == f"127.0.0.1:{second.port}"
        await sipp(tmp_path, second.port, calling(), USER)
        assert len(calls) == 1


@pytest.mark.foreign
async def test_a_registrar_that_comes_back_has_us_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Kamailio(tmp_path, expires=3))
        _, trunks, calls = await stack.enter_async_context(line(account(first.port)))
        await registered(trunks)
        await first.__aexit__(None, None, None)
        await until(lambda: one(trunks).standing is Standing.UNREACHABLE)
        assert "408" in one(trunks).detail
        again = await stack.enter_async_context(Kamailio(tmp_path, expires=3, port=first.port))
        await registered(trunks)
        await sipp(tmp_path, again.port, calling(), USER)
        assert len(calls) == 1
        # It is renewed before it expires, without requests for the same thing twice.
        await until(lambda: len(again.asked("REGISTER")) >= 4)
        assert one(trunks).standing is Standing.REGISTERED


@pytest.mark.foreign
async def test_a_line_card_that_dies_takes_no_registration_along(tmp_path: Path) -> None:
    async with Kamailio(tmp_path) as registrar, line(account(registrar.port)) as (cards, trunks, calls):
        await registered(trunks)
        before, (pid,) = one(trunks).attempts, cards.pids
        os.kill(pid, signal.SIGKILL)
        await until(lambda: one(trunks).attempts > before)
        await registered(trunks)
        await sipp(tmp_path, registrar.port, calling(), USER)
        assert len(calls) == 1


@pytest.mark.foreign
async def test_a_trunk_may_be_registered_and_called_over_tcp(tmp_path: Path) -> None:
    async with Kamailio(tmp_path) as provider, line(account(provider.port, transport="tcp")) as (_, trunks, calls):
        await registered(trunks)
        assert {asked["transport"] for asked in provider.asked("REGISTER")} == {"tcp"}
        await sipp(tmp_path, provider.port, calling(), USER)
        assert len(calls) == 1


@pytest.mark.foreign
async def test_one_card_of_several_registers(tmp_path: Path) -> None:
    async with Kamailio(tmp_path) as registrar:
        port = free_port()
        settings = account(registrar.port)
        trunks = Trunks([settings], environ={"P": PASSWORD})
        async with trunks, LineCards(SipSettings(port=port, cards=2), trunks=trunks):
            await registered(trunks)
            contacts = {asked["contact"] for asked in registrar.asked("REGISTER")}
            assert all(f"127.0.0.1:{port};" in contact for contact in contacts)


@pytest.mark.foreign
async def test_a_trunk_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        carrier = await stack.enter_async_context(Kamailio(tmp_path))
        trunk = TrunkSettings(
            name="carrier", addresses=("127.0.0.7",), proxy=f"127.0.0.1:{carrier.port}", options_s=0.2
        )
        _, trunks, _calls = await stack.enter_async_context(line(trunk))
        await until(lambda: len(carrier.asked("OPTIONS")) >= 2)
        assert one(trunks).standing is Standing.READY
        await carrier.__aexit__(None, None, None)
        await until(lambda: one(trunks).standing is Standing.UNREACHABLE)
        assert trunks.problem == "carrier: OPTIONS is not answered"
        await stack.enter_async_context(Kamailio(tmp_path, port=carrier.port))
        await until(lambda: one(trunks).standing is Standing.READY)
