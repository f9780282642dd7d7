"""`[[trunk]]`: where calls come from and go to besides whoever reaches the bind address, and what each trunk may do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.values import MODEL, REQUIRED, FilePath, Flag, Texts, between

SIP_PORT = 5060


@dataclass(frozen=True, slots=True, config=MODEL)
class RegisterKeys:
    """An account at a registrar (RFC 3261 section 10): a provider's, a PBX's or a home router's."""

    registrar: Annotated[Texts, REQUIRED] = ()
    """Its host name or address, with ":port" if that is not 5060. A name without a port is looked up as SRV first (RFC
    3263). Of several, the next is asked when one does not answer."""
    user: Annotated[str, REQUIRED] = ""
    """The account's name, or the extension."""
    auth_user: str = ""
    """The name that goes with the password, where it is another one than `user`."""
    password_env: str = ""
    """The environment variable that holds the password."""
    password_file: FilePath | None = Field(default=None, examples=[Path("trunk.password")])
    """The file that holds it, instead."""
    realm: str = "*"
    """The only realm that the password is for; "*": whichever asks (RFC 2617, RFC 8760: MD5, SHA-256)."""
    expires_s: Annotated[int, between(20, 86_400)] = 300
    """How long a registration is asked for; it is renewed before that."""


@dataclass(frozen=True, slots=True, config=MODEL)
class TrunkSettings:
    """A trunk: `register` for an account, or `addresses` for one that is known by where it sends from.

    With any trunk, nobody else is answered: their requests get 403. Without `[sip] bind` the daemon then listens on
    every interface.
    """

    name: Annotated[str, REQUIRED] = ""
    """What it is called in the log, in metrics and by `phone-ops trunks`: letters, digits, "_" and "-"."""
    register: RegisterKeys | None = None
    addresses: Texts = ()
    """Networks that it sends from, such as "192.0.2.0/24": calls from there are its calls."""
    dialplans: Texts = ()
    """Names of the dialplans that answer its calls; the first of them also answers an account's call whose number none
    of them has. None: all dialplans."""
    max_calls: Annotated[int, between(0, 10_000)] = 0
    """Calls at a time, both ways; more get 503. 0: as many as there is room for."""
    trust: Flag = False
    """Whether its P-Asserted-Identity names the caller (RFC 3325), as from the networks in `[sip] trusted`."""
    options_s: Annotated[float, between(0, 3600)] = 0.0
    """How often it is asked with OPTIONS whether it is there; 0: never."""
    proxy: str = ""
    """Where its calls out go, host or host:port. Empty: to the registrar."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """What requests to it travel by. tcp: `[sip] transports` has it as well; tls: the edge speaks it."""
    caller_id: str = ""
    """The number that is shown to whom we call. Empty: the account's user."""
    allow: Texts = ()
    """Numbers that may be called, in E.164: "+442079460100", or "+4420*" for all that begin so. None: no calls out."""
    per_hour: Annotated[int, between(0, 100_000)] = 60
    """Calls out in any 60 minutes."""
    minutes_a_day: Annotated[int, between(0, 1_000_000)] = 240
    """The budget: minutes of calls out in any 24 hours."""


def secret(register: RegisterKeys, environ: Mapping[str, str] = os.environ) -> str:
    """The account's password. Raises `ValueError` with what is missing, and never with what is there."""
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
    """`host` or `host:port` apart; port 0: none is given. Raises `ValueError` where it is neither."""
    host, colon, port = text.rpartition(":") if ":" in text else (text, "", "")
    if not host or not all(each.isalnum() or each in "-._" for each in host):
        raise ValueError(text)
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(text)
    return host, int(port) if colon else 0


def is_numeric(host: str) -> bool:
    """Whether `host` is an IP address, and needs no name server."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
