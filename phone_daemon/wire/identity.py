"""Finds out who calls whom, from the telephone numbers that trunks write into an INVITE. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.dialing import is_allowed
from phone_daemon.wire.line_card.message import SipMessage
from phone_daemon.wire.uri import WITHHELD, display_name, is_withheld, user_part

_SEPARATORS = re.compile(r"[\s().\-/]")
_DIGITS = re.compile(r"\+?\d+", re.ASCII)
_CONTEXT = re.compile(
    r"\b(?:tel|sips?):([\d\s().\-]+);[^>@]*?\bphone-context=\"?(?:\+|%2b)(\d+)", re.IGNORECASE | re.ASCII
)
_INDEX = re.compile(r";\s*index\s*=\s*(\d{1,4}(?:\.\d{1,4})*)", re.IGNORECASE | re.ASCII)
_TRUNK_ZERO = re.compile(r"^(\s*\+\d+)\s*\(0\)")
"""The national prefix in parentheses, which is not dialled from abroad, as in +44 (0)20 …"""
_PRIVATE = frozenset({"id", "user"})
"""Values of Privacy with which callers ask to withhold their number (RFC 3323, RFC 3325)."""
_NANP = re.compile(r"[2-9]\d{9}", re.ASCII)
"""A number in the North American plan, whose trunks often leave out the 1."""
LEAST_NATIONAL = 7
"""The least number of digits after the national prefix of a number that is compared with complete ones."""
LEAST_E164 = 10
"""The least number of digits of a number that may be in E.164 without its `+`."""


@dataclass(frozen=True, slots=True)
class Identity:
    caller: str
    """The caller's number or user part; empty if it is withheld."""
    called: tuple[str, ...]
    """What was dialled according to each header, the likeliest first, without duplicates; `("",)` if nothing is
    known."""
    name: str = ""
    """The caller's name as given by their telephone or exchange; not to be trusted."""


def identify(invite: SipMessage, address: str, sip: SipSettings, *, trusted: bool = False) -> Identity:
    """`address` (`host:port`) is where the INVITE came from; only a trusted address may assert an identity (RFC 3325).

    `trusted`: whether it is trusted regardless of `sip.trusted`.
    """
    # A trusted trunk says who calls even if the caller withholds their number from strangers (RFC 3325 section 7).
    asserted = _asserted(invite) if trusted or _is_trusted(address, sip.trusted) else []
    own = [] if _is_private(invite) else [invite.header("from")]
    caller = _caller(asserted, sip) or _caller(own, sip)
    name = next(filter(None, map(display_name, (*asserted, *own))), "")
    called: list[str] = []
    for source in sip.called_from:
        # The original number comes first in History-Info, and last in Diversion.
        entries = (invite.uri,) if source == "request" else invite.entries(source)
        if source == "diversion":
            entries = entries[::-1]
        elif source == "history-info":
            entries = tuple(sorted(entries, key=_index))
        for entry in entries:
            number = _number(entry, sip)
            if number and number.lower() not in WITHHELD and number not in called:
                called.append(number)
    return Identity(caller, tuple(called) or ("",), name)


def _caller(entries: Iterable[str], sip: SipSettings) -> str:
    """Who calls, by name addresses: the first whole number (with `+`), else the first number, because another entry may
    be an extension, or a trunk's or an account's name (RFC 3325 section 9.1).
    """
    callers = [caller for entry in entries if not is_withheld(caller := _number(entry, sip))]
    return min(callers, key=lambda caller: (not _DIGITS.fullmatch(caller), not caller.startswith("+")), default="")


def _index(entry: str) -> tuple[int, ...]:
    """The place of a History-Info entry (RFC 7044 section 5), whose header lines some proxies put first; () if it has
    none.
    """
    found = _INDEX.search(entry.rpartition(">")[2])
    return tuple(map(int, found[1].split("."))) if found else ()


def _asserted(invite: SipMessage) -> list[str]:
    """The caller according to a trusted sender."""
    # Before P-Asserted-Identity, PBXes wrote Remote-Party-ID (draft-ietf-sip-privacy-04), and many still do.
    parties = [party for party in invite.entries("remote-party-id") if "party=called" not in party.lower()]
    return [*invite.entries("p-asserted-identity"), *parties]


def _is_private(invite: SipMessage) -> bool:
    """Whether the caller withholds their identity."""
    return any(_PRIVATE & set(re.split(r"[;,\s]+", value.lower())) for value in invite.all("privacy"))


def e164(number: str, sip: SipSettings) -> str:
    """Converts `number` to E.164 with `+`, as far as the settings say how. Anything but a telephone number is returned
    unchanged."""
    tidy = _SEPARATORS.sub("", _TRUNK_ZERO.sub(r"\1", number))
    if not _DIGITS.fullmatch(tidy):
        return number
    international, national, country = sip.international_prefix, sip.national_prefix, sip.country
    # No country code begins with 0, but some gateways write + before whatever was dialled.
    tidy = tidy.removeprefix("+") if tidy.startswith("+0") else tidy
    if tidy.startswith("+"):
        return tidy
    abroad = tidy.removeprefix(international) if international and tidy.startswith(international) else ""
    if len(abroad) >= LEAST_NATIONAL and not abroad.startswith("0"):
        return "+" + abroad
    if country == "1" and _NANP.fullmatch(tidy):
        tidy = "1" + tidy
    if country and tidy.startswith(country) and len(tidy) >= LEAST_E164:
        return "+" + tidy
    if country and tidy.startswith(national) and len(tidy) >= len(national) + LEAST_NATIONAL:
        return f"+{country}{tidy.removeprefix(national)}"
    return tidy


def same_number(number: str, whole: Iterable[str], sip: SipSettings) -> str:
    """The number in `whole` (E.164 with `+`) that `number` may stand for if `sip.country` is not set; empty if there is
    none.

    That is the same number without its `+`, or one in national format that matches the end of exactly one of them.
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
    """Whether `sip.transfer_to` allows a caller to be transferred to `uri`."""
    return is_allowed(e164(user_part(uri), sip), sip.transfer_to)


def national(number: str, sip: SipSettings) -> str:
    """`number` in national format if it belongs to the country in the settings; otherwise unchanged."""
    country = f"+{sip.country}"
    return sip.national_prefix + number.removeprefix(country) if sip.country and number.startswith(country) else number


def _number(address: str, sip: SipSettings) -> str:
    within = _CONTEXT.search(address)
    if within and sip.international_prefix and within[1].startswith(sip.international_prefix):
        within = None
    return e164(f"+{within[2]}{within[1]}" if within else user_part(address), sip)


def _is_trusted(address: str, networks: Iterable[str]) -> bool:
    try:
        host = ip_address(address.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return any(host in ip_network(network, strict=False) for network in networks)
