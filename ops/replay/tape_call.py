"""A recorded call on the sample clock: the daemon's own `call.py`, without sockets, processes, or waiting.

Engines run inline, the line is a tape, and the time of day is always the same, so two runs of a fixture write the same
`turns.jsonl`, except for fields named as wall-clock.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ops.replay.caller import RecordedCaller
from ops.replay.echo_path import EchoPath, mixed
from ops.replay.expectations import Outcome, read_turns
from ops.replay.fixture import Fixture
from phone_daemon.agent.agent import Parties
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.call.call import Call
from phone_daemon.call.services import Services
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.engines import engine_options, make_counted_tts
from phone_daemon.events import Note
from phone_daemon.settings.settings import Settings, StateSettings, SttSettings, TtsSettings
from phone_daemon.state.store import State
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.wire.tape import TapeLine
from sidecars.host.host import Host
from sidecars.local.inline import InlineHost

NOON = datetime(2026, 3, 3, 12, 0)
"""A Tuesday, in opening hours: every recorded call is made then."""


def replay_settings(settings: Settings) -> Settings:
    """`settings` without Redis, with every dialplan in the repository."""
    plans = settings.dialplans or tuple(sorted(SHIPPED.glob("*.toml")))
    return replace(settings, state=StateSettings(url="off"), dialplans=plans)


def counted_settings(settings: Settings) -> Settings:
    """`replay_settings`, with the embedded engine instead of a server, which knows only real time."""
    stt = SttSettings() if settings.stt.url else settings.stt
    tts = TtsSettings() if settings.tts.url else settings.tts
    return replace(replay_settings(settings), stt=stt, tts=tts)


class Engines:
    """Recognition and synthesis in this process, loaded once for all fixtures."""

    def __init__(self, settings: Settings) -> None:
        """Raises `HostLost` if one of them cannot be loaded."""
        settings = counted_settings(settings)
        options = engine_options(settings.stt, Dialplans.load(settings.dialplans))
        self.stt: Host = InlineHost("stt", settings.stt.engine, options)
        self.tts = make_counted_tts(settings.tts)
        run_counted(self._start())

    async def _start(self) -> None:
        await asyncio.gather(self.stt.start(), self.tts.start())


def play(
    fixture: Fixture, settings: Settings, watch: Callable[[Note], None], engines: Engines | None = None
) -> Outcome:
    """Plays one fixture and returns its records, which are under `settings.calls.directory` in a folder of its name.

    `engines`: engines loaded for the same `stt`, `tts`, and `dialplans`; None loads them for this fixture.
    """
    engines = engines or Engines(settings)
    return run_counted(play_on(engines.stt, engines.tts, fixture, counted_settings(settings), watch))


def _echo(fixture: Fixture) -> Callable[[bytes, bytes], bytes] | None:
    if fixture.echo is None:
        return None
    path = EchoPath(fixture.echo)
    return lambda said, heard: mixed(said, path.feed(heard))


async def play_on(stt: Host, tts: Host, fixture: Fixture, settings: Settings, watch: Callable[[Note], None]) -> Outcome:
    """Plays one fixture on running hosts, at the pace of the running loop's clock."""
    plans = Dialplans.load(settings.dialplans)
    plan = plans.match(fixture.called, NOON)
    if plan is None:
        raise ValueError(f"{fixture.name}: no dialplan answers {fixture.called}")
    notes: list[Note] = []

    def note(told: Note) -> None:
        notes.append(told)
        watch(told)

    folder = settings.calls.directory / fixture.name
    shutil.rmtree(folder, ignore_errors=True)
    telemetry = Telemetry(export=False)
    factory = AgentFactory(settings.llm)
    caller = RecordedCaller(fixture)
    line = TapeLine(fixture.name, fixture.name, fixture.called, caller.hear, echo=_echo(fixture))
    try:
        services = Services(settings, stt, tts, State(settings.state), telemetry, note)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.run())
            closed = await Call(line, plan, factory.agent(plan, Parties(called=fixture.called), NOON), services).run()
    finally:
        await factory.close()
        telemetry.close()
    return Outcome(read_turns(folder / "turns.jsonl"), closed.reason, notes, caller.gave_up, folder)
