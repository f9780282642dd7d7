"""The edge's plan, worked out from the daemon's settings: line cards, trunks, addresses."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import re
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from phone_daemon.settings.edge import EdgeSettings
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.trunks import (
    SIP_PORT,
    RegisterKeys,
    TrunkSettings,
    host_port,
    is_network,
    is_numeric,
    secret,
)
from phone_daemon.wire.srv import LookupFailed, lookup

CALLS_A_CARD = 4
"""The number of calls that pjsua2's wheel is compiled for."""
Services = Callable[[str, str], list[str]]
"""Addresses and ports of a name, for a transport."""
_CARDS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<first>\d{1,5})(?:-(?P<last>\d{1,5}))?", re.ASCII)


class EdgeError(Exception):
    """The settings do not describe an edge: for each mistake a line that names the key and the remedy."""


@dataclass(frozen=True, slots=True, order=True)
class Card:
    """A line card as the edge sees it."""

    host: str
    port: int

    @property
    def uri(self) -> str:
        return f"sip:{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Registrar:
    """A place where an account can be registered."""

    domain: str
    """The host in the request URI."""
    uri: str
    """The address to which requests are sent."""


@dataclass(frozen=True, slots=True)
class Account:
    """A trunk's account at a registrar, which the edge registers."""

    trunk: str
    keys: RegisterKeys
    password: str
    """Empty if not set."""
    transport: str
    targets: tuple[Registrar, ...]
    """Its registrars, in the order in which they are tried; never empty."""
    called: str
    """Host in the request URIs of its outgoing calls (`host` or `host:port`)."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """Who may call through the edge, and which of their headers are trusted."""

    name: str
    networks: tuple[str, ...]
    """Addresses (CIDR) of its requests, including its registrars'."""
    trusted: bool
    """Whether its P-Asserted-Identity names the caller (RFC 3325)."""
    encrypted: tuple[str, ...] = ()
    """Where outgoing calls that are offered as SRTP go (`host` or `host:port`)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A trunk's name that cannot be looked up, and why."""

    trunk: str
    host: str
    reason: str

    def __str__(self) -> str:
        return f'[[trunk]] "{self.trunk}": {self.host} cannot be looked up: {self.reason}'


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything needed to write the configurations."""

    edge: EdgeSettings
    cards: tuple[Card, ...]
    trunks: tuple[Trunk, ...]
    accounts: tuple[Account, ...]
    call_limit_s: int
    """The longest call; after this time its load on a card is forgotten."""
    drain_s: float
    source: str
    """The settings file, for comments in the written files."""
    unknown: tuple[Unknown, ...] = ()
    """Names that cannot be looked up for now."""

    @property
    def folder(self) -> Path:
        return self.edge.directory.absolute()

    @property
    def tls(self) -> bool:
        return self.edge.certificate is not None

    def secret(self, purpose: str = "") -> str:
        """A key that outsiders cannot guess; it stays the same over restarts, so that calls survive them."""
        seed = self.folder / "secret"
        if not seed.exists():
            return "not rendered yet"
        return hashlib.sha256(seed.read_bytes() + purpose.encode()).hexdigest()[:32]

    @property
    def control(self) -> Path:
        """Kamailio's JSON-RPC socket."""
        return self.folder / "kamailio.sock"


def plan_of(settings: Settings, source: str = "", environ: Mapping[str, str] = os.environ) -> Plan:
    """The plan of `settings`. Raises `EdgeError` with a line for each mistake."""
    edge, sip = settings.edge, settings.sip
    if not edge.bind:
        raise EdgeError('[edge] bind is not set; write the address that your trunk reaches, such as "192.0.2.7"')
    wrong: list[str] = []
    cards: tuple[Card, ...] = ()
    try:
        cards = cards_of(settings)
    except EdgeError as error:
        wrong += str(error).splitlines()
    if sip.port == 0:
        wrong.append("[sip] port is 0 (any free port); the edge must know it: write one")
    taken = {(card.host, card.port): "a line card" for card in cards}
    for name, host in (
        ("port", edge.bind),
        ("inner_port", edge.inner),
        ("control_port", "127.0.0.1"),
        ("redis_port", "127.0.0.1"),
    ):
        port = getattr(edge, name)
        if rival := taken.get((host, port)):
            wrong.append(f"[edge] {name} = {port} is the port of {rival} on {host}; choose another")
        taken[host, port] = name
    if (edge.certificate is None) != (edge.key is None):
        wrong.append("[edge] certificate and key belong together; write both, or neither")
    if wrong:
        raise EdgeError("\n".join(wrong))
    services = functools.cache(_services)  # A trunk and its account ask for the same names.
    unknown: list[Unknown] = []
    return Plan(
        edge=edge,
        cards=cards,
        trunks=_trunks(settings, services, unknown),
        accounts=_accounts(settings, environ, services),
        call_limit_s=round(settings.calls.limit_s),
        drain_s=settings.calls.drain_s,
        source=source,
        unknown=tuple(unknown),
    )


def cards_of(settings: Settings) -> tuple[Card, ...]:
    """This machine's line cards, and those that the settings list. Raises `EdgeError`."""
    edge, sip = settings.edge, settings.sip
    host = sip.bind if sip.bind != "0.0.0.0" else edge.inner
    own = [Card(host, sip.port + at) for at in range(sip.cards * settings.daemons)]
    return tuple(sorted({*own, *(card for text in edge.cards for card in cards_in(text))}))


def _trunks(settings: Settings, services: Services, unknown: list[Unknown]) -> tuple[Trunk, ...]:
    """Who may call. Names that cannot be looked up are added to `unknown`."""
    return tuple(
        Trunk(
            each.name,
            (
                *filter(is_network, each.addresses),
                *(address for host in _hosts(each, services) for address in _addresses(host, each.name, unknown)),
            ),
            each.trust,
            tuple(_called(each)) if each.srtp == "on" or (each.srtp, each.transport) == ("auto", "tls") else (),
        )
        for each in settings.trunk
    )


def _accounts(settings: Settings, environ: Mapping[str, str], services: Services) -> tuple[Account, ...]:
    """The accounts that the edge registers."""
    found: list[Account] = []
    for each in settings.trunk:
        if each.register is not None:
            try:
                password = secret(each.register, environ)
            except ValueError:
                password = ""
            registrars = _registrars(each, services)
            found.append(Account(each.name, each.register, password, each.transport, registrars, _called(each)[0]))
    return tuple(found)


def _registrars(trunk: TrunkSettings, services: Services) -> tuple[Registrar, ...]:
    """The registrars in the settings, each with all its addresses if its name is a service's (RFC 3263)."""
    assert trunk.register is not None
    return tuple(
        Registrar(host_port(registrar)[0], f"sip:{where};transport={trunk.transport}")
        for registrar in trunk.register.registrar
        for where in services(trunk.proxy or registrar, trunk.transport)
    )


def _called(trunk: TrunkSettings) -> list[str]:
    """Hosts in the request URIs of outgoing calls."""
    return [trunk.proxy] if trunk.proxy else [*(trunk.register.registrar if trunk.register else ())]


def _services(where: str, transport: str) -> list[str]:
    """Addresses and ports of `where` by its SRV records; `where` itself if it has none."""
    host, port = host_port(where)
    # With TLS the certificate must match the name, so Kamailio looks up the services itself.
    if port or is_numeric(host) or transport == "tls":
        return [where]
    with ThreadPoolExecutor(1) as apart:  # There may be a running event loop here.
        try:
            return [str(target) for target in apart.submit(asyncio.run, lookup(where, transport)).result()]
        except LookupFailed:
            return [where]


def _hosts(trunk: TrunkSettings, services: Services) -> list[str]:
    """Addresses outside its networks whose requests belong to the trunk."""
    return [where for name in trunk.names for where in services(name, trunk.transport)]


def _addresses(text: str, trunk: str, unknown: list[Unknown]) -> list[str]:
    host, port = host_port(text)
    try:
        found = socket.getaddrinfo(host, port or SIP_PORT, type=socket.SOCK_DGRAM)
    except OSError as error:
        unknown.append(Unknown(trunk, host, error.strerror or str(error)))
        return []
    return sorted({str(each[4][0]) for each in found})


def cards_in(text: str) -> list[Card]:
    """Line cards as written in the settings: `10.0.0.2:5060-5063`. Raises `EdgeError`."""
    match = _CARDS.fullmatch(text)
    first = int(match["first"]) if match else 0
    last = int((match and match["last"]) or first)
    if not match or not 0 < first <= last < 65536 or last - first >= 256:
        raise EdgeError(f'[edge] cards: "{text}" names no line cards; write, for example, "10.0.0.2:5060-5063"')
    return [Card(match["host"], port) for port in range(first, last + 1)]


def port_range(text: str) -> tuple[int, int]:
    """The range in `[edge] rtp_ports`. Raises `EdgeError`."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", text, re.ASCII)
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1024 <= first < last <= 65535:
        raise EdgeError(f'[edge] rtp_ports: "{text}"; write the first and the last port, such as "30000-33999"')
    return first, last
