"""Who may call: with trunks, nobody but they. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from phone_daemon.wire.line_card.message import SipMessage

NAMED = "x-trunk"
"""The header in which the edge tells whose call it passes on."""
_LINE = re.compile(r";line=([^;>?\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the calls of one trunk are known."""

    trunk: str
    """Empty: the edge's, which names the trunk of each call."""
    networks: tuple[str, ...] = ()
    """It sends from one of these."""
    peers: tuple[str, ...] = ()
    """It sends from one of these addresses and ports: its registrar's."""
    line: str = ""
    """What the Contact that we registered bears, and only who looked it up at the registrar can know."""


def encode(rules: Iterable[Rule]) -> str:
    """As a line card is told."""
    return json.dumps([[rule.trunk, rule.networks, rule.peers, rule.line] for rule in rules])


class Admission:
    """Without rules everybody may call."""

    def __init__(self, rules: Iterable[Rule] | None = None) -> None:
        self._rules = None if rules is None else [(rule, _networks(rule)) for rule in rules]

    @property
    def networks(self) -> tuple[str, ...]:
        """Where requests may come from at all, registrars included."""
        rules = [rule for rule, _ in self._rules or ()]
        peers = {peer.rpartition(":")[0] for rule in rules for peer in rule.peers}
        return (*(network for rule in rules for network in rule.networks), *sorted(peers))

    @classmethod
    def decode(cls, text: str) -> Admission:
        return cls(Rule(trunk, tuple(nets), tuple(peers), line) for trunk, nets, peers, line in json.loads(text))

    def trunk(self, message: SipMessage, address: str) -> str | None:
        """Whose request this is, that came from `address` (`host:port`); empty: anybody's; None: a stranger's."""
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
