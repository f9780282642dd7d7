"""The agent says "mhm" while a caller tells something at length: at a pause, and never over their words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.call.backchannels import AUDIBLE, trimmed
from phone_daemon.call.floor import State
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.settings.settings import TurnSettings
from tests import agents
from tests.phone import BOOKING, SETTINGS, Left, Phone, plan, ring, speech

FIRST = "my son has had a fever and a very bad cough since last monday and the school has sent him home again"
REST = "they think he should see the doctor"
PAUSE_S = 0.65
ON = replace(SETTINGS, turn=TurnSettings(backchannels=True))


class Asking(agents.Lines):
    """The agent has asked for a message."""

    def expects(self) -> str:
        return "text"


def message(
    folder: Path, pause_s: float, *, said: str = FIRST, dialplan: Dialplan | None = None, on: bool = True
) -> Left:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(said))
        await asyncio.sleep(pause_s)
        await phone.says(speech(REST))
        await phone.heard_out("I see")

    return ring(
        folder,
        script,
        agent=Asking(agents.text("I see, thank you.")),
        dialplan=dialplan,
        settings=ON if on else SETTINGS,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """With a pause that is long enough for all of it."""
    return message(tmp_path_factory.mktemp("call"), PAUSE_S)


def test_in_a_pause_of_a_long_message_the_caller_hears_that_they_are_listened_to(whole: Left) -> None:
    (turn,) = whole.turns[1:]
    assert [each["text"] for each in turn["backchannels"]] == ["Uh-huh."]
    assert turn["times"]["speech_onset"] + 5 <= turn["backchannels"][0]["at"] < turn["times"]["speech_end"]
    # It is not a reply: it has its own number, and the caller's turn continues until it gets one answer.
    assert turn["reply"] == 3 and turn["heard"] == "I see, thank you."
    assert "doctor" in turn["caller"] and "fever" in turn["caller"]
    heard = np.frombuffer(bytes(whole.line.audio[2]), "<i2").astype(int)
    assert np.abs(heard).max() >= AUDIBLE and 0.1 < whole.line.played[2] / 8000 < 0.7
    assert whole.line._playout.underruns == 0  # it is complete, and the line waits for no more of it


@pytest.mark.long
def test_where_the_caller_goes_on_it_breaks_off(whole: Left, tmp_path: Path) -> None:
    broken = message(tmp_path, 0.4)
    assert len(broken.turns[1]["backchannels"]) == 1
    assert broken.line.played[2] < whole.line.played[2]
    assert "doctor" in broken.turns[1]["caller"]


@pytest.mark.long
def test_short_turns_and_callers_who_do_not_pause_hear_none(tmp_path: Path) -> None:
    assert message(tmp_path / "short", 0.5, said="my son has had a fever and").turns[1]["backchannels"] == []
    hurried = message(tmp_path / "hurried", 0.0).turns[1]
    assert all(each["at"] > hurried["times"]["speech_end"] for each in hurried["backchannels"])


@pytest.mark.long
def test_it_is_off_by_default_and_a_dialplan_has_its_own_words_or_none(tmp_path: Path) -> None:
    assert message(tmp_path / "off", PAUSE_S, on=False).turns[1]["backchannels"] == []
    silent = message(tmp_path / "silent", PAUSE_S, dialplan=replace(plan(), backchannel=()))
    assert silent.turns[1]["backchannels"] == []
    own = message(tmp_path / "own", PAUSE_S, dialplan=replace(plan(), backchannel=("Right.", "Okay.")))
    assert [each["text"] for each in own.turns[1]["backchannels"]] == ["Right."]


def test_by_the_language_of_the_voice() -> None:
    german = replace(plan(), voice={"language": "de"})
    assert german.backchannels == ("Um-hum.", "Okay.")
    assert replace(plan(), voice={"language": "fi"}).backchannels == ()


def test_silence_around_a_word_is_cut_off() -> None:
    word = np.array([0, 3, -200, 5, 900, 0], "<i2")
    assert trimmed(word.tobytes()) == word[2:5].tobytes() and trimmed(bytes(8)) == b""


@pytest.mark.long
def test_the_call_ends_as_ever_while_one_is_being_said(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(FIRST))
        await phone.until(lambda: phone.line.played.get(2, 0) > 0)

    left = ring(tmp_path, script, settings=ON)
    assert left.turns[1]["caller"] and left.turns[1]["heard"] == ""


@pytest.mark.long
def test_the_next_turn_is_answered_under_the_next_number(tmp_path: Path) -> None:
    agent = Asking(agents.text("I see, thank you."), agents.text("All right."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(FIRST))
        await asyncio.sleep(PAUSE_S)
        await phone.says(speech(REST))
        await phone.heard_out("I see")
        await phone.says(speech(BOOKING))
        await phone.reaches(State.SPEAKING)
        await phone.heard_out("All right")

    left = ring(tmp_path, script, agent=agent, settings=ON)
    assert [turn["reply"] for turn in left.turns] == [1, 3, 4]
    assert left.turns[2]["heard"] == "All right."
