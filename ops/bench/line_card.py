"""What a line card costs, and how long a flush takes: `python -m ops.bench.line_card [--seconds 15]`.

A second card places the same four calls over loopback twice, at the same time, to two cards: in one the daemon reads
and writes 20 ms frames in all calls, in the other the calls are bridged inside pjsua2 with no Python in the audio path.
Only the CPU of these two cards counts. The flushes come at moments that are spread over the tick.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import struct
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from phone_daemon.events import SAMPLE_RATE, EndReason, Flushed, Frame
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.protocol import Stats
from phone_daemon.wire.sip import LineCard, SipLine

CALLS = 4
SETTLE_S = 1.0
"""Calls run for this long before the clock starts."""
FLUSH_S = 5.0
"""How long flushes are measured, after the CPU."""
FLUSH_EVERY_S = 0.137
"""Not a multiple of the tick."""
TONE = b"".join(
    struct.pack("<h", round(6000 * math.sin(2 * math.pi * 400 * n / SAMPLE_RATE))) for n in range(SAMPLE_RATE)
)


@dataclass(slots=True)
class _Heard:
    """What this process observed on some lines."""

    frames: int = 0
    gaps: int = 0
    flushing: bool = False
    flush_ms: list[float] = field(default_factory=list)


async def measure(seconds: float = 15.0) -> dict[str, object]:
    """CPU seconds of the measured card in `seconds`, with and without Python; flush → silence in ms."""
    ours, far = _Heard(), _Heard()
    cpu = time.process_time()
    # Side by side, so that other load on the machine affects both.
    framed, bridged = await asyncio.gather(_carry(seconds, ours, far), _carry(seconds, None, far))
    cpu = time.process_time() - cpu
    flushes = sorted(ours.flush_ms)
    return {
        "calls": CALLS,
        "seconds": seconds,
        "cpu_framed_s": round(framed.cpu_s, 3),
        "cpu_bridged_s": round(bridged.cpu_s, 3),
        "ratio": round(framed.cpu_s / bridged.cpu_s, 2),
        "daemon_us_a_frame": round(cpu / (ours.frames + far.frames) * 1e6, 1),
        "rss_mb": round(framed.rss_bytes / 2**20, 1),
        "tick_late_ms": {"p99": framed.tick_late_p99_us / 1000, "max": framed.tick_late_max_us / 1000},
        "position_gaps": ours.gaps,
        "stale_frames": framed.stale_frames,
        "flush_to_silence_ms": {
            "count": len(flushes),
            **{f"p{at}": round(flushes[len(flushes) * at // 100], 2) for at in (50, 95, 99)},
            "max": round(flushes[-1], 2),
        },
    }


async def _carry(seconds: float, ours: _Heard | None, far_heard: _Heard) -> Stats:
    """Four calls on their own card; `ours` reads and writes their audio (None: bridged). Returns its stats, with
    `cpu_s` in `seconds`.
    """
    settings = SipSettings(port=0)
    async with AsyncExitStack() as stack:
        card = await LineCard.start(settings, extra=("--loopback",) if ours is None else ())
        stack.push_async_callback(card.close)
        far = await LineCard.start(settings)
        stack.push_async_callback(far.close)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        far_lines = []
        for _ in range(CALLS):
            placing = asyncio.create_task(far.place(f"sip:bench@127.0.0.1:{card.port}"))
            if ours is not None:
                tasks.create_task(_run((await card.incoming.get()).answer(), ours))
            far_lines.append(await placing)
            tasks.create_task(_run(far_lines[-1], far_heard))
        await asyncio.sleep(SETTLE_S)
        before = await card.stats()
        await asyncio.sleep(seconds)
        cpu = (await card.stats()).cpu_s - before.cpu_s
        if ours is not None:
            ours.flushing = True
            await asyncio.sleep(FLUSH_S)
        stats = await card.stats()
        for line in far_lines:
            line.hang_up(EndReason.DRAINED)  # At once: other reasons let the agent finish, and here there is none.
    return replace(stats, cpu_s=cpu)


async def _run(line: SipLine, heard: _Heard) -> None:
    """Speaks all the time, flushes now and then when told to, and counts what it hears, until the call ends."""
    loop = asyncio.get_running_loop()
    reply, flushed_ns, expected, flush_at = 1, 0, 0, loop.time()
    line.play(reply, TONE)
    async for event in line.events():
        if isinstance(event, Frame):
            heard.frames += 1
            heard.gaps += event.position != expected
            expected = event.position + len(event.pcm) // 2
            if event.queued < SAMPLE_RATE // 2 and not flushed_ns:
                line.play(reply, TONE)
            if heard.flushing and loop.time() >= flush_at and not flushed_ns:
                flush_at = loop.time() + FLUSH_EVERY_S
                # At some point in the tick, not where the frame happened to wake this task.
                await asyncio.sleep(len(heard.flush_ms) * 0.0017 % 0.020)
                flushed_ns = time.monotonic_ns()
                line.flush(reply)
        elif isinstance(event, Flushed):
            heard.flush_ms.append((event.at_ns - flushed_ns) / 1e6)
            reply, flushed_ns = reply + 1, 0
            line.play(reply, TONE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    print(json.dumps(asyncio.run(measure(parser.parse_args(arguments).seconds)), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
