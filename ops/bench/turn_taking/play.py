"""Plays a scene to the daemon's own `Call`, on the sample clock, with the embedded engines."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.bench.turn_taking.caller import SceneCaller
from ops.bench.turn_taking.scene import Scene
from ops.replay.expectations import read_turns
from ops.replay.tape_call import counted_settings
from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.call.call import Call
from phone_daemon.call.services import Services
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.engines import engine_options, make_counted_tts
from phone_daemon.events import AgentEvent, Note, Token
from phone_daemon.settings.settings import Settings
from phone_daemon.state.store import State
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.wire.tape import TapeLine
from sidecars.local.inline import InlineHost

REPLY = (
    "We are open from Monday to Friday, from eight in the morning until six in the evening. On Saturdays we are here "
    "from nine until one, and on Sundays and public holidays we are closed all day. There is parking behind the "
    "building, and the bus stops right in front of it."
)
QUESTIONS = {"yes_no": "Is that right?", "text": "How do you spell your name?", "": "How can I help you?"}
NUMBER = "What is your number?"
NOON = datetime(2026, 3, 3, 12, 0)


class Teller:
    """Asks what the scene needs asked, answers the first question with `REPLY`, and then says "All right."."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._told = self._before = scene.when == "turn"

    def greet(self) -> AsyncGenerator[AgentEvent, None]:
        return _says(QUESTIONS.get(self._scene.asked, NUMBER))

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        self._before = self._told
        if not turn.text or not self._told:
            self._told = True
            return _says(REPLY)
        return _says("All right.")

    def stands(self, turn: CallerTurn, history: Sequence[Message]) -> bool:
        return True

    def retract(self) -> None:
        """What was begun early counts as never begun."""
        self._told = self._before

    def wanted_digits(self) -> int:
        return 0

    def expects(self) -> str:
        return self._scene.asked

    async def close(self) -> None:
        """Nothing is held."""


async def _says(text: str) -> AsyncGenerator[AgentEvent, None]:
    for word in text.split():
        yield Token(word + " ")


@dataclass(frozen=True, slots=True)
class Played:
    """The records of a scene. Moments are ticks of 20 ms since the call was answered."""

    scene: Scene
    levels: tuple[float, ...]
    """RMS of what the caller heard, by tick."""
    reply_at: int
    onset_at: int
    """First tick of the scene's sound; for a scene without one, the reply's."""
    over_at: int
    notes: tuple[Note, ...]
    turns: tuple[Mapping[str, Any], ...]


class Stage:
    """The engines, loaded once, and the calls that are played on them."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = counted_settings(settings or Settings())
        self._plans = Dialplans.load(self._settings.dialplans)
        self._stt = InlineHost("stt", self._settings.stt.engine, engine_options(self._settings.stt, self._plans))
        self._tts = make_counted_tts(self._settings.tts)
        self._started = False
        self._usual: dict[tuple[str, float], Played] = {}

    def play(self, scene: Scene) -> Played:
        return run_counted(self._play(scene, SceneCaller(scene)))

    def usual(self, scene: Scene) -> Played:
        """The same call, in which nothing happens while the agent speaks."""
        # The caller of a scene hangs up some time after its sound.
        key = (scene.voice if scene.sound else scene.half, scene.at_s)
        if key not in self._usual:
            self._usual[key] = run_counted(self._play(replace(scene, wants="go on"), SceneCaller(scene, silent=True)))
        return self._usual[key]

    async def _play(self, scene: Scene, caller: SceneCaller) -> Played:
        if not self._started:
            await asyncio.gather(self._stt.start(), self._tts.start())
            self._started = True
        number = scene.asked.startswith("digits")
        plan = next(plan for plan in self._plans if plan.name == ("parcel_line" if number else "dental_clinic"))
        folder = Path(tempfile.mkdtemp(prefix="scene-"))
        notes: list[Note] = []
        settings = replace(self._settings, calls=replace(self._settings.calls, directory=folder, record=False))
        telemetry = Telemetry(export=False)
        line = TapeLine(scene.id, "caller", "scene", caller.hear)
        try:
            services = Services(settings, self._stt, self._tts, State(settings.state), telemetry, notes.append)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(line.run())
                await Call(line, plan, Teller(scene), services).run()
            turns = tuple(read_turns(folder / scene.id / "turns.jsonl"))
        finally:
            telemetry.close()
            shutil.rmtree(folder, ignore_errors=True)
        reply_at = caller.reply_at or 0
        onset_at = caller.onset_at if scene.sound else reply_at
        return Played(
            scene,
            tuple(caller.levels),
            reply_at,
            onset_at,
            caller.over_at if scene.sound else onset_at,
            tuple(notes),
            turns,
        )
