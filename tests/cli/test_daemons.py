"""`daemons = N`: real daemons side by side, started by one command and stopped by one signal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from ops.live.daemon_process import DaemonFailed, DaemonProcess
from ops.live.ports import free_block
from ops.live.processes import children
from ops.witness.probe import Probe, Refused

pytestmark = pytest.mark.long


def pids(parent: int) -> dict[str, int]:
    """The daemons by the block of ports that they use."""
    return {line.rpartition(" ")[2]: pid for pid, line in children(parent).items() if "--block" in line}


async def ready(port: int) -> None:
    """Waits until calls are answered there; a line card that is about to end says 503."""
    async with asyncio.timeout(60):
        while True:
            async with Probe(f"sip:100@127.0.0.1:{port}") as probe:
                try:
                    await probe.answered(timeout=1)
                    return
                except TimeoutError:
                    continue
                except Refused as refused:
                    assert refused.code == 503
            await asyncio.sleep(0.05)


async def taken(port: int) -> socket.socket:
    """Listens on a port as soon as whoever has it lets go of it."""
    async with asyncio.timeout(10):
        while True:
            try:
                return socket.create_server(("127.0.0.1", port))
            except OSError:
                await asyncio.sleep(0.01)


async def test_each_daemon_answers_on_ports_of_its_own_and_a_dead_one_comes_back(tmp_path: Path) -> None:
    first = free_block(2)
    sections = {"daemons": 2, "sip": {"port": first, "cards": 1}}
    async with DaemonProcess(tmp_path / "var", sections, start_s=90) as fleet:
        for port in (first, first + 1):
            await ready(port)
        before = pids(fleet.pid)
        assert set(before) == {"0", "1"}
        os.kill(before["1"], signal.SIGKILL)
        async with Probe(f"sip:100@127.0.0.1:{first}") as probe:
            await probe.answered()
        # The port is not there for the new one either, the first time.
        with await taken(first + 1):
            async with asyncio.timeout(60):
                while "is in use" not in fleet.log():  # noqa: ASYNC110 (another process's log)
                    await asyncio.sleep(0.1)
        await ready(first + 1)
        assert pids(fleet.pid)["1"] != before["1"]
        fleet.signal(signal.SIGTERM)
        assert await fleet.ended(20) == 0


async def test_one_that_cannot_start_is_tried_again_while_another_runs(tmp_path: Path) -> None:
    first = free_block(2)
    sections = {"daemons": 2, "sip": {"port": first, "cards": 1}}
    with socket.create_server(("127.0.0.1", first + 1)):
        async with DaemonProcess(tmp_path / "var", sections, start_s=90) as fleet:
            await ready(first)
            async with asyncio.timeout(60):
                while "daemon.died" not in fleet.log():  # noqa: ASYNC110 (another process's log)
                    await asyncio.sleep(0.1)
            assert "is in use" in fleet.log()
            await ready(first)


async def test_if_none_can_start_the_command_ends(tmp_path: Path) -> None:
    first = free_block(2)
    sections = {"daemons": 2, "sip": {"port": first, "cards": 1}}
    with (
        socket.create_server(("127.0.0.1", first)),
        socket.create_server(("127.0.0.1", first + 1)),
        pytest.raises(DaemonFailed, match=f"{first + 1}.* is in use"),
    ):
        async with DaemonProcess(tmp_path / "var", sections, start_s=90):
            pass
