"""Live calls to a daemon whose engine runs at one place: recorded callers phone it while barge-ins are made.

Each recorded caller phones once, and the transcripts are kept. After that they keep phoning until the last barge-in, so
that every barge-in happens next to other callers.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ops.ab.memory import Memory
from ops.ab.places import LOAD_S, CannotRun, Engine, client, settings, sidecar
from ops.live.burst import Tally, burst
from ops.live.daemon_process import DaemonFailed, DaemonProcess
from ops.live.processes import last_line
from ops.replay.expectations import TurnLine, read_turns
from ops.replay.fixture import Fixture
from ops.replay.sip_call import CallerSide, place_recorded_call
from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.settings.settings import SipSettings
from phone_daemon.state.operator import Commands
from phone_daemon.wire.sip import CallRefused, LineCard

NUMBER = "100"
CALLS = 2
"""Concurrent calls that are interrupted by command."""
JOBS = 2
"""Concurrent recorded callers: together with those, as many calls as one line card carries."""
SAMPLE_S = 0.5
"""Interval between memory readings."""
BUSY_S, TRIES = 0.5, 20
"""A call that has just ended may still be counted, so a caller who finds the line busy waits and retries."""
BARGE_IN_S, CALLER_S = 6.0, 120.0
"""On an idle machine, a barge-in takes 2 s and a recorded caller 5 to 90 s. A run that takes longer than this for each
is on a machine that cannot keep up, and proves nothing.
"""

Told = Callable[[float, str], None]
"""Called with the fraction done, 0 to 1, and the current activity."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The records of a recorded caller's call."""

    turns: Sequence[TurnLine]
    said: str
    """The words of the cues that were played: in a call that the agent ended early, the other cues do not count."""

    @property
    def text(self) -> str:
        """The daemon's transcripts."""
        return " ".join(turn["caller"] for turn in self.turns if not turn["dtmf"])


@dataclass(slots=True)
class Calls:
    """The results of all calls."""

    tally: Tally = field(default_factory=Tally)
    heard: dict[str, Heard] = field(default_factory=dict)
    """By fixture."""
    memory: Memory = field(default_factory=Memory)
    problems: list[str] = field(default_factory=list)


async def measure(place: str, engine: Engine, fixtures: Sequence[Fixture], count: int, told: Told) -> Calls:
    """Makes `count` barge-ins by command, and a call of each fixture. Raises `CannotRun`."""
    found = Calls()
    with tempfile.TemporaryDirectory(prefix="ab-") as name:
        folder = Path(name)
        async with sidecar(place, engine, folder) as server:
            python, environ = client(place, engine, folder)
            laid = {
                "stt": settings(place, engine, server.url if server else ""),
                # The voice is the same, whichever interpreter runs the daemon.
                "tts": {"python": sys.executable},
                "dialplans": [str(plan) for plan in sorted(SHIPPED.glob("*.toml"))],
                "calls": {"drain_s": 0.0},
            }
            daemon = DaemonProcess(
                folder / "daemon", laid, environ=environ, module="ops.ab.daemon", python=python, start_s=LOAD_S
            )
            try:
                async with daemon, _watched(found.memory, daemon.pid, server.pid if server else None):
                    async with asyncio.timeout(BARGE_IN_S * count + CALLER_S * len(fixtures)) as limit:
                        await _phone(daemon, fixtures, count, found, told)
            except DaemonFailed:
                said = (daemon.directory / "daemon.log").read_text(errors="replace")
                raise CannotRun(last_line(said) or "the daemon did not start") from None
            except TimeoutError:
                why = "did not end in time: the machine cannot keep up" if limit.expired() else "did not end"
                raise CannotRun(f"its calls {why}") from None
    return found


async def _phone(daemon: DaemonProcess, fixtures: Sequence[Fixture], count: int, found: Calls, told: Told) -> None:
    card = await LineCard.start(SipSettings(port=0))
    try:
        async with Commands(daemon.state) as commands:
            callers = _Callers(card, daemon, commands, fixtures, lambda: tell(found.tally.count))

            def tell(barge_ins: int) -> None:
                found.tally.count = barge_ins
                done = barge_ins + len(callers.calls) + len(callers.problems)
                told(done / (count + len(fixtures)), f"{barge_ins} barge-ins, {len(callers.calls)} callers")

            phoning = [asyncio.create_task(callers.phone()) for _ in range(JOBS)]
            try:
                found.tally = await burst(daemon.uri(NUMBER), daemon.state, count, CALLS, tell)
                await callers.all_phoned.wait()
            finally:
                for task in phoning:
                    task.cancel()
                await asyncio.gather(*phoning, return_exceptions=True)
    finally:
        await card.close()
    await daemon.idle()
    for fixture, (call, said) in callers.calls.items():
        found.heard[fixture] = Heard(read_turns(daemon.calls_directory / call / "turns.jsonl"), said)
    found.problems += found.tally.problems + callers.problems
    if found.tally.count < count:
        found.problems.append(f"{found.tally.count} of {count} barge-ins by command")


class _Callers:
    """Recorded callers: each phones once, and then all of them again and again until canceled."""

    def __init__(
        self,
        card: LineCard,
        daemon: DaemonProcess,
        commands: Commands,
        fixtures: Sequence[Fixture],
        phoned: Callable[[], None],
    ) -> None:
        self.calls: dict[str, tuple[str, str]] = {}
        """For each fixture, the id of its call and the words of the cues that were played."""
        self.problems: list[str] = []
        self.all_phoned = asyncio.Event()
        self._card, self._daemon, self._commands, self._phoned = card, daemon, commands, phoned
        self._count = len(fixtures)
        # The longest first, so that none runs on alone at the end.
        self._waiting = sorted(fixtures, key=lambda each: sum(len(cue.pcm) for cue in each.cues))
        self._again = itertools.cycle(fixtures)
        self._numbers = itertools.count(1)

    async def phone(self) -> None:
        while True:
            if self._waiting:
                await self._once(self._waiting.pop())
                self._phoned()
                if len(self.calls) + len(self.problems) == self._count:
                    self.all_phoned.set()
            else:
                again = replace(next(self._again), name=f"again-{next(self._numbers)}")
                await self._place(again, lambda part: None)

    async def _once(self, fixture: Fixture) -> None:
        played = [0.0]

        def progress(part: float) -> None:
            played[0] = part

        calling = asyncio.create_task(self._place(fixture, progress))
        try:
            call = await self._commands.call_of(fixture.name, timeout=BUSY_S * TRIES)
            side = await calling
        except Exception as error:
            self.problems.append(f"{fixture.name}: {str(error) or 'was not answered'}")
            return
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
        if side.gave_up:
            self.problems.append(f"{fixture.name}: {side.gave_up}")
            return
        cues = fixture.cues[: round(played[0] * len(fixture.cues))]
        self.calls[fixture.name] = call, " ".join(cue.words for cue in cues if cue.words)

    async def _place(self, fixture: Fixture, progress: Callable[[float], None]) -> CallerSide:
        for _ in range(TRIES):
            try:
                return await place_recorded_call(self._card, self._daemon.uri(fixture.called), fixture, progress)
            except CallRefused as refused:
                why = refused
                await asyncio.sleep(BUSY_S)
        raise why


@asynccontextmanager
async def _watched(memory: Memory, daemon: int, server: int | None) -> AsyncIterator[None]:
    """Samples the memory of daemon and engine while the block lasts."""

    async def watch() -> None:
        while True:
            await asyncio.to_thread(memory.look, daemon, server)
            await asyncio.sleep(SAMPLE_S)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
