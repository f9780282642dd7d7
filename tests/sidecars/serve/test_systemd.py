"""What systemd learns about a server, on the socket where systemd would listen."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecars.serve.systemd import keep_watchdog, notify


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        yield manager


@pytest.mark.long
def test_the_speech_server_says_that_it_is_ready_and_then_that_it_is_alive(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as manager:
        server = subprocess.Popen(
            [sys.executable, "-m", "sidecars.serve.tts", "--engine", "espeak", "--port", "0"],
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"},
            stderr=subprocess.DEVNULL,
        )
        try:
            told = {manager.recv(100)}
            while b"READY=1" not in told:
                told.add(manager.recv(100))
            assert [manager.recv(100) for _ in range(3)] == 3 * [b"WATCHDOG=1"]
            server.terminate()
            assert server.wait(20) == 0
        finally:
            server.kill()
            server.wait()


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"phone-daemon-test-{os.getpid()}"
    with listening(f"\0{name}") as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("STATUS=loading")
        assert manager.recv(100) == b"STATUS=loading"


def test_nobody_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


async def test_a_server_whose_engine_hangs_is_not_told_to_be_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    engine_works = asyncio.Event()
    with listening(str(tmp_path / "notify")) as manager:
        manager.setblocking(False)
        telling = asyncio.create_task(keep_watchdog(engine_works.wait))
        for _ in range(20):
            await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            manager.recv(100)
        engine_works.set()
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(manager, 100) == b"WATCHDOG=1"
        telling.cancel()
