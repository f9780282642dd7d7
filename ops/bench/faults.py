"""A model server that fails: is every caller answered, and soon?

Every request of a turn fails in the same way, including the retry, so no turn recovers by luck. The server is scripted
(`scripted_model`), the connections to it and the engines are real, and the call runs on the sample clock: waits count
in full, computation takes no time, and a busy machine changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from math import inf
from multiprocessing import get_context
from pathlib import Path

from ops.bench.figure import Figure, Progress
from ops.bench.plans import model_plan
from ops.bench.scripted_model import MODEL, Fault, ScriptedModel
from ops.bench.talk import Sound, sounds
from ops.replay.expectations import read_turns
from ops.replay.tape_call import NOON
from ops.report.stats import quantiles
from ops.witness.probe import until
from phone_daemon.agent.agent import Parties
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.call.call import Call
from phone_daemon.call.services import Services
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import load_dialplans
from phone_daemon.engines import engine_options, make_counted_tts
from phone_daemon.events import EndReason, Note
from phone_daemon.settings.settings import CallSettings, Settings, StateSettings
from phone_daemon.state.store import State
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.wire.tape import Act, HangUp, Say, TapeLine
from sidecars.local.inline import InlineHost

EACH, BATCH = 10, 50
"""Turns per call, and per process."""
WORKERS = 2
SOON_S = 3.0
"""From the caller's last word to the agent's first."""
ANSWER = (
    "I would be glad to tell you about that, because there is a lot to be said, and most callers want to hear all of "
    "it. The first thing that you should know is that we are open in the morning, and in the afternoon as well."
)
CUT_AFTER = 3
"""Tokens before the fault: none of the answer can have been heard yet."""
FAULTS = (Fault.REFUSED, Fault.SILENT, Fault.CUT)
AUDIBLE = 200
"""Amplitude (of 32768) at which the agent is audible."""


@dataclass(slots=True)
class Seen:
    """What callers experienced, by fault."""

    late_s: dict[Fault, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Time from the end of the caller's speech to the agent's first sound; `inf` if there is none."""
    words_s: list[float] = field(default_factory=list)
    """Time to the first sound of the reply itself, if an acknowledgment came before it; `inf` if there is none."""
    lost: list[str] = field(default_factory=list)
    """Calls that were not ended by their caller."""
    named: int = 0
    """Turns whose log names a fault."""

    def add(self, other: Seen) -> None:
        for fault, late_s in other.late_s.items():
            self.late_s[fault] += late_s
        self.words_s += other.words_s
        self.lost += other.lost
        self.named += other.named


async def measure(progress: Progress, count: int = 100) -> list[Figure]:
    """`count` turns for each fault."""
    seen = Seen()
    loop = asyncio.get_running_loop()
    jobs = [(fault, first) for first in range(0, count, BATCH) for fault in FAULTS]
    # Forking a process whose libraries run their own threads may hang.
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        runs = [loop.run_in_executor(pool, _batch, fault, first, min(first + BATCH, count)) for fault, first in jobs]
        for done, run in enumerate(asyncio.as_completed(runs), 1):
            seen.add(await run)
            progress(done / len(jobs))
    return _figures(seen)


def _batch(fault: Fault, first: int, last: int) -> Seen:
    logging.disable()  # Failures are counted.
    return run_counted(fail(fault, first, last))


async def fail(fault: Fault, first: int, last: int) -> Seen:
    """Turns `first` to `last`, in calls of `EACH` turns."""
    seen = Seen()
    # A caller who says goodbye does not wait for an answer.
    said = [sound for sound in sounds() if sound.words and len(sound.pcm) < 5 * 8000 and "goodbye" not in sound.words]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = await stack.enter_async_context(ScriptedModel(lambda asked: ANSWER, fault=fault, cut_after=CUT_AFTER))
        path = model_plan(folder, server.base_url, MODEL)
        settings = Settings(
            calls=CallSettings(directory=folder, record=False), state=StateSettings(url="off"), dialplans=(path,)
        )
        plans = load_dialplans(settings)
        stt = InlineHost("stt", settings.stt.engine, engine_options(settings.stt, plans))
        tts = make_counted_tts(settings.tts)
        for host in (stt, tts):
            stack.push_async_callback(host.close)
            await host.start()
        telemetry = Telemetry(export=False)
        stack.callback(telemetry.close)
        caller = _Caller(frozenset())

        def watch(note: Note) -> None:
            caller.told(note)

        services = Services(settings, stt, tts, State(settings.state), telemetry, watch)
        factory = AgentFactory()
        stack.push_async_callback(factory.close)
        plan = next(iter(plans)).at(NOON)
        for number in range(first, last, EACH):
            sounds_of_call = [said[turn % len(said)] for turn in range(number, min(number + EACH, last))]
            caller = _Caller(frozenset(plan.fillers))
            line = TapeLine(f"{fault}-{number}", "bench", "reception", caller.hear)
            call = Call(line, plan, factory.agent(plan, Parties(called="reception"), NOON), services)
            await _talk(caller, line, call, sounds_of_call, fault, seen)
            turns = read_turns(folder / line.id / "turns.jsonl")
            seen.named += sum(bool(turn["faults"]) for turn in turns)
    return seen


class _Caller:
    """Says one thing after the other, and records when the agent is heard again."""

    def __init__(self, fillers: frozenset[str]) -> None:
        self._fillers = fillers
        self._acts: list[Act] = []
        self._time = asyncio.get_running_loop().time
        self.heard_at = 0.0
        """When the agent was last heard, by the loop's clock."""
        self.spoken_at = 0.0
        """When the last sample of the caller's speech is sent."""
        self.words_at = 0.0
        """When the agent last began a phrase that is not just an acknowledgment."""

    def say(self, sound: Sound) -> None:
        self._acts.append(Say(sound.pcm))
        self.spoken_at = self._time() + (sound.last + 1) / 8000

    def hang_up(self) -> None:
        self._acts.append(HangUp())

    def answered(self) -> bool:
        """Whether the agent was heard after the caller's speech."""
        return self.heard_at > self.spoken_at

    def replied(self) -> bool:
        """Whether the agent has said more than an acknowledgment."""
        return self.answered() and self.words_at > self.spoken_at

    def told(self, note: Note) -> None:
        """Receives the events that observers of the call get."""
        if note.kind == "agent" and str(note.data["text"]).strip() not in self._fillers:
            self.words_at = self._time()

    def hear(self, agent: bytes) -> list[Act]:
        if not self.answered() and any(abs(sample) > AUDIBLE for sample in memoryview(agent).cast("h")):
            self.heard_at = self._time()
        acts, self._acts = self._acts, []
        return acts


async def _talk(  # noqa: PLR0917
    caller: _Caller,
    line: TapeLine,
    call: Call,
    said: Sequence[Sound],
    fault: Fault,
    seen: Seen,
) -> None:
    """One call; the caller interrupts the agent as soon as it is heard, and says the next thing."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(line.run())
        running = tasks.create_task(call.run())
        await until(lambda: caller.answered() or running.done())
        for sound in said:
            await call.operator.interrupt()
            await asyncio.sleep(0.3)
            caller.say(sound)
            with contextlib.suppress(TimeoutError):
                await until(lambda: caller.replied() or running.done())
            late_s = caller.heard_at - caller.spoken_at if caller.answered() else inf
            words_s = caller.words_at - caller.spoken_at if caller.replied() else inf
            seen.late_s[fault].append(late_s)
            if words_s - late_s > 0.1:
                seen.words_s.append(words_s)
        caller.hang_up()
        closed = await running
    if closed.reason is not EndReason.CALLER_HUNG_UP:
        seen.lost.append(f"{line.id}: {closed.reason}")


def _figures(seen: Seen) -> list[Figure]:
    figures: list[Figure] = []
    for fault, late_s in seen.late_s.items():
        found = quantiles(late_s)
        note = (
            f"{len(late_s)} turns, scripted model server; p50 {found['p50']:.2f}, p95 {found['p95']:.2f}; sample clock"
        )
        figures.append(Figure(f"model's {fault}: the agent's first sound, latest", found["max"], "s", SOON_S, note))
    turns = sum(map(len, seen.late_s.values()))
    return [
        *figures,
        Figure("calls lost to a model's faults", len(seen.lost), "", 0, "; ".join(seen.lost[:3])),
        Figure(
            "latest words after an acknowledgment",
            max(seen.words_s, default=0.0),
            "s",
            None,
            f"an acknowledgment came first in {len(seen.words_s)} of {turns} turns",
        ),
        Figure("turns without words", sum(each == inf for each in seen.words_s), "", 0),
        Figure(
            "turns whose log names a fault",
            seen.named,
            "",
            None,
            f"of {turns}",
        ),
    ]
