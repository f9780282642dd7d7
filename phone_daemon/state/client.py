"""How Redis is reached, and how its failures are reported: never with a password, never with data."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import redis.exceptions
import redis.sentinel
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state import sentinel
from phone_daemon.state.server import RedisServerError, socket_path

ANSWER_S = 2.0
"""Redis counts as down if it takes longer than this to answer."""
POLL_S = 1.0
"""Longest time that a command may let Redis wait for something to come."""


def connect(settings: StateSettings) -> Redis:
    """A client of the Redis in `settings`; it connects when it is first used. Raises `ValueError` for a bad url."""
    common: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": POLL_S + ANSWER_S,
        "socket_connect_timeout": ANSWER_S,
        "retry": Retry(NoBackoff(), 0),
    }
    if not settings.url:
        return Redis(unix_socket_path=str(socket_path(settings.directory)), **common)
    if settings.url.startswith(f"{sentinel.SCHEME}:"):
        return sentinel.parse(settings.url).client(**common)
    try:
        return Redis.from_url(settings.url, **common)
    except ValueError:
        # The parser's own message may quote a password that contains a `/` or `#`.
        raise ValueError("not the address of a Redis: redis://, rediss:// or unix://") from None


def where(settings: StateSettings) -> str:
    """The address of the Redis, without its password."""
    if not settings.url:
        return f"embedded Redis on {socket_path(settings.directory)}"
    try:
        if settings.url.startswith(f"{sentinel.SCHEME}:"):
            return f"Redis at {sentinel.parse(settings.url)}"
        parts = urlsplit(settings.url)
        return f"Redis at {parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "Redis at REDIS_URL"


def blame(error: BaseException) -> str:
    """What is wrong with Redis, in words that quote neither data nor secrets."""
    match error:
        case RedisServerError() | ValueError():
            return str(error)
        case redis.exceptions.AuthenticationError():
            return "it wants another user or password"
        case redis.exceptions.ResponseError():
            return f"it refuses to write ({str(error).partition(' ')[0]})"
        case TimeoutError() | redis.exceptions.TimeoutError():
            return "it does not answer in time"
        case OSError() | redis.exceptions.ConnectionError():
            unknown = isinstance(error, redis.sentinel.MasterNotFoundError)
            return "no Sentinel knows the master" if unknown else "it cannot be reached"
    return type(error).__name__
