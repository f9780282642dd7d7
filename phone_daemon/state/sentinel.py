"""Redis behind Sentinels, which know which of several servers is the master (redis.io/docs, "High availability")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

SCHEME = "redis+sentinel"
PORT = 26_379
EXAMPLE = f"{SCHEME}://HOST:{PORT},HOST:{PORT}/NAME"
"""NAME is the master's, as the Sentinels know it."""

ANSWER_S = 0.5
"""A Sentinel that takes longer to answer is skipped, because there are others."""


@dataclass(frozen=True, slots=True)
class Sentinels:
    hosts: tuple[tuple[str, int], ...]
    name: str
    database: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    """The password of the master and its replicas; Sentinels are asked without a password."""

    def __str__(self) -> str:
        """The Sentinels and the name of the master, without the password."""
        return f"{SCHEME}://{','.join(f'{host}:{port}' for host, port in self.hosts)}/{self.name}"

    def client(self, **options: Any) -> Redis:
        """A client of the server that is the master when it connects; closing it also closes the connections to the
        Sentinels."""
        once = {"socket_timeout": ANSWER_S, "socket_connect_timeout": ANSWER_S, "retry": Retry(NoBackoff(), 0)}
        asked = Sentinel(list(self.hosts), sentinel_kwargs=once)  # type: ignore[no-untyped-call]
        client: Redis = asked.master_for(
            self.name, _Master, db=self.database, username=self.user, password=self.password, **options
        )
        return client


class _Master(Redis):
    async def aclose(self, *args: Any, **named: Any) -> None:
        await super().aclose(*args, **named)
        pool = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels if isinstance(pool, SentinelConnectionPool) else ():
            await sentinel.aclose()


def parse(url: str) -> Sentinels:
    """`redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT],…/NAME[/DATABASE]`. Raises `ValueError`, which quotes nothing."""
    try:
        parts = urlsplit(url)
        secret, _, hosts = parts.netloc.rpartition("@")
        user, _, password = secret.partition(":")
        name, _, database = parts.path.removeprefix("/").partition("/")
        pairs = [
            host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "") for host in hosts.split(",")
        ]
        found = Sentinels(
            tuple((host.strip("[] "), int(port or PORT)) for host, _, port in pairs),
            unquote(name),
            int(database or 0),
            unquote(user) or None,
            unquote(password) or None,
        )
    except ValueError:
        found = Sentinels((), "")
    if not found.name or not found.hosts or any(not host for host, _ in found.hosts):
        raise ValueError(f"not the address of Sentinels: write {EXAMPLE}")
    return found
