"""`make bench-web`: the console of a busy site, with 1,000 past calls and 200 live ones; and how that load affects a
call.

The past calls are copies of a few recorded ones, each with its own time and caller. A second daemon announces the live
ones in the same Redis. A reload is the set of requests that Chromium makes when *Live* is loaded again; the rest is
cached.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import aiohttp
import httpx
from playwright.async_api import Page

from ops.bench.figure import Figure, Progress
from ops.live.chromium import chromium
from ops.live.daemon_process import DaemonProcess, listening
from ops.live.ports import free_port
from ops.replay import tape_call
from ops.replay.fixture import find, load
from ops.report.stats import quantiles
from ops.witness.probe import Probe
from ops.witness.rtp import Packet
from phone_daemon.events import Note
from phone_daemon.settings.settings import CallSettings, Settings, StateSettings
from phone_daemon.state.server import socket_path
from phone_daemon.state.store import State
from phone_daemon.web.call_store import read_call

PAST, LIVE, CLIENTS = 1000, 200, 200
PAGE_OF_CALLS = 50
RECORDED = ("books_an_appointment", "asks_hours_twice", "interrupts_three_times")
SEARCHES = ({"q": "appointment"}, {"q": "tuesday"}, {"number": "0042"}, {"slower_than_ms": "500"}, {"failed": "true"})
VIEWS = 5
ASKED = 20
"""How often each search is made."""
RELOADS_PER_S = 50
HELD_S = 10.0
FRAME_MS = 20.0
INDEXED_S = 60.0

SHOWN = f"""
new MutationObserver(() => {{
  const count = (selector) => document.querySelectorAll(selector).length;
  if (!window.shown && (count(".live-call") >= {LIVE} || count(".found li") >= {PAGE_OF_CALLS})) {{
    requestAnimationFrame(() => setTimeout(() => {{ window.shown = performance.now(); }}));
  }}
}}).observe(document, {{ childList: true, subtree: true }});
"""
"""When the view has all its calls and they are painted: milliseconds from the start of its navigation."""


async def measure(progress: Progress) -> list[Figure]:
    """Measures the views and searches of a full console, then a SIP call alone and under its load."""
    token = secrets.token_urlsafe(16)
    port = free_port()
    web = {"on": True, "port": port, "requests_a_minute": 1_000_000}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        await asyncio.to_thread(fill, folder / "calls", PAST)
        progress(0.3)
        daemon = DaemonProcess(folder, {"web": web}, environ={"PHONE_WEB_TOKENS": f"admin:{token}"})
        home = f"http://127.0.0.1:{port}/"
        async with daemon, live_calls(daemon.state, LIVE):
            await listening(port)
            async with httpx.AsyncClient(base_url=home, headers={"authorization": f"Bearer {token}"}) as client:
                indexed_s = await _indexed(client)
                searched = await _searched(client)
            progress(0.5)
            views = {name: await _viewed(f"{home}?token={token}", f"{home}#{name}") for name in ("live", "past")}
            progress(0.7)
            async with Probe(daemon.uri()) as probe:
                await probe.answered()
                alone = await _late(probe)
                async with load_of(home, token) as done:
                    beside = await _late(probe)
            reloads, events = done
    p99, base = quantiles(beside)["p99"], quantiles(alone)["p99"]
    return [
        *(
            Figure(
                f"first view of {name}, p95", quantiles(took)["p95"], "ms", 1000.0, f"p50 {quantiles(took)['p50']:.0f}"
            )
            for name, took in views.items()
        ),
        Figure(
            "search among 1,000 past calls p95", quantiles(searched)["p95"], "ms", 100.0, f"{len(searched)} searches"
        ),
        Figure("1,000 calls indexed anew", indexed_s, "s"),
        Figure(
            "SIP call: RTP gaps p99 more under load",
            p99 - base,
            "ms",
            2.0,
            f"{base:.1f} and {p99:.1f}; {reloads / HELD_S:.0f} reloads/s, {events} events to {CLIENTS} clients",
        ),
    ]


def fill(directory: Path, count: int) -> None:
    """Puts `count` past calls into `directory`: recorded ones, played on the sample clock and copied."""
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(calls=CallSettings(directory=Path(place)))
        for name in RECORDED:
            tape_call.play(load(find(name)), settings, lambda note: None)
        folders = [Path(place) / name for name in RECORDED]
        for at in range(count):
            _copy(folders[at % len(folders)], directory, at)


def _copy(folder: Path, directory: Path, at: int) -> None:
    found = read_call(folder)
    assert found is not None
    row, turns = found
    began = datetime.now(UTC) - timedelta(minutes=10 * at + 10)
    call = f"{began:%Y%m%dT%H%M%S.%fZ}-{at:04x}"
    copy = directory / call
    copy.mkdir(parents=True, mode=0o700)
    about = {key: row[key] for key in ("called", "dialplan", "seconds", "reason")}
    about |= {"call": call, "caller": f"+4420794{at:05d}", "wall": {"started": began.isoformat()}}
    (copy / "call.json").write_text(json.dumps(about))
    lines = (json.dumps({**turn, "call": call, "wall": {"started": began.isoformat()}}) + "\n" for turn in turns)
    (copy / "turns.jsonl").write_text("".join(lines))
    first = directory / f"{folder.name}.wav"
    if not first.exists():
        first.write_bytes((folder / "call.wav").read_bytes())
    os.link(first, copy / "call.wav")


@asynccontextmanager
async def live_calls(settings: StateSettings, count: int) -> AsyncIterator[None]:
    """This many calls of another daemon; one of them posts a new event fifty times a second."""
    async with State.open(replace(settings, url=f"unix://{socket_path(settings.directory)}")) as state:
        began = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        calls = [f"{began}-{at:04x}" for at in range(count)]
        for at, call in enumerate(calls):
            state.register(call, {"caller": f"+4420794{at:05d}", "called": "reception", "dialplan": "dental_clinic"})
            state.note(Note(call, "state", time.monotonic_ns(), {"state": "LISTENING"}))

        async def talk() -> None:
            at = 0
            while True:
                await asyncio.sleep(0.02)
                state.note(Note(calls[at % count], "partial", time.monotonic_ns(), {"text": f"word {at}"}))
                at += 1

        talking = asyncio.create_task(talk())
        try:
            yield
        finally:
            talking.cancel()


async def _indexed(client: httpx.AsyncClient) -> float:
    """Seconds until the index has every call."""
    began = time.monotonic()
    async with asyncio.timeout(INDEXED_S):
        while True:
            # The oldest call is indexed first or last, depending on the direction; when both ends are there, all are.
            found = [await _search(client, {"number": f"{at:05d}"}) for at in (0, PAST // 2, PAST - 1)]
            if all(answer["calls"] for answer in found):
                return time.monotonic() - began
            await asyncio.sleep(0.1)


async def _search(client: httpx.AsyncClient, wanted: Mapping[str, str]) -> dict[str, list[object]]:
    answer = await client.get("v1/calls", params={"state": "past", **wanted})
    answer.raise_for_status()
    found: dict[str, list[object]] = answer.json()
    return found


async def _searched(client: httpx.AsyncClient) -> list[float]:
    took = []
    for _ in range(ASKED):
        for wanted in SEARCHES:
            began = time.monotonic()
            await _search(client, wanted)
            took.append((time.monotonic() - began) * 1000)
    return took


async def _viewed(sign_in: str, address: str) -> list[float]:
    """Milliseconds from the navigation to the view with all its calls, in a new browser each time."""
    took = []
    for _ in range(VIEWS):
        async with chromium() as context:
            page: Page = await context.new_page()
            await page.goto(sign_in)
            await page.close()
            page = await context.new_page()
            await page.add_init_script(SHOWN)
            await page.goto(address)
            await page.wait_for_function("() => window.shown", timeout=30_000)
            took.append(float(await page.evaluate("window.shown")))
    return took


async def _late(probe: Probe) -> list[float]:
    """How far each packet deviates from 20 ms after the previous one, in ms, over some seconds."""
    since = time.monotonic_ns()
    await asyncio.sleep(HELD_S)
    packets: Sequence[Packet] = list(probe.rtp.since(since))
    return [abs((two.at_ns - one.at_ns) / 1e6 - FRAME_MS) for one, two in pairwise(packets)]


@asynccontextmanager
async def load_of(home: str, token: str) -> AsyncIterator[list[int]]:
    """`CLIENTS` clients that follow the events, plus reloads; yields the counts of answered reloads and received
    events.
    """
    done = [0, 0]
    headers = {"authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(home, headers=headers, connector=connector))

        async def follow() -> None:
            async with session.get("v1/events", timeout=aiohttp.ClientTimeout(total=None)) as answer:
                # Not line by line: on the same cores, that would cost more than the server's whole work.
                async for piece in answer.content.iter_any():
                    done[1] += piece.count(b"id: ")

        async def reload() -> None:
            for path in ("", "readyz", "v1/me", "v1/calls"):
                async with session.get(path) as answer:
                    await answer.read()
            done[0] += 1

        async def reloads() -> None:
            due = asyncio.get_running_loop().time()
            async with asyncio.TaskGroup() as tasks:
                while True:
                    tasks.create_task(reload())
                    due += 1 / RELOADS_PER_S
                    await asyncio.sleep(due - asyncio.get_running_loop().time())

        running = [asyncio.create_task(follow()) for _ in range(CLIENTS)]
        await asyncio.sleep(1.0)
        running.append(asyncio.create_task(reloads()))
        try:
            yield done
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
