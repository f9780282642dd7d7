"""A browser that cannot reach us directly goes through a TURN server (RFC 8656): Debian's coturn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aioice.ice import get_host_addresses

from ops.live.ports import free_port
from ops.witness.browser import browser, loud
from phone_daemon.web.webrtc.ice_servers import parse
from phone_daemon.web.webrtc.offer import judge
from phone_daemon.web.webrtc.peer import Peer
from phone_daemon.wire import protocol
from tests.foreign.programs import need
from tests.web.webrtc.speech import caller
from tests.web.webrtc.test_peer import TONE, a_desk


@asynccontextmanager
async def coturn(directory: Path, address: str) -> AsyncIterator[tuple[str, Path]]:
    """Its URI in the form used in the settings, and its log."""
    port, log = free_port(), directory / "turn.log"
    command = [need("turnserver"), "-n", "--lt-cred-mech", "-u", "ann:secret", "-r", "example.com", "-v"]
    command += [
        "--listening-ip",
        address,
        "--relay-ip",
        address,
        "--listening-port",
        str(port),
        "--no-tls",
        "--no-dtls",
    ]
    command += ["--no-cli", "--log-file", "stdout", "--simple-log", "--pidfile", str(directory / "turn.pid")]
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out, cwd=directory)
    try:
        async with asyncio.timeout(15):
            while b"IPv4. UDP listener opened" not in log.read_bytes():  # noqa: ASYNC110 (another process' log)
                await asyncio.sleep(0.05)
        yield f"turn:ann:secret@{address}:{port}", log
    finally:
        process.terminate()
        await process.wait()


async def test_a_call_is_relayed_both_ways(tmp_path: Path) -> None:
    """The browser only has its relay candidate; it is heard, and hears."""
    addresses = get_host_addresses(use_ipv4=True, use_ipv6=False)
    if not addresses:
        pytest.skip("this machine has no address but loopback, and a relay does not relay to that")
    async with coturn(tmp_path, addresses[0]) as (uri, log), a_desk() as (desk, daemon):
        servers = parse([uri])
        async with browser(servers, relay=True) as here:
            peer = Peer(desk, servers, "web", "")
            offer = await here.offer()
            assert "typ relay" in offer and "typ host" not in offer
            answer = await peer.answer(judge(offer.encode()))
            assert "typ relay" in answer
            await here.answered(answer)
            await daemon.until(lambda: daemon.number > 0)
            here.microphone.say(caller())
            daemon.say(protocol.Play(1, TONE[:16_000]))
            await here.sound()
            await daemon.until(lambda: loud(daemon.heard))
            peer.close()
            await peer.over.wait()
        assert b"ALLOCATE processed, success" in log.read_bytes()
