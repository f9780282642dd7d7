"""What no type and no range can say of `[web]` and `[[webhook]]`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from phone_daemon.settings.problems import Problems, nearest
from phone_daemon.settings.values import is_http
from phone_daemon.settings.web import EVENTS, WebhookSettings, WebSettings

ICE = ("stun", "stuns", "turn", "turns")
SECRET = "whsec_"
LEAST_SECRET = 24
"""The shortest secret in bytes, as the standard requires."""


def check_web(
    web: WebSettings,
    webhooks: tuple[WebhookSettings, ...],
    environ: Mapping[str, str],
    found: Problems,
    *,
    serving: bool,
    secrets: bool,
) -> None:
    """`serving`: also whether the process that sends webhooks is on; `secrets`: whether tokens and secrets are here."""
    try:
        ip_address(web.bind)
    except ValueError:
        found.add(("web", "bind"), f'"{web.bind}" is not an IP address; write "127.0.0.1", or "0.0.0.0" for all')
    if secrets and web.tokens is not None and not web.tokens.is_file():
        found.add(("web", "tokens"), f"no such file: {web.tokens}; paths are relative to the settings file")
    for index, origin in enumerate(web.origins):
        parts = urlsplit(origin)
        if not is_http(origin) or parts.path.strip("/") or parts.query:
            found.add(
                ("web", "origins", index), f'"{origin}" is not an origin; write one such as "https://desk.example.com"'
            )
    for index, host in enumerate(web.hosts):
        if "/" in host or ":" in host:
            found.add(("web", "hosts", index), f'"{host}" is not a host name; write one such as "phone.example.com"')
    for index, server in enumerate(web.ice_servers):
        scheme, colon, rest = server.partition(":")
        if scheme not in ICE or not colon or not rest:
            what = f'"{server.partition("@")[2] or server}" is not a STUN or TURN server; write "stun:HOST:3478"'
            found.add(("web", "ice_servers", index), what)
    for at, hook in enumerate(webhooks):
        if hook.url and not is_http(hook.url):
            found.add(("webhook", at, "url"), "is not an HTTP address; write one such as https://crm.example.com/calls")
        for index, event in enumerate(hook.events):
            if event not in EVENTS:
                found.add(("webhook", at, "events", index), f'unknown event "{event}"; {nearest(event, EVENTS)}')
        if hook.secret_env and secrets:
            _check_secret(at, hook.secret_env, environ, found)
    if webhooks and serving and not web.on:
        found.add(("webhook", 0, "url"), "needs the web process, which sends them; write on = true under [web]")


def _check_secret(at: int, variable: str, environ: Mapping[str, str], found: Problems) -> None:
    text = environ.get(variable, "")
    try:
        secret_of(text)
    except BadSecret as error:
        what = "is not set" if not text else "holds no such secret"
        found.add(("webhook", at, "secret_env"), f"the environment variable {variable} {what}; {error}")


class BadSecret(ValueError):
    """A secret that does not follow the standard. The message says what does, without the secret."""


def secret_of(text: str) -> bytes:
    """The key in `whsec_…` (Standard Webhooks). Raises `BadSecret`."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET) or len(key) < LEAST_SECRET:
        raise BadSecret(
            f'a secret of Standard Webhooks is "{SECRET}" and {LEAST_SECRET} bytes or more in base64; '
            f"`echo {SECRET}$(openssl rand -base64 32)` makes one"
        )
    return key
