"""Looks up SIP hosts by SRV and A records, the best target first (RFC 3263 section 4.2, RFC 2782)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phone_daemon.settings.trunks import SIP_PORT, host_port, is_numeric

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.rdtypes.IN.SRV import SRV

LOOKUP_S = 5.0


class LookupFailed(Exception):
    """The name is unknown, or no name server responds. One line."""


@dataclass(frozen=True, slots=True)
class Target:
    address: str
    """IPv4."""
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


async def lookup(where: str, transport: str = "udp", resolver: Resolver | None = None) -> Sequence[Target]:
    """The addresses of `where` (`host` or `host:port`); never empty. Raises `LookupFailed`.

    `resolver` asks for SRV records; None: the system's name servers.
    """
    host, port = host_port(where)
    if is_numeric(host):
        return (Target(host, port or SIP_PORT),)
    # An explicit port rules out SRV.
    services = [] if port else await _services(f"_sip._{transport}.{host}", resolver)
    if not services:
        return tuple(Target(address, port or SIP_PORT) for address in await _addresses(host))
    found: list[Target] = []
    problem = ""
    for service in services:
        try:
            name = service.target.to_text(omit_final_dot=True)
            found += [Target(address, service.port) for address in await _addresses(name)]
        except LookupFailed as error:
            problem = str(error)
    if not found:
        raise LookupFailed(problem)
    return tuple(found)


async def _services(name: str, resolver: Resolver | None) -> list[SRV]:
    """The SRV records of `name`, in the order in which to try them; empty if there are none."""
    # Few daemons have a trunk that is known by its name.
    from dns.asyncresolver import Resolver  # noqa: PLC0415
    from dns.exception import DNSException  # noqa: PLC0415
    from dns.rdtypes.IN.SRV import SRV  # noqa: PLC0415

    try:
        resolver = resolver or Resolver()
        answer = await resolver.resolve(name, "SRV", lifetime=LOOKUP_S)
    except (DNSException, OSError):
        return []
    records = [record for record in answer if isinstance(record, SRV)]
    # By priority; within a priority, records with more weight are likelier to come first.
    return sorted(records, key=lambda each: (each.priority, -(random.random() ** (1 / max(each.weight, 0.01)))))


async def _addresses(host: str) -> list[str]:
    """The IPv4 addresses of `host` from the machine's own resolver, including `/etc/hosts`."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], problem: str) -> None:
        if answer.done():
            return
        if problem:
            answer.set_exception(LookupFailed(problem))
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[str] = []
        problem = ""
        try:
            infos = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except OSError as error:
            problem = f"{host} cannot be looked up: {error.strerror or error}"
        with contextlib.suppress(RuntimeError):  # The daemon is gone meanwhile.
            loop.call_soon_threadsafe(settle, found, problem)

    # In its own thread: one of asyncio's pool would delay the daemon's exit until the name server responds.
    threading.Thread(target=ask, name=f"lookup {host}", daemon=True).start()
    try:
        async with asyncio.timeout(LOOKUP_S):
            return await answer
    except TimeoutError:
        raise LookupFailed(f"{host} cannot be looked up: no name server answered within {LOOKUP_S:g} s") from None
