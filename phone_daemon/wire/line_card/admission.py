"""Who may call: if there are trunks, only they may. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from phone_daemon.wire.line_card.message import SipMessage

NAMED = "x-trunk"
"""The header in which the edge names the trunk of a call that it passes on."""
_LINE = re.compile(r";line=([^;>?\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """How calls of one trunk are recognized."""

    trunk: str
    """The trunk's name; empty: the edge, which names the trunk of each call."""
    networks: tuple[str, ...] = ()
    """Networks that it sends from."""
    peers: tuple[str, ...] = ()
    """Addresses and ports that it sends from: its registrar's."""
    line: str = ""
    """A parameter of the Contact that we registered, known only to those who looked it up at the registrar."""


def encode(rules: Iterable[Rule]) -> str:
    """The rules as text for a line card."""
    return json.dumps([[rule.trunk, rule.networks, rule.peers, rule.line] for rule in rules])


class Admission:
    """Decides who may call; without rules, everybody may."""

    def __init__(self, rules: Iterable[Rule] | None = None) -> None:
        self._rules = None if rules is None else [(rule, _networks(rule)) for rule in rules]

    @property
    def networks(self) -> tuple[str, ...]:
        """All networks that requests may come from, including registrars."""
        rules = [rule for rule, _ in self._rules or ()]
        peers = {peer.rpartition(":")[0] for rule in rules for peer in rule.peers}
        return (*(network for rule in rules for network in rule.networks), *sorted(peers))

    @classmethod
    def decode(cls, text: str) -> Admission:
        return cls(Rule(trunk, tuple(nets), tuple(peers), line) for trunk, nets, peers, line in json.loads(text))

    def trunk(self, message: SipMessage, address: str) -> str | None:
        """The trunk that a request from `address` (`host:port`) belongs to; empty: everybody may call; None: a
        stranger's."""
        if self._rules is None:
            return ""
        found = _LINE.search(message.uri)
        line = found[1] if found else ""
        try:
            host = ip_address(address.rpartition(":")[0].strip("[]"))
        except ValueError:
            return None
        # The line is the surest sign: several accounts may be at one registrar.
        for rule, _ in self._rules:
            if line and rule.line == line:
                return rule.trunk
        for rule, networks in self._rules:
            if address in rule.peers or any(host in network for network in networks):
                return rule.trunk or message.header(NAMED)
        return None


def _networks(rule: Rule) -> list[IPv4Network | IPv6Network]:
    return [ip_network(text, strict=False) for text in rule.networks]
