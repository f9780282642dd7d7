"""`[[trunk]]`: where calls come from and go to, and what each trunk may do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.values import MODEL, REQUIRED, FilePath, Flag, Texts, between

SIP_PORT = 5060


@dataclass(frozen=True, slots=True, config=MODEL)
class RegisterKeys:
    """An account at a registrar (RFC 3261 section 10): a provider's, a PBX's, or a home router's."""

    registrar: Annotated[Texts, REQUIRED] = ()
    """Its host name or address, with ":port" if that is not 5060. A name without a port is looked up as SRV first (RFC
    3263). In a list, the next registrar is tried when one does not answer."""
    user: Annotated[str, REQUIRED] = ""
    """The account's name, or the extension."""
    auth_user: str = ""
    """The user name for authentication, if it differs from `user`."""
    password_env: str = ""
    """The environment variable that holds the password."""
    password_file: FilePath | None = Field(default=None, examples=[Path("trunk.password")])
    """The file that holds the password, instead of `password_env`."""
    realm: str = "*"
    """The only realm to which the password is given; "*": any realm that asks (RFC 2617, RFC 8760: MD5, SHA-256)."""
    expires_s: Annotated[int, between(20, 86_400)] = 300
    """Requested lifetime of a registration, which is renewed before it expires."""


@dataclass(frozen=True, slots=True, config=MODEL)
class TrunkSettings:
    """A trunk: either an account, with `register`, or a peer that is recognized by the `addresses` it sends from.

    Once there is a trunk, nobody else is answered: their requests get 403. If `[sip] bind` is not set, the daemon then
    listens on every interface.
    """

    name: Annotated[str, REQUIRED] = ""
    """Its name in the log, in metrics, and in `phone-ops trunks`: letters, digits, "_", and "-"."""
    register: RegisterKeys | None = None
    addresses: Texts = ()
    """Networks that the trunk sends from, such as "192.0.2.0/24", or host names, which are looked up again and again:
    calls from there belong to it."""
    dialplans: Texts = ()
    """Names of the dialplans that answer its calls. For an account, the first also answers calls to numbers that no
    dialplan in the list names. None: all dialplans."""
    max_calls: Annotated[int, between(0, 10_000)] = 0
    """Calls at a time, in both directions; further calls get 503. 0: as many as there is room for."""
    trust: Flag = False
    """Whether its P-Asserted-Identity is believed to name the caller (RFC 3325), as for the networks in `[sip]
    trusted`."""
    options_s: Annotated[float, between(0, 3600)] = 0.0
    """How often to check with OPTIONS whether the trunk is reachable; 0: never."""
    proxy: str = ""
    """Where outgoing calls are sent, as host or host:port. Empty: to the registrar."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """Transport for requests to the trunk. tcp: `[sip] transports` must include it; tls: only through the edge."""
    srtp: Literal["auto", "on", "off"] = "auto"
    """Whether outgoing calls are offered as SRTP, with keys in the SDP (RFC 4568): only through the edge. auto: if
    `transport` is "tls", without which anyone on the way can read the keys. Incoming calls are answered in kind."""
    caller_id: str = ""
    """The number shown to the people we call. Empty: the account's user."""
    allow: Texts = ()
    """Numbers that may be called, in E.164: "+442079460100", or "+4420*" for all numbers with this prefix. None: no
    outgoing calls."""
    per_hour: Annotated[int, between(0, 100_000)] = 60
    """Outgoing calls in any 60 minutes."""
    minutes_a_day: Annotated[int, between(0, 1_000_000)] = 240
    """The budget: minutes of outgoing calls in any 24 hours."""

    @property
    def names(self) -> tuple[str, ...]:
        """What is to be looked up, as host or host:port: its registrars, its proxy, and names among `addresses`."""
        registrars = self.register.registrar if self.register else ()
        proxy = (self.proxy,) if self.proxy else ()
        return (*registrars, *proxy, *(each for each in self.addresses if not is_network(each)))


def secret(register: RegisterKeys, environ: Mapping[str, str] = os.environ) -> str:
    """The account's password. Raises `ValueError` that says what is missing and never contains the password."""
    if register.password_env:
        if not (found := environ.get(register.password_env, "")):
            raise ValueError(f"the environment variable {register.password_env} is not set or is empty; set it")
        return found
    if register.password_file is None:
        raise ValueError("neither password_env nor password_file says where the password is")
    try:
        text = register.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "not UTF-8 text"
        raise ValueError(f"{register.password_file}: {why}; write the password there, or set password_env") from None
    if not text:
        raise ValueError(f"{register.password_file} is empty; write the password there")
    return text


def host_port(text: str) -> tuple[str, int]:
    """Splits `host` or `host:port`; port 0: none is given. Raises `ValueError` for anything else."""
    host, colon, port = text.rpartition(":") if ":" in text else (text, "", "")
    if not host or not all(each.isalnum() or each in "-._" for each in host):
        raise ValueError(text)
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(text)
    return host, int(port) if colon else 0


def is_numeric(host: str) -> bool:
    """Whether `host` is an IP address, which needs no name server."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Whether `text` is an IP network or address, rather than a name."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
