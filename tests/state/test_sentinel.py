"""Redis behind a real Sentinel: if the master dies, its replacement carries the state on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ops.live.ports import free_port
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import where
from phone_daemon.state.sentinel import Sentinels, parse
from phone_daemon.state.server import binary
from phone_daemon.state.store import State, daemon_key

PATIENCE_S = 20.0


@pytest.mark.parametrize(
    ("url", "is_"),
    [
        ("redis+sentinel://a:1,b/calls", Sentinels((("a", 1), ("b", 26379)), "calls")),
        (
            "redis+sentinel://:p%40s@[::1]:7,[fe80::1]/n/3",
            Sentinels((("::1", 7), ("fe80::1", 26379)), "n", 3, None, "p@s"),
        ),
        ("redis+sentinel://u:p@a/n", Sentinels((("a", 26379),), "n", 0, "u", "p")),
    ],
)
def test_the_url_names_who_is_asked_and_for_whom(url: str, is_: Sentinels) -> None:
    assert parse(url) == is_


@pytest.mark.parametrize(
    "url", ["redis+sentinel://a:1", "redis+sentinel:///n", "redis+sentinel://a:s3cret/n", "redis+sentinel://a/n/x"]
)
def test_another_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="not the address of Sentinels: write redis\\+sentinel://HOST") as refused:
        parse(url)
    assert "s3cret" not in str(refused.value)


def test_the_password_is_not_told() -> None:
    shown = where(StateSettings(url="redis+sentinel://:s3cret@a:1,b:2/calls"))
    assert shown == "Redis at redis+sentinel://a:1,b:2/calls"


@asynccontextmanager
async def running(folder: Path, port: int, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(binary(), *arguments, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 (another process brings it about)
            await asyncio.sleep(0.02)


async def test_a_master_that_dies_is_followed_by_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first, second, asked = (free_port() for _ in range(3))
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"sentinel monitor calls 127.0.0.1 {first} 1\nsentinel down-after-milliseconds calls 300\n"
        "sentinel failover-timeout calls 2000\n"
    )
    replica = ("--save", "", "--replicaof", "127.0.0.1", str(first), "--repl-diskless-sync-delay", "0")
    async with (
        running(tmp_path, first, "--save", "", "--repl-diskless-sync-delay", "0") as master,
        running(tmp_path, second, *replica),
        running(tmp_path, asked, str(config), "--sentinel"),
    ):
        # The first Sentinel is down: the next one is asked.
        settings = StateSettings(url=f"redis+sentinel://127.0.0.1:9,127.0.0.1:{asked}/calls", lease_s=2.0)
        direct = Redis(host="127.0.0.1", port=second, decode_responses=True)
        sentinel = Redis(host="127.0.0.1", port=asked, decode_responses=True)
        async with State.open(settings) as state, direct, sentinel:

            async def is_there() -> bool:
                return state.ready and bool(await direct.exists(daemon_key(state.daemon)))

            async def is_master() -> bool:
                return str((await direct.info("replication"))["role"]) == "master"

            async def is_known() -> bool:
                return bool(await sentinel.execute_command("SENTINEL REPLICAS", "calls"))  # type: ignore[no-untyped-call]

            await until(is_there)
            # A Sentinel asks a master for its replicas every ten seconds, and follows only to one that it knows.
            await until(is_known)
            assert not await is_master()
            master.kill()
            await until(is_master)
            await direct.flushall()
            await until(is_there)
        assert "state.lost" in caplog.text
