"""An engine's own process: how it begins, and how it ends when the engine is lost."""

from __future__ import annotations

import asyncio
import socket
import sys
import termios
import threading
import time
from array import array
from fcntl import ioctl

import pytest

from sidecars.host.frames import encode
from sidecars.local.child import Pipe

LOST = """
import sys
from sidecars.engine import EngineLost
from sidecars.engines.moonshine import Moonshine
from sidecars.local.child import main

def step(self, audio):
    raise EngineLost("CUDA failed (an illegal memory access)")

Moonshine.step = step
sys.exit(main())
"""


@pytest.mark.long
async def test_a_child_whose_engine_is_lost_ends_and_says_the_first_error() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", LOST, "--kind", "stt", "--engine", "moonshine", "--fd", str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            stderr=asyncio.subprocess.PIPE,
        )
        ours.setblocking(False)
        ours.send(encode(0, {"type": "Options", "options": {}}, b""))
        async with asyncio.timeout(30):
            assert b"Ready" in await asyncio.get_running_loop().sock_recv(ours, 1000)
        ours.send(encode(1, {"type": "Open", "options": {}}, b"") + encode(1, {"type": "Audio"}, bytes(32000)))
        async with asyncio.timeout(30):
            _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().splitlines()[-1] == "CRITICAL CUDA failed (an illegal memory access)"


def waiting(end: socket.socket) -> int:
    """Bytes that have arrived and have not been read (FIONREAD)."""
    count = array("i", [0])
    ioctl(end, termios.FIONREAD, count)
    return count[0]


def test_a_first_frame_that_comes_in_pieces_is_taken_when_it_is_whole() -> None:
    told = {"type": "Start", "options": {"phrases": "what are your opening hours " * 1000}}
    frame = encode(0, told)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(frame[:1000])

        def send_the_rest() -> None:
            while waiting(theirs):
                time.sleep(0.001)
            ours.sendall(frame[1000:])

        sending = threading.Thread(target=send_the_rest)
        sending.start()
        try:
            assert Pipe(theirs).first() == (0, told, b"")
        finally:
            sending.join()
