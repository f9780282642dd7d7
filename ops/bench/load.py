"""What four concurrent conversations cost: CPU of each process, and memory."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from ops.bench.figure import Figure, Progress
from ops.bench.talk import Sound, Talker, sounds, talker
from ops.live.daemon_process import DaemonProcess
from ops.live.processes import Cost, children, cost
from phone_daemon.events import SAMPLE_RATE
from phone_daemon.state.operator import Commands
from sidecars.silero import WINDOW, Silero

CALLS = 4
PARTS = {
    "--kind stt": "STT engine",
    "--kind tts": "TTS engine",
    "line_card": "line card",
    "redis-server": "Redis",
}
"""Child processes, identified by a piece of their command line."""


async def measure(progress: Progress, seconds: float = 20.0) -> list[Figure]:
    """Four calls whose callers ask and listen in turn, for the given time."""
    said = [sound for sound in sounds() if len(sound.words.split()) in range(3, 10)]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with (
            DaemonProcess(Path(folder)) as daemon,
            Commands(daemon.state) as commands,
            AsyncExitStack() as calls,
        ):
            talkers = [await calls.enter_async_context(talker(daemon, commands)) for _ in range(CALLS)]
            before, began = _costs(daemon.pid), time.monotonic()
            conversations = [
                asyncio.create_task(_converse(talk, said[index::CALLS])) for index, talk in enumerate(talkers)
            ]
            try:
                while (passed := time.monotonic() - began) < seconds:
                    progress(passed / seconds)
                    await asyncio.sleep(0.5)
            finally:
                for conversation in conversations:
                    conversation.cancel()
                await asyncio.gather(*conversations, return_exceptions=True)
            after, took = _costs(daemon.pid), time.monotonic() - began
    share = {part: 100 * (after[part].cpu_s - before[part].cpu_s) / took / CALLS for part in after if part in before}
    rss = {part: after[part].rss_bytes / 1e6 for part in after}
    vad = 100 * _vad_alone()
    others = ", ".join(f"{part} {share[part]:.2f}" for part in share if part != "daemon")
    memory = ", ".join(f"{part} {rss[part]:.0f}" for part in rss if part != "daemon")
    everything = sum(share.values()) - share.get("STT engine", 0.0)
    return [
        Figure("CPU per call, daemon process", share["daemon"], "% of a core", 3.0, f"beside it: {others}"),
        Figure("CPU per call, the VAD model alone", vad, "% of a core", None, "how fast this machine currently is"),
        Figure("CPU per call, everything but the STT engine", everything, "% of a core", 3.0),
        Figure("daemon RSS with 4 calls", rss["daemon"], "MB", 150.0, f"beside it: {memory}"),
    ]


def _vad_alone() -> float:
    """Seconds of CPU that the VAD model alone takes per second of audio."""
    silero = Silero()
    window = bytes(2 * WINDOW)
    windows = 20 * SAMPLE_RATE // WINDOW
    began = time.process_time()
    for _ in range(windows):
        silero.probability(window)
    return (time.process_time() - began) * SAMPLE_RATE / WINDOW / windows


async def _converse(talk: Talker, said: list[Sound]) -> None:
    """Asks whenever the agent has been silent for a while; does not call again if the agent ends the call."""
    while talk.probe.live:
        for sound in said:
            await talk.agent_silent(0.6)
            if not talk.probe.live:
                return
            await talk.say(sound)


def _costs(pid: int) -> dict[str, Cost]:
    found = {"daemon": cost(pid)}
    for child, line in children(pid).items():
        for piece, part in PARTS.items():
            if piece in line:
                found[part] = cost(child)
    return found
