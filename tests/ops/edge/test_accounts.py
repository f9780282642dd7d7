"""The edge registers trunks' accounts with a third-party provider, receives calls from it, and makes calls through
it.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from ops.edge.status import ask
from ops.live.ports import free_port
from ops.witness.probe import Probe, until
from tests.foreign.kamailio import PASSWORD, USER, Kamailio
from tests.foreign.sipp import called, telephone
from tests.ops.edge.front import Front, front
from tests.wire.calls import Ear


def account(*ports: int) -> dict[str, object]:
    register = {
        "registrar": [f"127.0.0.1:{port}" for port in ports],
        "expires_s": 20,
        "user": USER,
        "password_env": "SECRET",
    }
    return {"name": "provider", "register": register, "allow": ["+4420*"]}


async def registered(made: Front) -> bool:
    async with asyncio.timeout(20):
        while not any(each.registered for each in (await ask(made.plan)).accounts):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.2)
    return True


async def test_an_account_is_registered_and_its_calls_arrive_as_the_trunk_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", PASSWORD)
    async with Kamailio(tmp_path) as provider, front(tmp_path, cards=1, trunks=[account(provider.port)]) as made:
        assert await registered(made)
        async with Probe(f"sip:{USER}@127.0.0.1:{provider.port}") as probe:
            await probe.answered()
            await until(lambda: any(not packet.silent for packet in probe.rtp.packets))
        [call] = made.calls
        assert (call.trunk, call.called) == ("provider", USER)


async def test_an_account_moves_to_its_second_registrar_is_called_there_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", PASSWORD)
    monkeypatch.setattr("ops.edge.registrars.RETURN_S", 1)
    first_port = free_port()
    async with (
        telephone(tmp_path, called()) as port,
        Kamailio(tmp_path, callee=f"127.0.0.1:{port}") as second,
        front(tmp_path, cards=1, trunks=[account(first_port, second.port)]) as made,
    ):
        assert await registered(made)
        # Nothing is known of the first; the second has the account, its calls, and ours.
        async with Probe(f"sip:{USER}@127.0.0.1:{second.port}") as probe:
            await probe.answered()
        assert [call.trunk for call in made.calls] == ["provider"]
        [trunk] = made.trunks
        async with asyncio.timeout(20):
            line = await made.cards.place(
                made.trunks.uri(trunk, "+442079460100"), made.trunks.caller(trunk), "provider"
            )
        line.hang_up()
        async with Kamailio(tmp_path, port=first_port, expires=8) as first:
            await until(lambda: len(first.asked("REGISTER")) >= 2, 20)
            assert await registered(made)
            asked = len(second.asked("REGISTER"))
        # The first is gone again: the registration is renewed at the second.
        await until(lambda: len(second.asked("REGISTER")) > asked, 30)
        assert await registered(made)


async def test_a_wrong_password_is_said_by_status_and_not_tried_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "wrong")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        second = other.getsockname()[1]
        async with (
            Kamailio(tmp_path) as provider,
            front(tmp_path, cards=1, trunks=[account(provider.port, second)]) as made,
        ):
            await until(lambda: len(provider.asked("REGISTER")) >= 2, 15)
            await asyncio.sleep(3)
            [status] = (await ask(made.plan)).accounts
            assert not status.registered
            assert len(provider.asked("REGISTER")) <= 3
        # A registrar that rejects the account is available, so no other is asked.
        with pytest.raises(BlockingIOError):
            other.recv(4096)


async def test_a_call_out_goes_through_the_edge_which_knows_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", PASSWORD)
    async with (
        telephone(tmp_path, called()) as port,
        Kamailio(tmp_path, callee=f"127.0.0.1:{port}") as provider,
        front(tmp_path, cards=1, trunks=[account(provider.port)]) as made,
    ):
        assert await registered(made)
        [trunk] = made.trunks
        uri = made.trunks.uri(trunk, "+442079460100")
        async with asyncio.timeout(20):
            line = await made.cards.place(uri, made.trunks.caller(trunk), "provider")
        ear = Ear(line)
        await ear.ticks(25)
        assert [asked["auth"] for asked in provider.asked("INVITE")] == ["<null>", USER]
        line.hang_up()
        await ear.closed()
