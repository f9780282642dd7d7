"""An engine's own process: how it ends when the engine is lost."""

from __future__ import annotations

import asyncio
import socket
import sys

from sidecars.host.frames import encode

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
