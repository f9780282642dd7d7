"""Two machines behind the edge, as network namespaces: if one is cut off, the next call goes to the other."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign.programs import need
from tests.ops.edge.two_machines import INNER, MACHINES

ROOT = Path(__file__).parents[3]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str, str]]:
    """Edge, A, and B, with a cable from the edge to each; skipped if the machine does not permit namespaces."""
    need("ip")
    edge, *machines = names = tuple(f"phone{os.getpid()}{letter}" for letter in "eab")
    try:
        try:
            for name in names:
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            for letter, name, address in zip("ab", machines, MACHINES, strict=True):
                ip("-n", edge, "link", "add", f"to-{letter}", "type", "veth", "peer", "name", "eth0", "netns", name)
                ip("-n", edge, "addr", "add", f"{INNER}/32", "dev", f"to-{letter}")
                ip("-n", edge, "link", "set", f"to-{letter}", "up")
                ip("-n", edge, "route", "add", f"{address}/32", "dev", f"to-{letter}", "src", INNER)
                ip("-n", name, "addr", "add", f"{address}/32", "dev", "eth0")
                ip("-n", name, "link", "set", "eth0", "up")
                ip("-n", name, "route", "add", f"{INNER}/32", "dev", "eth0", "src", address)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces are not permitted here: {error.stderr.decode().strip()}")
        yield names[0], names[1], names[2]
    finally:
        for name in names:
            left = subprocess.run(["ip", "netns", "pids", name], check=False, capture_output=True, text=True)
            for pid in left.stdout.split():
                os.kill(int(pid), 9)
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=10)


@pytest.mark.timeout(240)
async def test_a_machine_that_is_cut_off_loses_its_calls_and_no_other(
    namespaces: tuple[str, str, str], tmp_path: Path
) -> None:
    need("kamailio")
    need("rtpengine")
    edge, *machines = namespaces
    process = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", edge, sys.executable, "-m", "tests.ops.edge.two_machines", str(tmp_path), *machines,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(200):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode() + (tmp_path / "edge.log").read_text()
    seen = json.loads(out)
    assert 0 not in seen["shared"]
    # The calls of the other machine continue; the new ones were answered there.
    assert seen["sound_goes_on"].count(True) == sum(seen["shared"]) - seen["lost"]
    assert seen["lost"] in seen["shared"]
    assert seen["took_s"][0] < 5
    assert f"sip:{MACHINES[0]}:5060" not in seen["listed"]
