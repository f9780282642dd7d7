"""Kills the recognition server in mid-utterance, again and again, and measures what the caller notices."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ops.bench.figure import Figure, Progress
from ops.bench.stt.sidecar import Sidecar
from ops.bench.talk import Sound, Talker, sounds, talker
from ops.live.daemon_process import DaemonProcess
from ops.live.events import Event
from ops.live.ports import free_port
from ops.live.watch import Operator
from ops.report.stats import quantiles
from ops.witness.probe import until
from phone_daemon.dialplan.dialplan import load_dialplans
from phone_daemon.engines import engine_options
from phone_daemon.settings.settings import Settings
from phone_daemon.stt.stabilizer import word_key

CALLS = 4
"""Callers that lose recognition at the same time."""
WORDS = range(4, 12)
READY_S = 20.0
FINAL_S = 8.0
WRITTEN_S = 3.0
WATCHED_S = 2.0
"""How long the spacing of the agent's packets is watched around a kill."""


@dataclass(slots=True)
class Seen:
    gaps_ms: list[float] = field(default_factory=list)
    """Longest spacing of the agent's RTP packets around each kill."""
    back_ms: list[float] = field(default_factory=list)
    """From the kill to the first partial or final after it."""
    lost_ms: list[float] = field(default_factory=list)
    """Audio of the words that were recognized without a kill but not with it."""
    deaf: int = 0
    """Callers of whom nothing was recognized."""


async def measure(progress: Progress, kills: int = 100) -> list[Figure]:
    """`kills` callers, each of whom loses the recognizer while speaking."""
    said = [sound for sound in sounds() if len(sound.words.split()) in WORDS]
    options = engine_options(Settings().stt, load_dialplans(Settings()))
    port = free_port()
    seen = Seen()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = Sidecar("moonshine", options, port=port)
        await server.start()
        try:
            stt = {"host": "listen", "url": server.url}
            async with (
                DaemonProcess(Path(folder), {"stt": stt}) as daemon,
                Operator(daemon.state) as operator,
                _events(operator) as events,
            ):
                line = _Line(daemon, operator, server, events)
                usual = {sound.name: await line.undisturbed(sound) for sound in said}
                for number in range(0, kills, CALLS):
                    progress(number / kills)
                    some = [said[each % len(said)] for each in range(number, min(number + CALLS, kills))]
                    await line.killed(some, usual, seen)
        finally:
            await server.stop()
    gap, back, lost = quantiles(seen.gaps_ms), quantiles(seen.back_ms), quantiles(seen.lost_ms)
    note = f"{len(seen.gaps_ms)} callers whose server was killed while they spoke, {CALLS} at a time"
    return [
        Figure("longest RTP gap p95", gap["p95"], "ms", 40.0, f"{note}; p50 {gap['p50']:.1f}, max {gap['max']:.1f}"),
        Figure("kill to the next word understood p95", back["p95"], "ms", 1500.0, f"p50 {back['p50']:.0f}"),
        Figure(
            "words lost p95", lost["p95"], "ms", 300.0, f"of speech; none lost in {seen.lost_ms.count(0.0)} of {kills}"
        ),
        Figure("callers of whom nothing was understood", seen.deaf, "", 0),
    ]


@contextlib.asynccontextmanager
async def _events(operator: Operator) -> AsyncIterator[list[Event]]:
    """A growing list of the notes of all calls."""
    found: list[Event] = []

    async def follow() -> None:
        async for event in operator.events(past=True):
            found.append(event)

    task = asyncio.create_task(follow())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Line:
    """A daemon whose recognizer is in a server, and its observers."""

    daemon: DaemonProcess
    operator: Operator
    server: Sidecar
    events: Sequence[Event]

    async def undisturbed(self, sound: Sound) -> list[str]:
        """The transcript of a sound when nothing happens."""
        async with talker(self.daemon, self.operator) as talk:
            await _listening(talk)
            await talk.say(sound)
            await _answered(talk)
        return await _understood(talk)

    async def killed(self, sounds: Sequence[Sound], usual: Mapping[str, Sequence[str]], seen: Seen) -> None:
        """Transcripts of concurrent callers, in the middle of whose speech the server is killed and restarted."""
        await self._in_use()
        silent = asyncio.Barrier(len(sounds) + 1)
        cut = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as calls:
            for sound in sounds:
                calls.create_task(self._call(sound, usual[sound.name], silent, cut, seen))
            await silent.wait()
            shortest_s = min(len(sound.pcm) for sound in sounds) / 16000
            await asyncio.sleep(random.uniform(0.5, shortest_s - 0.4))
            cut.set_result(time.monotonic_ns())
            await self.server.stop(kill=True)
            await self.server.start()  # as a supervisor does

    async def _call(
        self, sound: Sound, usual: Sequence[str], silent: asyncio.Barrier, cut: asyncio.Future[int], seen: Seen
    ) -> None:
        spoken_s = len(sound.pcm) / 16000
        async with talker(self.daemon, self.operator) as talk:
            await _listening(talk)
            await silent.wait()
            played = talk.probe.rtp.play(sound.pcm)
            await until(played.done.is_set, spoken_s + 5)
            await _answered(talk)
            killed_ns = await cut
            near = [each.at_ns for each in talk.probe.rtp.packets if abs(each.at_ns - killed_ns) < WATCHED_S * 1e9]
        heard = await _understood(talk)
        seen.gaps_ms.append(max(after - before for before, after in itertools.pairwise(near)) / 1e6)
        told = [each.note for each in self.events if each.note.call == talk.call and each.note.at_ns > killed_ns]
        if news := [note.at_ns for note in told if note.kind in ("partial", "final")]:
            seen.back_ms.append((min(news) - killed_ns) / 1e6)
        seen.deaf += not heard
        missing = [word for word in usual if word not in heard]
        seen.lost_ms.append(1e3 * spoken_s * len(missing) / len(sound.words.split()))

    async def _in_use(self) -> None:
        """Waits until the server is in use again. Raises `TimeoutError`."""
        async with asyncio.timeout(READY_S):
            while json.loads((await self.daemon.health())[1] or '{"status": ""}')["status"] != "ok":  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def _listening(talk: Talker) -> None:
    await talk.agent_speaks()
    await talk.hush()
    await talk.agent_silent(0.3)


async def _answered(talk: Talker) -> None:
    """Waits until the agent answers, up to a limit."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FINAL_S):
            await talk.agent_speaks(talk.probe.rtp.packets[-1].at_ns)


async def _understood(talk: Talker) -> list[str]:
    """The words of the caller's turn, which is logged by the end of the call; none if there were none."""
    with contextlib.suppress(TimeoutError):
        await until(lambda: any(turn["caller"] for turn in talk.turns()), WRITTEN_S)
    turn = next((turn for turn in talk.turns() if turn["caller"]), None)
    return list(map(word_key, turn["caller"].split())) if turn else []
