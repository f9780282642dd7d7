"""A certificate that is renewed while the edge runs."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import pytest

from ops.edge import renewed
from ops.witness.probe import until
from tests.ops.edge.certificates import authority, certificate
from tests.ops.edge.front import front


async def test_a_renewed_certificate_is_loaded_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=renewed.__name__)
    ca = authority(tmp_path)
    chain, key = certificate(tmp_path, "127.0.0.1")
    tls = {"certificate": str(chain), "key": str(key), "name": "127.0.0.1", "ca": str(ca)}
    async with front(tmp_path, 1, **tls) as edge, edge.call() as probe:
        await probe.answered()

        async def served() -> str:
            where = "127.0.0.1", edge.plan.edge.tls_port
            return await asyncio.to_thread(ssl.get_server_certificate, where)

        following = asyncio.create_task(renewed.follow(edge.plan, 0.1))
        try:
            first = await served()
            await asyncio.sleep(0.3)
            assert not caplog.records
            certificate(tmp_path, "127.0.0.1")
            await until(lambda: "reloaded" in caplog.text)
            second = await served()
            assert second != first
            chain.write_text("no certificate")
            await until(lambda: "is not a PEM certificate" in caplog.text)
            assert await served() == second
        finally:
            following.cancel()
        assert probe.live
