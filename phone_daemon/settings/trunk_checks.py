"""What no type can say of `[[trunk]]` tables: their names, addresses, numbers, and how they fit each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from phone_daemon.settings.problems import Problems, nearest
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.trunks import TrunkSettings, host_port, is_network, secret

_NAME = re.compile(r"[\w-]+")
_ALLOWED = re.compile(r"\+?\d+\*?|\*", re.ASCII)
_DOMAIN = re.compile(r"(?:[\w-]+\.)+[a-z][\w-]*", re.ASCII | re.IGNORECASE)
"""A host name that cannot be meant as an address."""
_USER = re.compile(r"[^\s@:;<>\"]+")


def check_trunks(settings: Settings, environ: Mapping[str, str], found: Problems, *, secrets: bool) -> None:
    """Adds what is wrong to `found`; `secrets`: also what passwords are missing."""
    for at, trunk in enumerate(settings.trunk):
        key = ("trunk", at)
        _check_name(trunk, settings.trunk[:at], found, key)
        if trunk.register is None and not trunk.addresses and not found.known((*key, "register")):
            found.lack(key, 'lacks a way in; write register = { … } for an account, or addresses = ["192.0.2.0/24"]')
        _check_account(trunk, environ, found, key, secrets=secrets)
        for index, network in enumerate(trunk.addresses):
            if problem := _network_problem(network):
                found.add((*key, "addresses", index), problem)
            elif rival := _claims(network, settings.trunk[:at]):
                what = f'"{network}" is also trunk "{rival}"\'s: whose call would one from there be? Take it out of one'
                found.add((*key, "addresses", index), what)
        for index, pattern in enumerate(trunk.allow):
            if not _ALLOWED.fullmatch(pattern):
                found.add((*key, "allow", index), f'"{pattern}" is not a number; write "+442079460100" or "+4420*"')
        if trunk.caller_id and not _USER.fullmatch(trunk.caller_id):
            found.add((*key, "caller_id"), f'"{trunk.caller_id}" is not a number; write one such as "+442079460100"')
        if trunk.proxy and not _is_host(trunk.proxy):
            found.add((*key, "proxy"), f'"{trunk.proxy}" is not a host; write "sip.example.com" or "192.0.2.7:5060"')
        if trunk.allow and trunk.register is None and not trunk.proxy:
            found.add((*key, "allow"), 'needs to know where calls out go; write proxy = "192.0.2.7"')
        if trunk.options_s and trunk.register is None and not trunk.proxy:
            found.add((*key, "options_s"), 'needs to know whom to ask; write proxy = "192.0.2.7"')
        if trunk.transport == "tls" and not settings.edge.bind:
            found.add((*key, "transport"), 'is "tls", which only the edge speaks; set [edge] bind, or write "tcp"')
        elif trunk.srtp == "on" and not settings.edge.bind:
            found.add((*key, "srtp"), 'is "on", which only the edge speaks; set [edge] bind, or write "off"')
        elif trunk.transport == "tcp" and "tcp" not in settings.sip.transports:
            found.add((*key, "transport"), 'is "tcp", which [sip] transports lacks; add it there')
    for at, rival in same_accounts(settings.trunk):
        what = f'is the account of trunk "{rival}", too: only one can get its calls; take it out of one'
        found.add(("trunk", at, "register", "user"), what)


def _check_name(trunk: TrunkSettings, before: Iterable[TrunkSettings], found: Problems, key: tuple[str, int]) -> None:
    if not trunk.name or found.known((*key, "name")):
        return
    if not _NAME.fullmatch(trunk.name):
        found.add((*key, "name"), f'"{trunk.name}" is not a valid name; use letters, digits, "_" and "-"')
    elif trunk.name in [each.name for each in before]:
        found.add((*key, "name"), f'"{trunk.name}" is also the name of another trunk; choose another')


def _check_account(
    trunk: TrunkSettings, environ: Mapping[str, str], found: Problems, at: tuple[str, int], *, secrets: bool
) -> None:
    register, key = trunk.register, (*at, "register")
    if register is None:
        return
    for index, registrar in enumerate(register.registrar):
        if not _is_host(registrar):
            what = f'"{registrar}" is not a host; write "sip.example.com" or "192.0.2.7:5060"'
            found.add((*key, "registrar", index), what)
    for name in ("user", "auth_user"):
        value = getattr(register, name)
        if value and not _USER.fullmatch(value):
            found.add((*key, name), f'"{value}" is not a user name; write the part before the "@" alone')
    has_file = register.password_file is not None
    if bool(register.password_env) == has_file:
        lacks = 'lacks the password; write password_env = "NAME_OF_A_VARIABLE"'
        found.add(key, "has both password_env and password_file; take one out" if has_file else lacks)
    elif secrets:
        try:
            secret(register, environ)
        except ValueError as error:
            found.add((*key, "password_file" if has_file else "password_env"), str(error))


def same_accounts(trunks: Iterable[TrunkSettings]) -> Iterable[tuple[int, str]]:
    """Trunks that register what another does already: their places, and the other's name."""
    known: dict[tuple[str, str], str] = {}
    for at, trunk in enumerate(trunks):
        for registrar in trunk.register.registrar if trunk.register else ():
            account = (registrar.lower(), trunk.register.user if trunk.register else "")
            if account in known and known[account] != trunk.name:
                yield at, known[account]
                break
            known[account] = trunk.name


def unknown_dialplans(trunks: Iterable[TrunkSettings], names: Iterable[str]) -> list[str]:
    """A line for each dialplan that a trunk names and that is not among `names`."""
    known = list(names)
    return [
        f'[[trunk]] "{trunk.name}": dialplans: there is no dialplan "{name}"; {nearest(name, known)}'
        for trunk in trunks
        for name in trunk.dialplans
        if name not in known
    ]


def _network_problem(text: str) -> str:
    if is_network(text) or _DOMAIN.fullmatch(text):
        return ""
    return f'"{text}" is not a network; write one such as "192.0.2.0/24"'


def _claims(network: str, others: Iterable[TrunkSettings]) -> str:
    """The name of the trunk that has part of `network` already; empty: none."""
    for trunk in others:
        for text in trunk.addresses:
            if text.lower() == network.lower():
                return trunk.name
            if is_network(text) and is_network(network):
                ours, theirs = ip_network(network, strict=False), ip_network(text, strict=False)
                if theirs.version == ours.version and theirs.overlaps(ours):
                    return trunk.name
    return ""


def _is_host(text: str) -> bool:
    try:
        host_port(text)
    except ValueError:
        return False
    return True
