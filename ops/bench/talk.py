"""A caller who talks to a live daemon: plays recorded speech at the right moments and observes the results."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ops.bench.figure import Progress
from ops.live.daemon_process import DaemonProcess
from ops.replay.fixture import every, load
from ops.witness.probe import Probe, until
from ops.witness.rtp import Packet, Played, segments
from phone_daemon.settings.settings import VadSettings
from phone_daemon.state.operator import Commands
from phone_daemon.state.store import CommandKind

LEAD_S = 0.2
"""Line noise before and after the voice in every recorded caller's sound (`LEAD_S` of fixtures/line.py)."""
LEAD = round(8000 * LEAD_S)
STEP = 40
MARGIN = 10**-1.59
AUDIBLE = 10
ENDPOINT_S = VadSettings().min_silence_s


@dataclass(frozen=True, slots=True)
class Sound:
    """A recorded caller's utterance, or a noise, which has no words."""

    name: str
    pcm: bytes
    words: str

    @property
    def start(self) -> int:
        """The first sample of the synthetic voice, by construction; even an inaudible breath counts."""
        return LEAD

    @property
    def onset(self) -> int:
        """First sample of active speech as defined by ITU-T P.56: within 15.9 dB of the voice's own active level."""
        return active_onset(np.frombuffer(self.pcm, "<i2").astype(np.float64), LEAD)

    @property
    def last(self) -> int:
        """Last sample of the voice, by construction."""
        return len(self.pcm) // 2 - LEAD - 1


def active_onset(samples: npt.NDArray[np.float64], lead: int) -> int:
    """First sample from `lead` on whose 15 ms are active speech, to 5 ms (ITU-T P.56, method B: a margin of 15.9 dB).

    The active level is the mean power of everything within the margin of it; it is found by going down from the
    loudest.
    """
    frames = samples[: samples.size // STEP * STEP].reshape(-1, STEP)
    power = np.convolve(np.mean(frames**2, axis=1), np.ones(3) / 3, "same")
    level = float(power.max())
    for _ in range(50):
        level = float(power[power >= level * MARGIN].mean())
    active = np.flatnonzero(power >= level * MARGIN)
    return int(active[active >= lead // STEP][0]) * STEP


def sounds(dialplan: str = "dental_clinic") -> list[Sound]:
    """Everything that recorded callers of a dialplan say, and their noises, each once, in a fixed order."""
    found: dict[bytes, Sound] = {}
    for folder in every():
        fixture = load(folder)
        if fixture.dialplan == dialplan:
            for index, cue in enumerate(fixture.cues, 1):
                if cue.pcm:
                    found.setdefault(cue.pcm, Sound(f"{fixture.name}[{index}]", cue.pcm, cue.words))
    return list(found.values())


def fell_silent(packets: Iterable[Packet], since_ns: int) -> int:
    """When the agent was last heard before its first silence after `since_ns` that is as long as the endpoint wait.

    The answer to speech that starts at `since_ns` comes after such a silence, and may come before the end of the
    recording, because a room rings on. The agent's own pauses are shorter.
    """
    return next((each.last_ns for each in segments(packets, ENDPOINT_S) if each.last_ns > since_ns), since_ns)


class Talker:
    """One answered call to a daemon, with access to its command channel and its files."""

    def __init__(self, probe: Probe, commands: Commands, call: str, folder: Path) -> None:
        self.probe = probe
        self.call = call
        self._commands = commands
        self._folder = folder

    async def agent_speaks(self, since_ns: int = 0) -> None:
        """Waits until the agent is heard."""
        await until(lambda: sum(not packet.silent for packet in self.probe.rtp.since(since_ns)) >= AUDIBLE)

    async def agent_silent(self, seconds: float, timeout: float = 30.0) -> None:
        """Waits until the agent has been silent for this long."""

        def silent() -> bool:
            packets = list(self.probe.rtp.packets)
            spoken = next((packet.at_ns for packet in reversed(packets) if not packet.silent), 0)
            return bool(packets) and packets[-1].at_ns - spoken >= seconds * 1e9

        await until(silent, timeout)

    async def say(self, sound: Sound) -> Played:
        """Plays a sound; returns when its last frame was sent."""
        played = self.probe.rtp.play(sound.pcm)
        await until(played.done.is_set, len(sound.pcm) / 16000 + 5)
        return played

    async def hush(self) -> None:
        """Interrupts the agent by an operator's command."""
        await self._commands.order(self.call, CommandKind.INTERRUPT)

    def turns(self) -> list[dict[str, Any]]:
        """Lines of the call's `turns.jsonl` so far."""
        file = self._folder / "turns.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@asynccontextmanager
async def talker(daemon: DaemonProcess, commands: Commands, number: str = "100") -> AsyncIterator[Talker]:
    """Phones the daemon at `number`; on leaving the block, hangs up and waits until the call's files are written."""
    name = f"bench-{secrets.token_hex(4)}"
    async with Probe(daemon.uri(number), caller=name) as probe:
        await probe.answered()
        call = await commands.call_of(name)
        talk = Talker(probe, commands, call, daemon.calls_directory / call)
        yield talk


Job = Callable[[], Awaitable[None]]


async def side_by_side(jobs: Sequence[Job], lanes: int, progress: Progress) -> None:
    """Runs jobs in order, this many at a time."""
    waiting = iter(jobs)
    done = 0

    async def lane() -> None:
        nonlocal done
        for job in waiting:
            await job()
            done += 1
            progress(done / len(jobs))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(lanes):
            tasks.create_task(lane())
