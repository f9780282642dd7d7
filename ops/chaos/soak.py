"""make soak: makes calls through the edge for minutes; anything that grows with time is a leak."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from ops import sigterm
from ops.bench.figure import Figure
from ops.chaos.world import DAEMONS, World, gap_ms, world
from ops.edge.plan import CALLS_A_CARD, EdgeError
from ops.edge.rpc import call
from ops.live.daemon_process import DaemonFailed
from ops.live.processes import cost
from ops.witness.probe import Refused
from ops.witness.quality import BUFFER_S, Quality, quality
from phone_daemon.cli.arguments import Parser
from phone_daemon.state.server import socket_path

CALL_S = 8.0
LOOK_S = 10.0
WARM = 0.4
"""The fraction of the time after which caches are full: what is allocated before then is not a leak."""
GROWTH = {"memory": 1500.0, "descriptors": 1.0, "UDP ports": 1.0, "Redis keys": 1.0}
"""Allowed growth per minute: kB of memory for a kind of process; a count for the others."""
GAP_MS = 30.0
LOST_DB = 1.0
"""Segmental SNR that a call may lose on its way, beyond what its codec leaves."""
IDLE_S = 5.0
"""Wait after the last call before its processes are sampled."""


@dataclass(frozen=True, slots=True)
class Look:
    """A sample of all processes at one moment."""

    minute: float
    values: dict[str, float]


async def run(minutes: float, lanes: int, console: Console) -> list[Figure]:
    """Makes calls in `lanes` lanes, one after the other, for the given time; returns the growth of what they leave
    behind.
    """
    wrong: list[str] = []
    gaps: list[float] = []
    done = 0
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        async with world(Path(folder)) as made:
            sounds = [await _sounds(made, count) for count in (1, DAEMONS * CALLS_A_CARD)]
            began = time.monotonic()
            idle: list[Look] = []

            async def lane(until: float) -> None:
                nonlocal done
                while time.monotonic() < until:
                    gaps.append(await _call(made, wrong))
                    done += 1

            for until in (began + 60 * minutes * WARM, began + 60 * minutes):
                tasks = [asyncio.create_task(lane(until)) for _ in range(lanes)]
                try:
                    while time.monotonic() < until:
                        await asyncio.sleep(min(LOOK_S, 20 * minutes))
                        minute = (time.monotonic() - began) / 60
                        console.print(f"{minute:.1f} min, {done} calls, {len(wrong)} failed", highlight=False)
                    await asyncio.gather(*tasks)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.sleep(IDLE_S)
                idle.append(Look((time.monotonic() - began) / 60, await _look(made)))
    return [*_calls(done, wrong, gaps), *sounds, *_kept(*idle)]


async def _sounds(made: World, count: int) -> Figure:
    """This many concurrent calls, in which the agent answers the caller: how well a telephone would play it."""
    found = await asyncio.gather(*(_sound(made, f"{count}x{at}") for at in range(count)))
    heard = [each for each in found if each is not None]
    name = f"the agent's sound on the wire, {count} call{'s' * (count > 1)} at once"
    if len(heard) < count:
        return Figure(name, float("inf"), "dB", LOST_DB, f"{count - len(heard)} of {count} calls failed")
    worst = max(heard, key=lambda each: each.codec_db - each.db)
    what = f"segmental SNR {worst.db:.1f} of the {worst.codec_db:.1f} dB that G.711 leaves"
    lost = f"{100 * worst.unplayed:.2f} % of its packets missing or {1000 * BUFFER_S:.0f} ms late"
    note = f"the worst call: {what}; {lost}; the telephones run on the same machine"
    return Figure(f"{name}: lost", round(worst.codec_db - worst.db, 3) + 0.0, "dB", LOST_DB, note)


async def _sound(made: World, caller: str) -> Quality | None:
    """None if the call failed."""
    try:
        async with made.probe(caller=caller) as probe:
            await probe.answered()
            await asyncio.sleep(CALL_S / 2)
            probe.rtp.play(made.said)
            await asyncio.sleep(CALL_S)
        async with asyncio.timeout(IDLE_S):
            while (folder := _recorded(made, caller)) is None:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)
    except (Refused, TimeoutError):
        return None
    with wave.open(str(folder / "call.wav")) as file:
        agent = np.frombuffer(file.readframes(file.getnframes()), "<i2")[1::2]
    return quality(agent.tobytes(), probe.rtp.packets)


def _recorded(made: World, caller: str) -> Path | None:
    """The folder of the call that `caller` made, once it is complete."""
    for folder in made.daemon.calls():
        file = folder / "call.json"
        told = json.loads(file.read_text() or "{}") if file.exists() else {}
        if told.get("reason") and told["caller"] == caller:
            return folder
    return None


async def _call(made: World, wrong: list[str]) -> float:
    """One call in which the caller speaks; returns its RTP gap, or 0 if it failed."""
    try:
        async with made.probe() as probe:
            await probe.answered()
            await asyncio.sleep(CALL_S / 2)
            probe.rtp.play(made.said)
            await asyncio.sleep(CALL_S / 2)
            if not probe.live:
                wrong.append("the daemon hung up")
            elif all(packet.silent for packet in probe.rtp.packets):
                wrong.append("the agent was not heard")
            return gap_ms(probe.rtp.packets)
    except (Refused, TimeoutError) as error:
        wrong.append(f"{type(error).__name__} {error}")
        await asyncio.sleep(1.0)
        return 0.0


async def _look(made: World) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, pids in (
        ("daemons", made.pids("--block")),
        ("line cards", made.pids("line_card")),
        ("STT engines", made.pids("--kind", "stt")),
        ("TTS engines", made.pids("--kind", "tts")),
        ("Redis", made.pids("redis-server")),
        ("rtpengine", [made.edge.pids["rtpengine"]]),
    ):
        costs = [cost(pid) for pid in pids if pid]
        found[f"{name}: memory"] = sum(each.rss_bytes for each in costs) / 1e3
        found[f"{name}: descriptors"] = sum(each.descriptors for each in costs)
    found["line cards: UDP ports"] = sum(
        len(psutil.Process(pid).net_connections("udp")) for pid in made.pids("line_card")
    )
    found["rtpengine: UDP ports"] = len(psutil.Process(made.edge.pids["rtpengine"]).net_connections("udp"))
    # Its pools are allocated at start and used little by little: only the part in use can leak.
    found["Kamailio: memory"] = int((await call(made.plan.control, "core.shmmem"))["used"]) / 1e3
    found["Kamailio: descriptors"] = sum(cost(pid).descriptors for pid in _all(made.edge.pids["kamailio"]))
    redis = Redis(unix_socket_path=str(socket_path(made.daemon.directory)))
    try:
        found["Redis keys"] = float(await redis.dbsize())
    finally:
        await redis.aclose()
    return found


def _kept(before: Look, after: Look) -> Iterator[Figure]:
    """What calls leave behind, from two samples taken while nobody was on the line.

    Samples during calls say little: the number of calls differs, and glibc keeps free memory between used blocks, which
    a daemon returns when its last call has ended.
    """
    minutes = after.minute - before.minute
    for name, value in after.values.items():
        limit = next(limit for kind, limit in GROWTH.items() if kind in name)
        unit = "kB a minute" if "memory" in name else "a minute"
        first = before.values[name]
        note = f"with no call up: {first:.0f} after the warm-up, {value:.0f} at the end"
        yield Figure(f"{name}, growth", round((value - first) / minutes, 2) + 0.0, unit, limit, note)


def _all(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _calls(done: int, wrong: list[str], gaps: list[float]) -> Iterator[Figure]:
    yield Figure("calls that failed", len(wrong), "", 0, f"of {done}" + "".join(f"; {why}" for why in wrong[:3]))
    if gaps:
        note = "the worst call; the callers run on the same machine"
        yield Figure("RTP gap of a call, p99.9", max(gaps), "ms", GAP_MS, note)


def show(figures: list[Figure], console: Console) -> None:
    table = Table("figure", "measured", "target", "", "note", box=None, pad_edge=False)
    for each in figures:
        verdict = {True: "held", False: "FAILED", None: ""}[each.passed]
        table.add_row(each.name, f"{each.value or 0:.4g} {each.unit}", each.target, verdict, each.note)
    console.print(table)


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if nothing grows, 1 if something does or a call failed, 2 if it cannot run here."""
    parser = Parser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="default: 10")
    most = DAEMONS * CALLS_A_CARD
    parser.add_argument(
        "--calls", type=int, default=4, choices=range(1, most + 1), help=f"at a time, 1 to {most}; default: 4"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    try:
        figures = sigterm.run(run(args.minutes, args.calls, Console(stderr=True)))
    except (EdgeError, DaemonFailed, TimeoutError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps([each.as_json() for each in figures], indent=2))
    else:
        show(figures, Console(highlight=False))
    return int(any(each.passed is False for each in figures))


if __name__ == "__main__":
    sys.exit(main())
