"""The line card process by itself: started by hand, and controlled over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pjsua2
import pytest

from ops.witness.probe import Probe
from phone_daemon.events import EndReason
from phone_daemon.wire.line_card.__main__ import EXIT_PORT
from phone_daemon.wire.packets import MAX_PACKET, pack, unpack
from phone_daemon.wire.protocol import AskStats, Hello, Stats, Stop
from tests.wire.calls import Ear, card, rung


@contextlib.contextmanager
def started(port: int = 0, **environ: str) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10.0)
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "phone_daemon.wire.line_card", f"--fd={theirs.fileno()}", f"--port={port}"],
            pass_fds=(theirs.fileno(),),
            env={**os.environ, **environ},
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        try:
            yield process, ours
        finally:
            process.kill()
            process.communicate()


def test_it_says_hello_and_stops_when_told() -> None:
    with started() as (process, daemon):
        ((_, hello),) = unpack(daemon.recv(MAX_PACKET))
        assert isinstance(hello, Hello)
        assert hello.pid == process.pid
        assert hello.max_calls >= 4
        assert hello.port
        daemon.send(pack(0, Stop(drain=False)))
        assert process.wait(10.0) == 0


@pytest.mark.parametrize("put", [os.symlink, shutil.copytree])
def test_its_library_may_lie_behind_a_link_and_in_a_folder_with_a_space_in_its_name(
    put: Callable[[Path, Path], object], tmp_path: Path
) -> None:
    packages, moved = Path(pjsua2.__file__).parents[1], tmp_path / "my projects"
    moved.mkdir()
    for name in ("pjsua2", "pjsua2_python.libs"):
        put(packages / name, moved / name)
    with started(PYTHONPATH=os.pathsep.join((str(moved), str(Path.cwd())))) as (process, daemon):
        packet = daemon.recv(MAX_PACKET)
        assert packet, process.communicate()[1]
        ((_, hello),) = unpack(packet)
        assert isinstance(hello, Hello)
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert (str(moved) in maps) == (put is shutil.copytree)


def test_it_never_outlives_its_daemon() -> None:
    with started() as (process, daemon):
        daemon.recv(MAX_PACKET)
        daemon.close()
        assert process.wait(10.0) == 0


def test_signals_meant_for_the_daemon_pass_it_by() -> None:
    with started() as (process, daemon):
        daemon.recv(MAX_PACKET)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        daemon.send(pack(0, AskStats()))
        ((_, stats),) = unpack(daemon.recv(MAX_PACKET))
        assert isinstance(stats, Stats)
        assert stats.calls == 0


def test_a_port_in_use_is_one_clear_line_and_an_exit_code_of_its_own() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", 0))
        port = squatter.getsockname()[1]
        with started(port) as (process, _):
            _, said = process.communicate(timeout=10.0)
            assert process.returncode == EXIT_PORT
            assert f"127.0.0.1:{port}/udp is in use" in said
            assert len(said.splitlines()) == 1


def test_a_packet_that_is_no_packet_ends_the_card_and_not_in_silence() -> None:
    with started() as (process, daemon):
        daemon.recv(MAX_PACKET)
        daemon.send(b"\xff nonsense")
        _, said = process.communicate(timeout=10.0)
        assert process.returncode == 1
        assert "malformed line card packet" in said


async def test_a_call_that_has_the_place_of_another_is_told_of_to_its_end() -> None:
    """A card that was held up reads the BYE of one call and the INVITE of the next together."""
    async with card() as ours:
        for _ in range(3):
            ears = []
            before = [Probe(f"sip:4711@127.0.0.1:{ours.port}") for _ in range(ours.max_calls)]
            after = [Probe(f"sip:4711@127.0.0.1:{ours.port}") for _ in range(ours.max_calls)]
            for probe in before:
                await probe.__aenter__()
                ears.append(Ear((await rung(ours)).answer()))
                await probe.answered()
            os.kill(ours.pid, signal.SIGSTOP)
            leaving = [asyncio.create_task(probe.__aexit__(None, None, None)) for probe in before]
            await asyncio.sleep(0.05)
            for probe in after:
                await probe.__aenter__()
            await asyncio.sleep(0.3)
            os.kill(ours.pid, signal.SIGCONT)
            for probe in after:
                ears.append(Ear((await rung(ours)).answer()))
                await probe.answered()
            await asyncio.gather(*leaving)
            for probe in after:
                await probe.__aexit__(None, None, None)
            assert {(await ear.closed()).reason for ear in ears} == {EndReason.CALLER_HUNG_UP}
