"""Recorded callers phone over SIP, several at once: a new daemon in this process, or one that is already running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from ops.replay import tape_call
from ops.replay.expectations import Outcome, Verdict, failures, judged, read_turns
from ops.replay.fixture import Expect, Fixture
from ops.replay.sip_call import place_recorded_call
from phone_daemon.daemon import Daemon
from phone_daemon.events import EndReason, Note
from phone_daemon.settings.settings import Settings, SipSettings
from phone_daemon.wire.sip import CallRefused, LineCard

LOGGED_S = 5.0
"""How long the daemon's end of a call may lag behind the caller's."""

Show = Callable[[str, float], None]
"""Called with a fixture and the fraction of it that has been played, 0 to 1."""


@dataclass(slots=True)
class Ledger:
    """The daemon's notes about each call, by the fixture that calls under its own name."""

    notes: dict[str, list[Note]] = field(default_factory=dict)
    """By fixture."""
    over: dict[str, asyncio.Event] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    """The fixture of each call id."""

    def expect(self, name: str) -> None:
        self.notes[name], self.over[name] = [], asyncio.Event()

    def watch(self, note: Note) -> None:
        if note.kind == "started":
            self.calls[note.call] = str(note.data["caller"])
        name = self.calls.get(note.call, "")
        if name in self.notes:
            self.notes[name].append(note)
            if note.kind == "ended":
                self.over[name].set()


async def over_sip(
    fixtures: Sequence[Fixture], settings: Settings, jobs: int, to: str | None, show: Show
) -> list[Verdict]:
    """Plays fixtures over SIP, `jobs` at once, to a new daemon or to `to`."""
    line_card = await LineCard.start(SipSettings(port=0))
    try:
        if to is not None:
            return await _each(fixtures, jobs, lambda each: _to_another(line_card, to, each, show))
        ledger = Ledger()
        settings = replace(tape_call.replay_settings(settings), sip=SipSettings(port=0), health_port=0)
        async with Daemon(settings, watch=ledger.watch, now=lambda: tape_call.NOON) as daemon:
            serving = asyncio.create_task(daemon.serve())
            try:
                return await _each(fixtures, jobs, lambda each: _to_ours(line_card, daemon, ledger, each, show))
            finally:
                daemon.drain()
                await serving
    finally:
        await line_card.close()


async def _each(fixtures: Sequence[Fixture], jobs: int, play: Callable[[Fixture], Awaitable[Verdict]]) -> list[Verdict]:
    """Plays all, `jobs` at once."""
    free = asyncio.Semaphore(jobs)

    async def one(each: Fixture) -> Verdict:
        async with free:
            try:
                return await play(each)
            except CallRefused as refused:
                return Verdict(each.name, 0, 0, [f"call: refused: {refused}"], "")

    # The longest first, so that none runs alone at the end.
    order = sorted(fixtures, key=lambda each: -sum(len(cue.pcm) for cue in each.cues))
    verdicts = {verdict.fixture: verdict for verdict in await asyncio.gather(*map(one, order))}
    return [verdicts[each.name] for each in fixtures]


async def _to_ours(card: LineCard, daemon: Daemon, ledger: Ledger, each: Fixture, show: Show) -> Verdict:
    ledger.expect(each.name)
    uri = f"sip:{each.called}@127.0.0.1:{daemon.port}"
    side = await place_recorded_call(card, uri, each, lambda part: show(each.name, 0.99 * part))
    ended = EndReason.FAILED
    try:
        async with asyncio.timeout(LOGGED_S):
            await ledger.over[each.name].wait()
        ended = EndReason(str(ledger.notes[each.name][-1].data["reason"]))
    except TimeoutError:
        pass  # Reported as FAILED: the daemon still considers the call live.
    show(each.name, 1.0)
    call = next((call for call, name in ledger.calls.items() if name == each.name), "")
    folder = daemon.settings.calls.directory / call
    turns = read_turns(folder / "turns.jsonl")
    return judged(each, Outcome(turns, ended, ledger.notes[each.name], side.gave_up, folder))


async def _to_another(card: LineCard, to: str, each: Fixture, show: Show) -> Verdict:
    """What a caller alone can judge: whether its cues came due, and who ended the call."""
    uri = f"sip:{each.called}@{to.removeprefix('sip:').rpartition('@')[2]}"
    side = await place_recorded_call(card, uri, each, lambda part: show(each.name, 0.99 * part))
    show(each.name, 1.0)
    ended = EndReason.CALLER_HUNG_UP if side.hung_up else EndReason.AGENT_HUNG_UP
    expect = Expect(ended=each.expect.ended)
    return Verdict(each.name, 0, 0, failures(expect, Outcome([], ended, gave_up=side.gave_up)), "")
