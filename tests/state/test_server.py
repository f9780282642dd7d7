"""The embedded Redis: a real server, started, shared, killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import psutil
import pytest

from phone_daemon.state import server as server_module
from phone_daemon.state.server import RedisServer, RedisServerError

DAEMON = """
import asyncio, pathlib, sys
from phone_daemon.state.server import RedisServer
async def main():
    server = RedisServer(pathlib.Path(sys.argv[1]))
    await server.ensure()
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def ping(server: RedisServer) -> bytes:
    reader, writer = await asyncio.open_unix_connection(server.socket)
    writer.write(b"PING\r\n")
    answer = await reader.readline()
    writer.close()
    return answer


async def test_it_serves_on_a_socket_that_only_its_owner_can_reach(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    await server.ensure()
    try:
        assert await ping(server) == b"+PONG\r\n"
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        assert server.pid is not None
        assert not psutil.Process(server.pid).net_connections("inet")
    finally:
        await server.stop()
    assert not server.socket.exists()


async def test_a_second_daemon_uses_the_first_ones_server_and_never_ends_it(tmp_path: Path) -> None:
    first, second = RedisServer(tmp_path), RedisServer(tmp_path)
    await first.ensure()
    try:
        await second.ensure()
        assert second.pid is None
        await second.stop()
        assert await ping(first) == b"+PONG\r\n"
    finally:
        await first.stop()
    await second.ensure()  # its folder no longer has a server: now it starts one
    assert second.pid is not None
    await second.stop()


async def test_of_many_that_start_at_once_one_has_the_server(tmp_path: Path) -> None:
    servers = [RedisServer(tmp_path) for _ in range(5)]
    await asyncio.gather(*(server.ensure() for server in servers))
    try:
        assert sum(server.pid is not None for server in servers) == 1
    finally:
        for server in servers:
            await server.stop()


async def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    path = server_module.socket_path(tmp_path)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    server = RedisServer(tmp_path)
    await server.ensure()
    assert await ping(server) == b"+PONG\r\n"
    await server.stop()


async def test_it_ends_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DAEMON, tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert daemon.stdout is not None
    server = psutil.Process(int(await daemon.stdout.readline()))
    daemon.kill()
    await daemon.wait()
    await asyncio.to_thread(psutil.wait_procs, [server], 5)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    heir = RedisServer(tmp_path)
    await heir.ensure()
    assert heir.pid is not None
    await heir.stop()


async def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    await server.ensure()
    killed = server.pid
    assert killed is not None
    process = psutil.Process(killed)
    os.kill(killed, signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, [process], 5)
    await server.ensure()
    assert server.pid not in (None, killed)
    await server.stop()


async def test_a_path_too_long_for_a_socket_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(RedisServerError, match=r"too long.*state\.directory"):
        await RedisServer(tmp_path / ("x" * 100)).ensure()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RedisServerError, match=r"file/redis: Not a directory"):
        await RedisServer(tmp_path / "file").ensure()


async def test_a_server_that_cannot_start_tells_its_own_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_MEMORY", "plenty")
    with pytest.raises(RedisServerError, match="gave up at once: argument must be a memory value"):
        await RedisServer(tmp_path).ensure()


async def test_without_its_package_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "find_spec", lambda name: None)
    with pytest.raises(RedisServerError, match="set REDIS_URL"):
        await RedisServer(tmp_path).ensure()
