"""Who calls, and whom: telephone numbers as trunks write them into an INVITE. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.dialing import is_allowed
from phone_daemon.wire.line_card.message import SipMessage
from phone_daemon.wire.uri import display_name, user_part

_SEPARATORS = re.compile(r"[\s().\-/]")
_DIGITS = re.compile(r"\+?\d+", re.ASCII)
_CONTEXT = re.compile(r"\btel:([\d\s().\-]+)[^>]*;phone-context=(\+\d+)", re.IGNORECASE)
LEAST_NATIONAL = 7
"""Digits after the national prefix of a number that is compared with whole ones."""
LEAST_E164 = 10
"""Digits of a number that may be one in E.164 whose `+` was left out."""


@dataclass(frozen=True, slots=True)
class Who:
    caller: str
    """The caller's number or user part; empty when it is withheld."""
    called: tuple[str, ...]
    """What was dialled, as each header says it: the likeliest first, none twice, never empty but for `("",)`."""
    name: str = ""
    """The caller's, as their telephone or their exchange writes it; anybody can call themselves anything."""


def identify(invite: SipMessage, address: str, sip: SipSettings, *, trusted: bool = False) -> Who:
    """`address` (`host:port`) is where the INVITE came from: only a trusted one may assert an identity (RFC 3325).

    `trusted`: it is one, whatever `sip.trusted` says.
    """
    caller = name = ""
    if trusted or _is_trusted(address, sip.trusted):
        # Before P-Asserted-Identity PBXes wrote Remote-Party-ID (draft-ietf-sip-privacy-04), and many still do.
        parties = [party for party in invite.entries("remote-party-id") if "party=called" not in party.lower()]
        asserted = [*invite.entries("p-asserted-identity"), *parties]
        caller = next(filter(None, (_number(entry, sip) for entry in asserted)), "")
        name = next(filter(None, map(display_name, asserted)), "")
    caller = caller or _number(invite.header("from"), sip)
    name = name or display_name(invite.header("from"))
    called: list[str] = []
    for source in sip.called_from:
        # The original number: the first that History-Info tells of, the last that Diversion does.
        entries = (invite.uri,) if source == "request" else invite.entries(source)
        for entry in entries[::-1] if source == "diversion" else entries:
            number = _number(entry, sip)
            if number and number not in called:
                called.append(number)
    return Who(caller, tuple(called) or ("",), name)


def e164(number: str, sip: SipSettings) -> str:
    """`number` in E.164 with `+` as far as the settings tell how; anything that is no telephone number as it is."""
    tidy = _SEPARATORS.sub("", number)
    if not _DIGITS.fullmatch(tidy):
        return number
    international, national, country = sip.international_prefix, sip.national_prefix, sip.country
    if tidy.startswith("+"):
        return tidy
    if international and tidy.startswith(international) and len(tidy) > len(international):
        return "+" + tidy.removeprefix(international)
    if country and tidy.startswith(country) and len(tidy) >= LEAST_E164:
        return "+" + tidy
    if country and tidy.startswith(national) and len(tidy) >= len(national) + LEAST_NATIONAL:
        return f"+{country}{tidy.removeprefix(national)}"
    return tidy


def same_number(number: str, whole: Iterable[str], sip: SipSettings) -> str:
    """The one of `whole` (in E.164 with `+`) that `number` may be, although no `sip.country` says so; else empty.

    A number without its `+`, or one written nationally whose end is that of one whole number and no other.
    """
    if not number.isascii() or not number.isdigit() or sip.country:
        return ""
    ending = number
    if sip.national_prefix and number.startswith(sip.national_prefix):
        ending = number.removeprefix(sip.national_prefix)
        found = {each for each in whole if each.startswith("+") and each.endswith(ending)}
    else:
        found = {each for each in whole if each == "+" + number}
    return found.pop() if len(found) == 1 and len(ending) >= LEAST_NATIONAL else ""


def may_transfer(uri: str, sip: SipSettings) -> bool:
    """Whether a caller may be handed over to `uri`, as `sip.transfer_to` has it."""
    return is_allowed(e164(user_part(uri), sip), sip.transfer_to)


def national(number: str, sip: SipSettings) -> str:
    """`number` as it is written in its own country; one of another country as it is."""
    country = f"+{sip.country}"
    return sip.national_prefix + number.removeprefix(country) if sip.country and number.startswith(country) else number


def _number(address: str, sip: SipSettings) -> str:
    within = _CONTEXT.search(address)
    return e164(within[2] + within[1] if within else user_part(address), sip)


def _is_trusted(address: str, networks: Iterable[str]) -> bool:
    try:
        host = ip_address(address.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return any(host in ip_network(network, strict=False) for network in networks)
