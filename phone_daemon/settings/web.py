"""`[web]` and `[[webhook]]`: the page, the API, and the WebSocket; and the programs that are notified of events in
calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.values import MODEL, REQUIRED, FilePath, Flag, Texts, between

EVENTS = ("started", "turn", "barge_in", "action", "ended")
"""The kinds of events that a webhook can receive."""


@dataclass(frozen=True, slots=True, config=MODEL)
class WebSettings:
    """A web server beside the daemon: a page to call from, an API, and calls by WebRTC and WebSocket (docs/web.md)."""

    on: Flag = False
    """Whether to start it (`phone-daemon serve --web` also does)."""
    bind: str = "127.0.0.1"
    """Address to listen on. The server speaks plain HTTP: put a TLS proxy in front of it before you set anything but
    loopback."""
    port: Annotated[int, between(0, 65535)] = 8070
    """TCP port; 0: any free port."""
    max_calls: Annotated[int, between(1, 1000)] = 16
    """Calls from the web at a time; further callers are told that all lines are busy."""
    called: str = ""
    """The number that a call from the web dials when it names none. Empty: one that the first dialplan answers."""
    idle_s: Annotated[float, between(1, 3600)] = 30.0
    """A call whose client sends no audio for this long is ended."""
    tokens: FilePath | None = Field(default=None, examples=[Path("tokens.toml")])
    """A file that says who may do what: one table for each name, with `token`, `role` (watch, operate, or admin), and
    optionally `expires`. Alternatively, the environment variable PHONE_WEB_TOKENS holds "role:token" pairs, separated
    by spaces. With neither, a new token is made at each start, as part of the printed link."""
    origins: Texts = ()
    """Other sites whose pages may use the API and the WebSocket, such as "https://desk.example.com"."""
    hosts: Texts = ()
    """Host names under which browsers reach the server through a proxy, such as "phone.example.com"; requests for other
    names are refused."""
    requests_a_minute: Annotated[int, between(10, 1_000_000)] = 600
    """Requests that one client may make in a minute; further ones get 429. A request that is refused although it needs
    no token counts ten times."""
    ice_servers: Texts = ()
    """STUN and TURN servers for WebRTC, such as "stun:stun.example.com:3478" or "turn:USER:PASSWORD@HOST:3478"."""
    announce: Flag = False
    """Whether to tell the caller before a colleague takes over the call."""
    keep_days: Annotated[float, between(0, 36_500)] = 0.0
    """Past calls are removed after this many days, with their audio, transcripts, and index rows. 0: never."""
    keep_gb: Annotated[float, between(0, 1_000_000)] = 0.0
    """The oldest past calls are removed while all of them together take more than this many gigabytes. 0: no limit."""


@dataclass(frozen=True, slots=True, config=MODEL)
class WebhookSettings:
    """A program that is notified of calls by HTTP POST (docs/webhooks.md). Requires `[web] on`."""

    url: Annotated[str, REQUIRED] = ""
    """Where to send the messages."""
    secret_env: str = ""
    """The environment variable that holds the secret for signing messages (Standard Webhooks: "whsec_…")."""
    events: Texts = EVENTS
    """Which events to send: started, turn, barge_in, action, ended (with the whole transcript)."""
    deadline_s: Annotated[float, between(0.1, 60)] = 10.0
    """If the receiver takes longer than this to answer, the message is sent again."""
    give_up_s: Annotated[float, between(1, 604_800)] = 86_400.0
    """How long an undelivered message is retried, at growing intervals."""
