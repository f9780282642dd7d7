"""Numbers and names in headers that nobody can mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from ops.witness.probe import until
from ops.witness.sip_message import Message, parse
from phone_daemon.settings.settings import SipSettings
from phone_daemon.settings.trunks import RegisterKeys, TrunkSettings
from phone_daemon.wire.line_card.plausible import plausible
from phone_daemon.wire.sip import LineCards
from phone_daemon.wire.trunk import Standing
from phone_daemon.wire.trunks import Trunks
from tests.wire.calls import options

HEAD = "SIP/2.0 200 OK\r\nCall-ID: 1\r\n"


@pytest.mark.parametrize("name", ["Expires", "Min-Expires", "session-expires", "x", "MIN-SE"])
@pytest.mark.parametrize("seconds", ["4294967295", "604801", "9" * 4000])
def test_no_time_is_longer_than_a_week(name: str, seconds: str) -> None:
    assert plausible(f"{HEAD}{name}: {seconds};a=b\r\n\r\nExpires: {seconds}") == (
        f"{HEAD}{name}: 604800;a=b\r\n\r\nExpires: {seconds}"
    )


def test_a_contact_lasts_no_longer_either_and_is_never_everybody() -> None:
    contact = 'Contact: <sip:a@b;expires=1>;expires=60,\r\n "x" <sip:c@d>;Expires = "4294967295"\r\n'
    assert plausible(f"{HEAD}{contact}\r\n") == f"{HEAD}{contact}\r\n".replace("4294967295", "604800")
    assert plausible(f"{HEAD}m : *\r\nExpires: 0\r\n\r\n") == f"{HEAD}Expires: 0\r\n\r\n"


@pytest.mark.parametrize(
    "text", ["", "\r\n\r\n", HEAD, f"{HEAD}Expires: 604800\r\nContact: <sip:*@h>\r\n\r\n*", f"{HEAD}Expires: x\r\n\r\n"]
)
def test_anything_else_stays_as_it_is(text: str) -> None:
    assert plausible(text) == text


class Registrar(asyncio.DatagramProtocol):
    """Answers every REGISTER with `status` and `headers`; counts them."""

    def __init__(self, status: str, headers: str) -> None:
        self.count = 0
        self._answer: Callable[[Message], bytes] = lambda asked: (
            "\r\n".join((
                f"SIP/2.0 {status}",
                *(f"Via: {via}" for via in asked.vias),
                f"From: {asked.headers['from']}",
                f"To: {asked.headers['to']};tag=1",
                f"Call-ID: {asked.headers['call-id']}",
                f"CSeq: {asked.headers['cseq']}",
                f"{headers}\r\nContent-Length: 0\r\n\r\n",
            )).encode()
        )  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = parse(data)
        if asked.method == "REGISTER":
            self.count += 1
            self._transport.sendto(self._answer(asked), addr)


@pytest.mark.parametrize(
    ("status", "headers", "standing"),
    [
        ("200 OK", "Expires: 4294967295", Standing.REGISTERED),
        ("200 OK", "Contact: *", Standing.REGISTERED),
        ("423 Interval Too Brief", "Min-Expires: 4294967295", Standing.UNREACHABLE),
    ],
)
async def test_no_registrar_ends_the_card_or_is_hammered(status: str, headers: str, standing: Standing) -> None:
    registrar = Registrar(status, headers)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: registrar, local_addr=("127.0.0.1", 0))
    register = RegisterKeys(registrar=(f"127.0.0.1:{registrar.port}",), user="620", password_env="P")
    trunks = Trunks([TrunkSettings(name="a", register=register)], environ={"P": "secret"})
    async with trunks, LineCards(SipSettings(port=0), trunks=trunks) as cards:
        [trunk] = trunks
        pids = list(cards.pids)
        await until(lambda: trunk.standing is standing)
        assert (await options(cards.ports[0]))[0] in (200, 403)
        assert list(cards.pids) == pids
        assert registrar.count <= 2
