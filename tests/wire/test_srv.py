"""Finding a SIP host by SRV and A records, from a name server in the test."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest

from phone_daemon.wire.srv import LookupFailed, Target, lookup


class _Server(asyncio.DatagramProtocol):
    def __init__(self, records: Mapping[str, list[str]]) -> None:
        self._records = records

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (asked,) = query.question
        answer = dns.message.make_response(query)
        found = self._records.get(asked.name.to_text(omit_final_dot=True))
        if found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "SRV", *found))
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server(records: Mapping[str, list[str]]) -> AsyncIterator[dns.asyncresolver.Resolver]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(records), ("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    try:
        yield resolver
    finally:
        transport.close()


async def test_an_address_needs_no_name_server() -> None:
    assert await lookup("192.0.2.7") == (Target("192.0.2.7", 5060),)
    assert await lookup("192.0.2.7:5070") == (Target("192.0.2.7", 5070),)


async def test_services_come_in_the_order_of_their_priority() -> None:
    records = {"_sip._udp.example.test": ["20 1 5080 localhost.", "10 1 5070 localhost."]}
    async with name_server(records) as resolver:
        assert await lookup("example.test", "udp", resolver) == (Target("127.0.0.1", 5070), Target("127.0.0.1", 5080))


async def test_the_heavier_of_equal_services_mostly_comes_first() -> None:
    records = {"_sip._tcp.example.test": ["10 90 5070 localhost.", "10 10 5080 localhost."]}
    async with name_server(records) as resolver:
        first = [(await lookup("example.test", "tcp", resolver))[0].port for _ in range(100)]
    assert first.count(5070) > first.count(5080) > 0


async def test_without_services_the_host_itself_is_asked_and_a_port_rules_them_out() -> None:
    async with name_server({"_sip._udp.localhost": ["10 1 5070 localhost."]}) as resolver:
        assert await lookup("localhost", "udp", resolver) == (Target("127.0.0.1", 5070),)
        assert await lookup("localhost:5090", "udp", resolver) == (Target("127.0.0.1", 5090),)
        assert await lookup("localhost", "tcp", resolver) == (Target("127.0.0.1", 5060),)


async def test_a_name_that_nobody_knows_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with name_server({}) as resolver:
        with pytest.raises(LookupFailed, match=r"^sip\.example\.test cannot be looked up: Name or service not known$"):
            await lookup("sip.example.test", "udp", resolver)


async def test_a_name_server_that_is_gone_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phone_daemon.wire.srv.LOOKUP_S", 0.2)

    def slow(*_: object) -> list[object]:
        time.sleep(0.5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    silent = dns.asyncresolver.Resolver(configure=False)
    silent.nameservers, silent.port = ["127.0.0.1"], 9
    with pytest.raises(LookupFailed, match=r"no name server answered within 0\.2 s"):
        await lookup("sip.example.test", "udp", silent)
