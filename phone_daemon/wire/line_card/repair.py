"""Rewrites messages before pjsip gets them, so that it can parse them and send to the addresses that they name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from phone_daemon.wire.line_card import sdp
from phone_daemon.wire.line_card.challenge import explained
from phone_daemon.wire.line_card.guarded import log
from phone_daemon.wire.line_card.message import SipMessage, parse
from phone_daemon.wire.line_card.next_hop import NextHops
from phone_daemon.wire.line_card.plausible import plausible
from phone_daemon.wire.line_card.reach import Names, Reach, is_address
from phone_daemon.wire.line_card.tidy_sdp import tidied, with_sdp

_TOP_MADDR = re.compile(
    r"^((?:via|v)[ \t]*:[^\r\n,]*?);[ \t]*maddr[ \t]*=[ \t]*([^;,\s]+)", re.IGNORECASE | re.MULTILINE
)
_NAMED = re.compile(r"^c=IN IP4 [^\s/]*[A-Za-z]", re.MULTILINE)


class Repair:
    """`ours(message, sender)`: whether a message may belong to a call of ours; only then are its names looked up."""

    def __init__(self, options: argparse.Namespace, ours: Callable[[SipMessage, str], bool]) -> None:
        self._ours = ours
        self._codecs = options.codecs.split(",")
        self._names = Names()
        reach = Reach(options.bind, options.transports, self._names)
        self._hops = NextHops(reach, ours, lambda line: log("WARNING", line))

    def __call__(self, text: str, sender: str) -> str:
        """Returns the message in `text`, from `sender` (`host:port`), in the form that pjsip gets."""
        text = tidied(self._hops.reachable(_answerable(explained(plausible(text))), sender))
        if _NAMED.search(text) and self._ours(parse(text), sender):
            text = tidied(text, self._names.address)
        return with_sdp(text, lambda description: sdp.alone(description, self._codecs))


def _answerable(text: str) -> str:
    """Returns a request whose response goes back to its sender, and not to a host name in its Via, which would have to
    be looked up and may be anything.
    """
    head, blank, body = text.partition("\r\n\r\n")
    found = None if head.startswith("SIP/2.0 ") else _TOP_MADDR.search(head)
    if found is None or is_address(found[2]):
        return text
    return head[: found.end(1)] + head[found.end() :] + blank + body
