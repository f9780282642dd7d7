"""What happens to a call whose caller puts it on hold, or comes back from a transfer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.call import wording
from phone_daemon.call.floor import State
from phone_daemon.events import Action, ActionKind, HoldChanged, TransferFailed
from tests import agents
from tests.fakes import MortalHost
from tests.phone import BOOKING, OPEN, Phone, plan, ring, speech

MUSIC = bytes(range(200)) * 160
LONG = "We are open from half past eight until half past five, and on Thursday until seven. On Friday we close at four."


@pytest.mark.long
def test_on_hold_the_agent_is_silent_and_patient_and_says_nothing_stale_afterwards(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(LONG), agents.text("Of course."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        phone.line.tells(HoldChanged(held=True))
        await phone.reaches(State.LISTENING)
        said = len(phone.told("agent"))
        await asyncio.sleep(30)  # far longer than a caller who is present may be silent
        phone.line.tells(HoldChanged(held=False))
        await asyncio.sleep(3)
        assert len(phone.told("agent")) == said
        assert phone.state() is State.LISTENING
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    left = ring(tmp_path, script, agent=agent)
    assert left.told("hold") == [{"held": True}, {"held": False}]
    assert [data["source"] for data in left.told("barge_in")] == ["hold"]
    assert [text for _, text, _ in left.history][-1] == "Of course."


@pytest.mark.long
def test_what_was_asked_just_before_the_hold_is_not_answered_into_it(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Too late.", before_s=1.0), agents.text("Of course."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        phone.line.tells(HoldChanged(held=True))
        await asyncio.sleep(10)
        assert not phone.hears("Too late")()
        phone.line.tells(HoldChanged(held=False))
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    ring(tmp_path, script, agent=agent)


def test_whoever_is_on_hold_from_the_start_is_greeted_once_they_are_there(tmp_path: Path) -> None:
    """A PBX that dials for somebody (click to dial) offers a held call, and joins them later."""

    async def script(phone: Phone) -> None:
        phone.line.tells(HoldChanged(held=True))
        await phone.reaches(State.LISTENING)
        await asyncio.sleep(20)
        assert not phone.hears("How can I help")()
        phone.line.tells(HoldChanged(held=False))
        await phone.heard_out("How can I help")
        assert len(phone.told("agent")) == 2
        await phone.says(speech(OPEN))
        await phone.heard_out("Of course")

    ring(tmp_path, script, agent=agents.Lines(agents.text("Of course.")))


@pytest.mark.parametrize("heard_s", [0.0, 1.0])
def test_whoever_is_put_on_hold_within_the_greeting_is_greeted_when_they_are_back(
    tmp_path: Path, heard_s: float
) -> None:
    async def script(phone: Phone) -> None:
        await phone.until(lambda: phone.line.played.get(1, 0) > 8000 * heard_s)
        phone.line.tells(HoldChanged(held=True))
        await phone.reaches(State.LISTENING)
        await asyncio.sleep(2)
        phone.line.tells(HoldChanged(held=False))
        await phone.heard_out("How can I help")

    left = ring(tmp_path, script)
    assert left.turns[0]["times"]["rtp_first_audio"], "some of it was played"


@pytest.mark.long
@pytest.mark.parametrize(("code", "words"), [(486, wording.BUSY), (408, wording.NOT_PUT_THROUGH)])
def test_a_caller_hears_the_dialplans_music_while_it_rings_and_is_told_if_nobody_answers(
    tmp_path: Path, code: int, words: str
) -> None:
    transfer = Action(ActionKind.TRANSFER, "sip:desk@127.0.0.1:9")
    agent = agents.Lines(agents.text("One moment.", then=(transfer,)), agents.text("Of course."))
    asked: list[str] = []
    music: list[bytes] = []

    async def script(phone: Phone) -> None:
        play_music = phone.line.play_music
        phone.line.play_music = lambda pcm: (music.append(pcm), play_music(pcm))[1]  # type: ignore[method-assign, func-returns-value]
        phone.line.transfer = asked.append  # type: ignore[method-assign, assignment]
        await phone.heard_out("How can I help")
        assert not phone.line.music
        await phone.says(speech(OPEN))
        await phone.reaches(State.CLOSING)
        await asyncio.sleep(5)  # the other telephone rings
        assert phone.line.music and music == [MUSIC]
        phone.line.tells(TransferFailed(code))
        await phone.heard_out(words[:20])
        assert not phone.line.music
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    left = ring(tmp_path, script, agent=agent, dialplan=replace(plan(), hold_music=MUSIC))
    assert asked == ["sip:desk@127.0.0.1:9"]
    assert [data["code"] for data in left.told("transfer_failed")] == [code]
    assert ("agent", words, False) in left.history


@pytest.mark.long
@pytest.mark.parametrize("answers", [True, False])
def test_a_colleague_is_told_who_is_there_while_the_caller_hears_music(tmp_path: Path, answers: bool) -> None:
    transfer = Action(ActionKind.TRANSFER, "sip:desk@127.0.0.1:9", "Ann Lee asks about an invoice.")
    agent = agents.Lines(agents.text("One moment.", then=(transfer,)), agents.text("Of course."))
    asked: list[str] = []

    async def script(phone: Phone) -> None:
        if not answers:
            phone.line.transfer = asked.append  # type: ignore[method-assign, assignment]
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.CLOSING)
        await asyncio.sleep(5)
        assert phone.line.music
        assert len(phone.line.briefing) > 16_000
        if answers:
            assert phone.line.transferred_to == "sip:desk@127.0.0.1:9"
            return
        assert asked == ["sip:desk@127.0.0.1:9"]
        phone.line.tells(TransferFailed(408))
        await phone.heard_out(wording.NOT_PUT_THROUGH[:20])
        assert not phone.line.music

    ring(tmp_path, script, agent=agent)


def test_a_colleague_to_whom_nothing_can_be_said_is_called_all_the_same(tmp_path: Path) -> None:
    transfer = Action(ActionKind.TRANSFER, "sip:desk@127.0.0.1:9", "Ann Lee asks about an invoice.")
    tts = MortalHost("tts", "espeak", {})

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("One moment"))
        await tts.die(for_good=True)
        await phone.reaches(State.CLOSED)
        assert phone.line.briefing == b""

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("One moment.", then=(transfer,))), tts=tts)
    assert left.line.transferred_to == "sip:desk@127.0.0.1:9"
    assert [fault["part"] for fault in left.told("fault")] == ["tts"]
    assert str(left.told("fault")[0]["error"]).startswith("a colleague was told nothing: ")
