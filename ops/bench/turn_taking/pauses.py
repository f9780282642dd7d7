"""Collects what is known in the pauses of a caller's turn, to try different ways of endpointing on it.

A scene is played to the caller's side of a call alone, which never ends the turn; so any wait, fixed or not, can be
tried on the same pauses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ops.bench.turn_taking.caller import ticks
from ops.bench.turn_taking.scene import Scene
from ops.replay.tape_call import counted_settings
from phone_daemon.call.caller_side import CallerSide
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.engines import engine_options
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, PTIME_S, SAMPLE_RATE, Frame, SpeechStarted
from phone_daemon.settings.settings import Settings, TurnSettings, VadSettings
from phone_daemon.stt.endpointing import Endpoint, Evidence
from phone_daemon.stt.utterance import Utterance
from sidecars.local.inline import InlineHost

LONGEST_S = 3.2
"""Silence after the turn, longer than any pause within one."""
NEVER = VadSettings(min_silence_s=5.0)
PATIENT = TurnSettings(endpointing="fixed")
Decide = Callable[[Evidence], Endpoint]


@dataclass(frozen=True, slots=True)
class Heard:
    """What was known in each tick in which the caller was silent after speech."""

    scene: Scene
    over_at: int
    """Ticks from the start of the sound to the end of the turn."""
    pauses: tuple[tuple[int, float, Evidence], ...]
    """Tick, seconds of silence so far, and what was known."""


@dataclass(frozen=True, slots=True)
class Waited:
    cut_off: bool
    wait_s: float
    """From the end of the turn until it was taken to be over."""
    reason: str


class Listener:
    """The caller's side, with the embedded recognizer loaded once."""

    def __init__(self) -> None:
        self._settings = counted_settings(Settings())
        self._plans = Dialplans.load(self._settings.dialplans)
        self._stt = InlineHost("stt", self._settings.stt.engine, engine_options(self._settings.stt, self._plans))
        self._started = False

    def hear(self, scene: Scene) -> Heard:
        return run_counted(self._hear(scene))

    async def _hear(self, scene: Scene) -> Heard:
        if not self._started:
            await self._stt.start()
            self._started = True
        grammar = "parcel_line" if scene.asked.startswith("digits") else "dental_clinic"
        found: list[tuple[int, float, Evidence]] = []
        async with asyncio.TaskGroup() as tasks:
            caller = CallerSide(
                lambda expected: Utterance(self._stt, {"grammar": grammar}, expected=expected),
                NEVER,
                PATIENT,
                spawn=tasks.create_task,
                tell=lambda kind, data: None,
            )
            caller.expect(scene.asked)
            caller.drop()
            sound = scene.pcm() + bytes(2 * round(LONGEST_S * SAMPLE_RATE))
            for tick in range(len(sound) // FRAME_BYTES):
                pcm = sound[tick * FRAME_BYTES : (tick + 1) * FRAME_BYTES]
                for event in caller.hear(Frame(tick * FRAME_SAMPLES, pcm, b"", 0, 0, 0)):
                    if isinstance(event, SpeechStarted) and not caller.attending:
                        caller.attend(event.onset)
                await asyncio.sleep(PTIME_S)
                if caller.quiet:
                    evidence = caller.endpointing.evidence(caller.so_far, caller.quiet)
                    found.append((tick + 1, caller.quiet / SAMPLE_RATE, evidence))
            caller.close()
        return Heard(scene, ticks(scene.end_s), tuple(found))


def waited(heard: Heard, decide: Decide) -> Waited:
    """The result for a turn if `decide` says how long each silence must last."""
    cut_off = False
    over, before_s = False, 0.0
    for tick, quiet_s, evidence in heard.pauses:
        over, before_s = over and quiet_s > before_s, quiet_s
        endpoint = decide(evidence)
        if quiet_s < endpoint.wait_s or over:
            continue
        over = True
        if tick >= heard.over_at:
            return Waited(cut_off, (tick - heard.over_at) * PTIME_S, endpoint.reason)
        cut_off = True
    return Waited(cut_off, LONGEST_S, "never")
