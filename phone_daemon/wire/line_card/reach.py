"""Where this card can send SIP: over which transports, from its own address, and to which names.

pjsip looks up names on the card's only thread. A name server that does not answer would silence every call of the card
for seconds, so names are looked up beside it, and a name without a prompt answer counts as one that leads nowhere.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import OrderedDict
from ipaddress import IPv4Address

PROMPT_S = 0.05
"""How long the card waits for a name server: two or three packets of each call, which jitter buffers bridge."""
KEPT_S = 60.0
MAX_KEPT = 256


class Names:
    """Looks names up, one at a time, and remembers them for a minute."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._asking: threading.Thread | None = None

    def address(self, host: str) -> str:
        """The IPv4 address of `host`, a name or already an address; empty if it has none, or none is known in time."""
        if is_address(host):
            return host
        name = host.lower()
        if (found := self._known(name)) is not None:
            return found
        if self._asking is not None and self._asking.is_alive():
            return ""  # Another name already takes too long.
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
    """`bind`: the address that we send from; `transports`: ours, `udp` or `udp,tcp`."""

    def __init__(self, bind: str, transports: str, names: Names) -> None:
        self._bind = bind
        self._transports = frozenset(transports.split(","))
        self._names = names

    def __call__(self, host: str, port: int, transport: str, sender: str) -> bool:
        """Whether a request can go to `host` by `transport`; `sender` is the address of whoever named it.

        A private address named by a sender with a public one is behind NAT (RFC 3581 section 1), and leads nowhere.
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
                end.connect((address, port))  # Sends nothing: it asks the kernel for a route.
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
