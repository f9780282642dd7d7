"""The STUN and TURN servers of `[web] ice_servers`: for us, and for the browser."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from aiortc import RTCIceServer
from aiortc.rtcicetransport import parse_stun_turn_uri


def parse(uris: Iterable[str]) -> list[RTCIceServer]:
    """Parses URIs as defined in RFC 7064 and 7065; those of TURN have `USER:PASSWORD@` before the host. No URIs give no
    servers. Raises `ValueError` with one line. aiortc uses the first STUN server and the first TURN server.
    """
    return [_server(uri) for uri in uris]


def links(servers: Iterable[RTCIceServer]) -> list[str]:
    """The servers' Link headers (RFC 9725 section 4.6)."""
    return [
        f'<{server.urls}>; rel="ice-server"'
        + (
            f'; username="{server.username}"; credential="{server.credential}"; credential-type="password"'
            if server.username
            else ""
        )
        for server in servers
    ]


def _server(uri: str) -> RTCIceServer:
    match = re.fullmatch(r'(stun|turns?):(?:([^:@"\s]+):([^@"\s]+)@)?([^@"\s]+)', uri)
    if match is None or (match[1] == "stun") == bool(match[2]):
        raise ValueError(
            f"web.ice_servers: {re.sub(':[^:@]*@', ':…@', uri)!r}: "
            'write "stun:HOST:PORT", or "turn:USER:PASSWORD@HOST:PORT" ("?transport=tcp" may follow)'
        )
    scheme, user, password, place = match.groups()
    plain = f"{scheme}:{place}"
    try:
        if parse_stun_turn_uri(plain).get("transport", "udp") not in ("udp", "tcp"):
            raise ValueError("its transport is udp or tcp")
    except ValueError as error:
        raise ValueError(f"web.ice_servers: {plain!r}: {error}") from None
    return RTCIceServer(plain, user and unquote(user), password and unquote(password))
