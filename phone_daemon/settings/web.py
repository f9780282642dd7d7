"""`[web]` and `[[webhook]]`: the page, the API and the WebSocket, and who is told of what happens in calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.values import MODEL, REQUIRED, FilePath, Flag, Texts, between

EVENTS = ("started", "turn", "barge_in", "action", "ended")
"""What a webhook may be told of."""


@dataclass(frozen=True, slots=True, config=MODEL)
class WebSettings:
    """A web server beside the daemon: a page to call from, an API, calls by WebRTC and WebSocket (docs/web.md)."""

    on: Flag = False
    """Whether it is started (`phone-daemon serve --web` starts it, too)."""
    bind: str = "127.0.0.1"
    """Address to listen on. It speaks plain HTTP: put a proxy with TLS in front before it is anything but loopback."""
    port: Annotated[int, between(0, 65535)] = 8070
    """TCP port; 0: any free port."""
    max_calls: Annotated[int, between(1, 1000)] = 16
    """Calls from the web at a time; more are told that all lines are taken."""
    called: str = ""
    """The number that a call from the web dials when it names none. Empty: one that the first dialplan answers."""
    idle_s: Annotated[float, between(1, 3600)] = 30.0
    """A call whose client sends no audio for this long is ended."""
    tokens: FilePath | None = Field(default=None, examples=[Path("tokens.toml")])
    """A file of who may do what: a table for each name, with `token`, `role` (watch, operate or admin) and, if it shall
    end, `expires`. The environment variable PHONE_WEB_TOKENS holds "role:token" pairs instead, separated by spaces.
    Neither: a token is made at each start and stands in the link that is printed."""
    origins: Texts = ()
    """Other sites whose pages may use the API and the WebSocket, such as "https://desk.example.com"."""
    hosts: Texts = ()
    """Names by which browsers reach it through a proxy, such as "phone.example.com"; others are refused."""
    requests_a_minute: Annotated[int, between(10, 1_000_000)] = 600
    """Of one client, whose further requests get 429. What needs no token and is refused counts tenfold."""
    ice_servers: Texts = ()
    """STUN and TURN servers for WebRTC, such as "stun:stun.example.com:3478" or "turn:USER:PASSWORD@HOST:3478"."""
    announce: Flag = False
    """Whether the caller is told before a colleague takes the call over."""
    keep_days: Annotated[float, between(0, 36_500)] = 0.0
    """Past calls are removed after so many days: audio, transcripts, rows. 0: never."""
    keep_gb: Annotated[float, between(0, 1_000_000)] = 0.0
    """The oldest are removed while all of them together take more. 0: no limit."""


@dataclass(frozen=True, slots=True, config=MODEL)
class WebhookSettings:
    """A program that is told of calls by HTTP POST (docs/webhooks.md). Needs `[web] on`."""

    url: Annotated[str, REQUIRED] = ""
    """Where to post."""
    secret_env: str = ""
    """The environment variable with the secret that each message is signed with (Standard Webhooks: "whsec_…")."""
    events: Texts = EVENTS
    """Which: started, turn, barge_in, action, ended (with the whole transcript)."""
    deadline_s: Annotated[float, between(0.1, 60)] = 10.0
    """A receiver that takes longer to answer is tried again."""
    give_up_s: Annotated[float, between(1, 604_800)] = 86_400.0
    """For how long a message is tried again, at growing intervals."""
