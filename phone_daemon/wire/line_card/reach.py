"""Decides where this card can send SIP: over which transports, from its own address, and to which names.

pjsip looks up names on the card's only thread, so a name server that does not answer would silence every call of the
card for seconds. Therefore names are looked up in another thread here, and a name without a prompt answer counts as
nonexistent.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import OrderedDict
from ipaddress import IPv4Address

PROMPT_S = 0.05
"""How long the card waits for a name server: as long as two or three packets of a call, which jitter buffers bridge."""
KEPT_S = 60.0
MAX_KEPT = 256


class Names:
    """Looks up names, one at a time, and remembers them for a minute."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._asking: threading.Thread | None = None

    def address(self, host: str) -> str:
        """The IPv4 address of `host`, a name or an address; empty if it has none, or the lookup takes too long."""
        if is_address(host):
            return host
        name = host.lower()
        if (found := self._known(name)) is not None:
            return found
        if self._asking is not None and self._asking.is_alive():
            return ""  # The lookup of another name is still running.
        self._asking = threading.Thread(target=self._ask, args=(name,), daemon=True)
        self._asking.start()
        self._asking.join(PROMPT_S)
        return self._known(name) or ""

    def _known(self, name: str) -> str | None:
        at, found = self._kept.get(name, (float("-inf"), ""))
        return found if time.monotonic() < at + KEPT_S else None

    def _ask(self, name: str) -> None:
        try:
            found = str(socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0])
        except (OSError, UnicodeError):
            found = ""
        self._kept[name] = time.monotonic(), found
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


class Reach:
    """`bind`: the address that we send from; `transports`: `udp` or `udp,tcp`."""

    def __init__(self, bind: str, transports: str, names: Names) -> None:
        self._bind = bind
        self._transports = frozenset(transports.split(","))
        self._names = names

    def __call__(self, host: str, port: int, transport: str, sender: str) -> bool:
        """Whether a request can be sent to `host` over `transport`; `sender` is the address of whoever named it.

        A private address named by a sender with a public address is behind NAT (RFC 3581 section 1), and cannot be
        reached.
        """
        if transport.lower() not in self._transports:
            return False
        address = self._names.address(host)
        if not address or IPv4Address(address).is_unspecified:
            return False
        if is_address(sender) and IPv4Address(sender).is_global and not IPv4Address(address).is_global:
            return False
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            try:
                end.bind((self._bind, 0))
                end.connect((address, port))  # Sends nothing; only asks the kernel for a route.
            except OSError:
                return False
        return True


def is_address(host: str) -> bool:
    """Whether `host` is an IPv4 address."""
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
