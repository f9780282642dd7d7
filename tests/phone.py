"""A telephone at the far end of the daemon's own `Call`: a test says what the caller does, on the sample clock.

    def caller(phone): await phone.until(phone.listening); phone.say(speech(OPEN)); …
    left = ring(tmp_path, caller)

Engines are the real ones. Whatever happens in a call, it must end soon after its line does, and leave neither tasks nor
sessions behind: `ring` asserts this for every call.
"""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from phone_daemon.agent.agent import Agent
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.call.call import Call
from phone_daemon.call.floor import State
from phone_daemon.call.services import Services
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import SHIPPED, BargeIn, Dialplan, Dialplans
from phone_daemon.engines import engine_options
from phone_daemon.events import FRAME_BYTES, Flushed, Frame, LineClosed, LineEvent, Note, PlayoutDone
from phone_daemon.settings.settings import CallSettings, Settings, StateSettings
from phone_daemon.state.store import State as Store
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.wire.tape import Act, HangUp, Press, Say, TapeLine
from sidecars.local.inline import InlineHost
from tests.fakes import TunedHost
from tests.sidecars.speech import line, spoken, words

NOON = datetime(2026, 3, 3, 12, 0)
PLANS = Dialplans.load([SHIPPED / "dental_clinic.toml"])
SETTINGS = Settings(state=StateSettings(url="off"))
LONG = "We are open from half past eight until half past five, and on Thursday until seven. On Friday we close at four."
"""A question that takes an agent long to answer."""
OPTIONS = engine_options(SETTINGS.stt, PLANS)


def plan(**barge_in: Any) -> Dialplan:
    """The dental clinic, with another barge-in policy."""
    found = PLANS.match("reception", NOON)
    assert found is not None
    return replace(found, barge_in=BargeIn(**barge_in))


OPEN = "what are your opening hours"
BOOKING = "i would like to book an appointment please"
TUESDAY = "on tuesday"
YES = "yes that's right"


@cache
def speech(text: str) -> bytes:
    """The caller's words, as they come from the line."""
    return line(spoken(text))


@cache
def stt() -> TunedHost:
    return TunedHost("stt", "moonshine", OPTIONS)


def late_stt(late_s: float) -> TunedHost:
    host = TunedHost("stt", "moonshine", OPTIONS)
    host.late_s = late_s
    return host


@cache
def tts() -> InlineHost:
    return InlineHost("tts", "espeak", {})


class Tape(TapeLine):
    """A tape line that remembers how much of each reply was played."""

    def __init__(self, id: str, phone: Phone) -> None:
        super().__init__(id, "caller", "reception", phone.hear)
        self.played: dict[int, int] = {}
        self.audio: dict[int, bytearray] = {}

    def tells(self, event: LineEvent) -> None:
        """What the far end of a tape never causes."""
        self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[LineEvent]:
        async for event in super().events():
            match event:
                case Frame(agent=agent, reply=reply, played=played):
                    if played > self.played.get(reply, 0):
                        self.audio.setdefault(reply, bytearray()).extend(agent.ljust(FRAME_BYTES, b"\0"))
                    self.played[reply] = played
                case PlayoutDone(reply=reply, played=played) | Flushed(reply=reply, played=played):
                    self.played[reply] = played
            yield event


@dataclass
class Phone:
    """The caller's telephone, and a view of the call for the test."""

    notes: list[Note] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    call: Call = field(init=False)
    line: Tape = field(init=False)
    store: Store = field(init=False)
    stt: InlineHost = field(default_factory=stt)
    tts: InlineHost = field(default_factory=tts)

    def hear(self, agent: bytes) -> list[Act]:
        acts, self.acts = self.acts, []
        return acts

    def say(self, pcm: bytes) -> None:
        self.acts.append(Say(pcm))

    def press(self, digits: str) -> None:
        self.acts.append(Press(digits))

    def hang_up(self) -> None:
        self.acts.append(HangUp())

    async def says(self, pcm: bytes) -> None:
        """Says it, and returns when it has been said."""
        self.say(pcm)
        await asyncio.sleep(len(pcm) / 16000)

    async def noise(self) -> None:
        """A voice without words, and the silence that ends it."""
        assert isinstance(self.stt, TunedHost)
        self.stt.wordless = True
        await self.says(speech(YES))
        await asyncio.sleep(0.7)
        self.stt.wordless = False

    async def until(self, what: Callable[[], object], limit_s: float = 60.0) -> None:
        """Returns within one tick of `what` becoming true."""
        try:
            async with asyncio.timeout(limit_s):
                while not what():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            told = "\n".join(f"{note.at_ns / 1e9:8.3f} {note.kind} {dict(note.data)}" for note in self.notes)
            raise AssertionError(f"waited {limit_s:g} s in vain; what was told:\n{told}") from None

    def state(self) -> State:
        return self.call.state

    def is_in(self, *states: State) -> Callable[[], bool]:
        return lambda: self.state() in states

    async def reaches(self, *states: State) -> None:
        await self.until(self.is_in(*states))

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        return [note.data for note in self.notes if note.kind == kind]

    def hears(self, text: str) -> Callable[[], bool]:
        """Whether the agent has begun a phrase that contains `text`."""
        return lambda: any(text in data["text"] for data in self.told("agent"))

    async def heard_out(self, after: str) -> None:
        """Returns when the agent has said a phrase that contains `after`, and the caller has the floor."""
        await self.until(self.hears(after))
        await self.reaches(State.LISTENING)


@dataclass(frozen=True)
class Left:
    """The records of a call."""

    closed: LineClosed
    turns: list[dict[str, Any]]
    notes: list[Note]
    folder: Path
    line: Tape
    history: list[tuple[str, str, bool]]

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        return [note.data for note in self.notes if note.kind == kind]

    def said(self) -> list[str]:
        """The words recognized from the caller, turn by turn."""
        return [words(turn["caller"]) for turn in self.turns if turn["caller"]]

    def recorded_s(self) -> float:
        with wave.open(str(self.folder / "call.wav")) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, 8000)
            return float(file.getnframes() / 8000)


Script = Callable[[Phone], Awaitable[None]]


def ring(
    folder: Path,
    script: Script,
    *,
    agent: Agent | None = None,
    dialplan: Dialplan | None = None,
    settings: Settings = SETTINGS,
    stt: InlineHost | None = None,
    tts: InlineHost | None = None,
    watch: Callable[[Note], None] = lambda note: None,
    late_s: float = 0.0,
) -> Left:
    """Phones, lets `script` hold the telephone, hangs up after it, and returns the call's records.

    `late_s`: how long after the line opens the daemon begins to run the call.
    """
    phone = Phone()
    phone.stt, phone.tts = stt or phone.stt, tts or phone.tts
    settings = replace(settings, calls=replace(settings.calls, directory=folder))
    return run_counted(_ring(phone, script, agent, dialplan or plan(), settings, watch, late_s))


async def _ring(
    phone: Phone,
    script: Script,
    agent: Agent | None,
    dialplan: Dialplan,
    settings: Settings,
    watch: Callable[[Note], None],
    late_s: float,
) -> Left:
    def note(told: Note) -> None:
        phone.notes.append(told)
        watch(told)

    for host in (phone.stt, phone.tts):
        if isinstance(host, TunedHost):
            host.wordless = False
        if not host.sample_rate:
            await host.start()
    telemetry = Telemetry(export=False)
    phone.store = Store(settings.state)
    phone.line = Tape("call", phone)
    services = Services(settings, phone.stt, phone.tts, phone.store, telemetry, note)
    if late_s:
        ticking = asyncio.create_task(phone.line.run())
        await asyncio.sleep(late_s)
    phone.call = Call(phone.line, dialplan, agent or ScriptedAgent(dialplan), services)
    running = asyncio.create_task(phone.call.run())
    if not late_s:
        ticking = asyncio.create_task(phone.line.run())
    holding = asyncio.ensure_future(script(phone))
    try:
        await asyncio.wait([running, holding], return_when=asyncio.FIRST_COMPLETED)
        if running.done() and not running.cancelled() and running.exception():
            holding.cancel()
            running.result()
        await holding
        phone.hang_up()
        async with asyncio.timeout(10.0):
            closed = await running
    finally:
        telemetry.close()
        for task in (holding, running, ticking):
            task.cancel()
        await asyncio.wait([holding, running, ticking])
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert held(phone.stt) == held(phone.tts) == {}
    return Left(
        closed,
        turns(folder := settings.calls.directory / "call"),
        phone.notes,
        folder,
        phone.line,
        [(message.role, message.text, message.interrupted) for message in phone.call.history],
    )


def held(host: InlineHost) -> dict[str, object]:
    """What an engine and its host still hold for any call."""
    server = host._server
    stores: dict[str, object] = {"channels": dict(host._channels)}
    if server is not None:
        engine: Any = server.engine  # type: ignore[attr-defined]
        stores |= {"busy": server.busy, **(engine.held() if host._kind == "stt" else {})}
    return {name: count for name, count in stores.items() if count}


def turns(folder: Path) -> list[dict[str, Any]]:
    """A call's turns in the order of their numbers, once each."""
    lines = (folder / "turns.jsonl").read_text().splitlines() if (folder / "turns.jsonl").exists() else []
    found = sorted((json.loads(line) for line in lines), key=lambda turn: int(turn["turn"]))
    assert [turn["turn"] for turn in found] == list(range(len(found)))
    return found


def calls(**settings: Any) -> Settings:
    """Settings with other `[calls]`."""
    return replace(SETTINGS, calls=CallSettings(**settings))
