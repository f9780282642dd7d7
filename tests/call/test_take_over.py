"""A colleague takes over a live call and gives it back: who hears whom, and what the agent knows afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.call.floor import State
from phone_daemon.events import Frame, WideFrame
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.web import WebSettings
from phone_daemon.wire.tape import HangUp, Say
from tests import agents
from tests.phone import BOOKING, OPEN, SETTINGS, Left, Phone, Tape, ring, speech

LONG = "We are open from half past eight until half past five. On Friday we close at four."
TONE = (8000 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 8000)).astype("<i2").tobytes()


class Colleague:
    """Another telephone in the same call."""

    def __init__(self) -> None:
        self.telephone = Phone()
        self.line = Tape("colleague", self.telephone)
        self._ticking = asyncio.create_task(self.line.run())

    def says(self, pcm: bytes) -> None:
        self.telephone.acts.append(Say(pcm))

    def hears(self) -> bytes:
        return bytes(self.line.audio.get(1, b""))

    async def leaves(self) -> None:
        self.telephone.acts.append(HangUp())
        await self._ticking


def loud(pcm: bytes | bytearray) -> bool:
    return bool(len(pcm)) and int(np.abs(np.frombuffer(pcm, "<i2").astype(int)).max()) > 3000


def call_with(
    tmp_path: Path, script: Callable[[Phone, Colleague], Awaitable[None]], settings: Settings = SETTINGS
) -> Left:
    async def both(phone: Phone) -> None:
        await script(phone, Colleague())

    return ring(tmp_path, both, agent=agents.Lines(agents.text(LONG)), settings=settings)


def test_a_colleague_at_16_khz_reaches_the_callers_line_at_16_khz(tmp_path: Path) -> None:
    came: list[bytes] = []

    async def script(phone: Phone, colleague: Colleague) -> None:
        await phone.heard_out("How can I help")
        phone.line.play = lambda reply, pcm, wide=b"": came.append(wide)  # type: ignore[method-assign]
        phone.call.operator.take_over(colleague.line)
        await phone.until(lambda: told(phone) == [True])
        colleague.line.tells(WideFrame(0, bytes(320), b"", 0, 0, 0, 320 * b"ab", b""))
        await phone.until(lambda: any(came))
        assert [each[-640:] for each in came if each] == [320 * b"ab"]
        await colleague.leaves()

    call_with(tmp_path, script)


@pytest.mark.long
@pytest.mark.parametrize("state", [State.GREETING, State.LISTENING, State.THINKING, State.SPEAKING])
def test_the_two_hear_each_other_whatever_the_agent_was_doing(tmp_path: Path, state: State) -> None:
    async def script(phone: Phone, colleague: Colleague) -> None:
        await phone.until(phone.hears("Hello"))
        if state is not State.GREETING:
            await phone.heard_out("How can I help")
        if state in (State.THINKING, State.SPEAKING):
            await phone.says(speech(OPEN))
            await phone.reaches(state)
        phone.call.operator.take_over(colleague.line)
        await phone.until(lambda: told(phone) == [True])
        ours = max(phone.line.played, default=0)
        colleague.says(TONE)
        await phone.until(lambda: any(loud(pcm) for reply, pcm in phone.line.audio.items() if reply > ours))
        assert phone.state() is State.LISTENING
        await phone.says(speech(BOOKING))
        await phone.until(lambda: loud(colleague.hears()))
        await colleague.leaves()
        await phone.heard_out("else I can do for you")
        assert told(phone) == [True, False]

    call_with(tmp_path, script)


def told(phone: Phone) -> list[object]:
    return [note.data["taken"] for note in phone.notes if note.kind == "take_over"]


@pytest.mark.long
def test_what_the_caller_said_to_a_colleague_is_known_to_the_agent_and_answered_by_nobody_else(tmp_path: Path) -> None:
    async def script(phone: Phone, colleague: Colleague) -> None:
        await phone.heard_out("How can I help")
        phone.call.operator.take_over(colleague.line)
        await phone.until(lambda: told(phone) == [True])
        operator = phone.call.operator
        assert not operator.can_take_over and not operator.say("Hello") and not operator.hold(True)
        await phone.says(speech(OPEN))
        await phone.until(lambda: any("hours" in message.text for message in phone.call.history))
        await asyncio.sleep(3.0)
        assert not any(note.kind == "agent" and "open" in str(note.data["text"]) for note in phone.notes)
        await colleague.leaves()
        await phone.heard_out("else I can do for you")
        await phone.says(speech(OPEN))
        await phone.heard_out("We are open")

    left = call_with(tmp_path, script)
    assert [turn["actions"] for turn in left.turns if turn["actions"]] == [["take_over"]]
    assert [turn["turn"] for turn in left.turns] == list(range(len(left.turns)))


def test_a_caller_who_hangs_up_leaves_nobody_behind(tmp_path: Path) -> None:
    ends = []

    async def script(phone: Phone, colleague: Colleague) -> None:
        await phone.heard_out("How can I help")
        phone.call.operator.take_over(colleague.line)
        await phone.until(lambda: told(phone) == [True])
        phone.hang_up()
        await colleague._ticking
        await phone.reaches(State.CLOSED)
        ends.append(told(phone))
        assert not phone.call.operator.can_take_over

    call_with(tmp_path, script)
    assert ends == [[True]]


def test_where_it_is_announced_the_caller_is_told_first(tmp_path: Path) -> None:
    async def script(phone: Phone, colleague: Colleague) -> None:
        await phone.until(phone.hears("Hello"))
        phone.call.operator.take_over(colleague.line)
        await phone.heard_out("A colleague is joining us")
        await phone.until(lambda: told(phone) == [True])
        await colleague.leaves()

    call_with(tmp_path, script, settings=replace(SETTINGS, web=WebSettings(announce=True)))


def test_a_colleague_whose_frames_were_late_is_not_late_for_ever(tmp_path: Path) -> None:
    """A second of frames arrives at once: most of them are dropped, so that the caller is not a second late from then
    on.
    """
    queued = []

    async def script(phone: Phone, colleague: Colleague) -> None:
        await phone.heard_out("How can I help")
        phone.call.operator.take_over(colleague.line)
        await phone.until(lambda: told(phone) == [True])
        for at in range(50):
            colleague.line.tells(Frame(at * 160, TONE[at * 320 : at * 320 + 320], b"", 0, 0, 0))
        await asyncio.sleep(2.0)
        queued.append(phone.line._playout.queued)
        await colleague.leaves()

    call_with(tmp_path, script)
    assert queued[0] <= 1600
