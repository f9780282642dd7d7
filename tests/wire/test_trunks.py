"""Trunks without any provider: unknown names, an edge, capacity, and readiness for OPTIONS."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from ops.witness.probe import until
from phone_daemon.settings.settings import SipSettings
from phone_daemon.settings.trunks import RegisterKeys, TrunkSettings
from phone_daemon.wire.sip import CallRefused, LineCard, LineCards
from phone_daemon.wire.srv import LookupFailed, Target
from phone_daemon.wire.trunk import Standing
from phone_daemon.wire.trunks import Backoff, Trunks
from tests.wire.calls import Ear, card, connect, options, rung, two_cards, until_options

SOON = Backoff(refused_s=(0.05, 0.2), silent_s=(0.05, 0.2))
ACCOUNT = RegisterKeys(registrar=("sip.example.test",), user="620", password_env="P")
PROVIDER = TrunkSettings(name="provider", register=ACCOUNT)


async def nowhere(host: str, transport: str) -> Sequence[Target]:
    raise LookupFailed(f"{host} cannot be looked up: Name or service not known")


@asynccontextmanager
async def line(trunks: Trunks, sip: SipSettings) -> AsyncIterator[LineCards]:
    async with trunks, LineCards(sip, trunks=trunks) as cards:
        yield cards


async def answered(cards: LineCards, theirs: LineCard) -> str:
    """The trunk of a call from `theirs`, which is answered and hung up."""
    placing = asyncio.create_task(theirs.place(f"sip:100@127.0.0.1:{cards.ports[0]}"))
    call = await anext(aiter(cards.incoming()))
    call.answer()
    (await placing).hang_up()
    return call.trunk


async def test_a_name_server_that_is_gone_is_said_once_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    trunks = Trunks([PROVIDER], backoff=SOON, resolve=nowhere, environ={"P": "secret"})
    async with line(trunks, SipSettings(port=0)):
        (trunk,) = trunks
        await until(lambda: trunk.failures >= 3)
        assert trunk.standing is Standing.UNREACHABLE
        assert trunks.problem == (
            "provider: sip.example.test: sip.example.test cannot be looked up: Name or service not known"
        )
    told = [record.getMessage() for record in caplog.records if "trunk.failed" in record.getMessage()]
    assert len(told) == 1
    assert "check the name of its registrar, and the network" in told[0]


async def test_a_password_file_that_vanished_is_said_without_its_contents(tmp_path: Path) -> None:
    register = RegisterKeys(registrar=("127.0.0.1:9",), user="620", password_file=tmp_path / "gone")
    trunks = Trunks([TrunkSettings(name="a", register=register)], backoff=SOON)
    async with line(trunks, SipSettings(port=0)):
        (trunk,) = trunks
        await until(lambda: trunk.failures)
        assert "gone: No such file or directory; write the password there" in trunk.detail


async def test_behind_an_edge_nothing_registers_and_the_edge_names_the_trunk() -> None:
    """Here the edge is another line card; it names no trunk, but its calls are accepted."""
    trunks = Trunks([PROVIDER], edge="127.0.0.1:5059", resolve=nowhere, environ={})
    async with line(trunks, SipSettings(port=0)) as cards, card() as edge:
        (trunk,) = trunks
        await asyncio.sleep(0.2)
        assert (trunk.standing, trunk.attempts, trunks.problem) == (Standing.READY, 0, "")
        assert await answered(cards, edge) == ""
        assert trunks.uri(trunk, "+442079460100") == "sip:+442079460100@sip.example.test;transport=udp"


async def test_a_card_takes_no_call_before_it_knows_who_may() -> None:
    async with card() as stranger:
        guarded = await LineCard.start(SipSettings(port=0), extra=("--guarded",))
        try:
            with pytest.raises(CallRefused) as refused:
                await stranger.place(f"sip:100@127.0.0.1:{guarded.port}")
            assert refused.value.code == 403
        finally:
            await guarded.close()


async def test_options_tells_whether_a_call_would_be_taken() -> None:
    async with AsyncExitStack() as stack:
        ours, theirs = await stack.enter_async_context(two_cards())
        status, text = await options(ours.port)
        assert status == 200
        assert "Allow: INVITE" in text
        ears = [await connect(ours, theirs) for _ in range(ours.max_calls)]
        status, text = await options(ours.port)
        assert status == 503
        assert "Retry-After: " in text
        here, there = ears[0]
        here.line.hang_up()
        await there.closed()
        await until_options(ours.port, 200)
        ours.drain()
        await until_options(ours.port, 503)


async def test_a_daemon_that_drains_says_so_to_options() -> None:
    trunks = Trunks([TrunkSettings(name="here", addresses=("127.0.0.1",))])
    async with line(trunks, SipSettings(port=0)) as cards:
        (port,) = cards.ports
        assert (await options(port))[0] == 200
        trunks.leave()
        await until_options(port, 503)


async def test_a_call_that_rings_is_told_before_it_is_answered() -> None:
    async with two_cards() as (ours, theirs):
        placing = asyncio.create_task(theirs.place(f"sip:4711@127.0.0.1:{ours.port}", "0123"))
        incoming = await rung(ours)
        incoming.ring()
        await asyncio.sleep(0.2)
        incoming.refuse(486)
        with pytest.raises(CallRefused) as refused:
            await placing
        assert (refused.value.code, refused.value.rang) == (486, True)
        line = asyncio.create_task(theirs.place(f"sip:4711@127.0.0.1:{ours.port}", "0123"))
        (await rung(ours)).answer()
        ear = Ear(await line)
        ear.line.hang_up()
        await ear.closed()


async def test_a_carrier_whose_name_moves_is_let_in_and_called_at_its_new_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("phone_daemon.wire.trunks.LOOK_AGAIN_S", 0.05)
    where = "192.0.2.1"

    async def resolve(name: str, transport: str) -> Sequence[Target]:
        return [Target(where, 5060)]

    carrier = TrunkSettings(name="carrier", addresses=("out.carrier.test",), proxy="sip.carrier.test")
    trunks = Trunks([carrier], resolve=resolve)
    async with line(trunks, SipSettings(port=0)) as cards, card() as theirs:
        (trunk,) = trunks
        (port,) = cards.ports
        await until(lambda: trunk.route == "192.0.2.1:5060")
        with pytest.raises(CallRefused) as refused:
            await theirs.place(f"sip:100@127.0.0.1:{port}")
        assert refused.value.code == 403
        assert await connects(port) is False
        where = "127.0.0.1"
        await until(lambda: trunk.route == "127.0.0.1:5060" and "127.0.0.1" in trunk.networks)
        assert await answered(cards, theirs) == "carrier"
        assert await connects(port)


async def connects(port: int) -> bool:
    """Whether the kernel lets a TCP connection in."""
    try:
        async with asyncio.timeout(0.5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
    except TimeoutError:
        return False


async def test_a_registrar_whose_name_moves_is_asked_at_its_new_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phone_daemon.wire.trunks.LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr("phone_daemon.wire.resolved_names.LEFT_S", 0.2)
    async with registrar() as (old, asked_before), registrar() as (new, asked):
        where = old

        async def resolve(name: str, transport: str) -> Sequence[Target]:
            return [Target("127.0.0.1", where)]

        trunks = Trunks([PROVIDER], backoff=SOON, resolve=resolve, environ={"P": "secret"})
        async with line(trunks, SipSettings(port=0)):
            (trunk,) = trunks
            await until(lambda: trunk.standing is Standing.REGISTERED)
            where = new
            await until(lambda: trunk.route == f"127.0.0.1:{new}" and trunk.standing is Standing.REGISTERED)
            expiries = [re.findall(r"Expires: (\d+)", request) for request in (*asked_before, *asked)]
            assert expiries == [["300"], ["0"], ["300"]]


@asynccontextmanager
async def registrar() -> AsyncIterator[tuple[int, list[str]]]:
    """A registrar that takes everybody, and the requests that reached it."""
    asked: list[str] = []

    class Registrar(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            asked.append(data.decode())
            kept = [
                each
                for each in asked[-1].split("\r\n")
                if each.startswith(("Via", "From", "To", "Call-ID", "CSeq", "Contact"))
            ]
            expires = "Expires: 0" if "Expires: 0" in asked[-1] else "Expires: 60"
            answer = ("SIP/2.0 200 OK", *kept, expires, "Content-Length: 0", "", "")
            self._transport.sendto("\r\n".join(answer).encode(), addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Registrar, ("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1], asked
    finally:
        transport.close()
