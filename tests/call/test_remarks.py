"""A caller who only shows that they listen: the agent continues what it was saying."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.call.floor import State
from tests import agents
from tests.phone import OPEN, Left, Phone, plan, ring, speech

HOURS = "We are open from half past eight until half past five on every day of the week, and on Saturday until noon."


def remarked(folder: Path, reply: str, remark: str, *, at: str, turns: int = 3, **barge_in: object) -> Left:
    """A call in which `remark` is said once the agent has begun to say `at`."""

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears(at))
        await phone.until(lambda: phone.line.played.get(2, 0) > 8000)
        await phone.says(speech(remark))
        await phone.until(lambda: phone.state() is State.LISTENING and not phone.call._caller_side.speaking)
        await phone.until(lambda: len(phone.told("turn")) >= turns, 20.0)

    agent = agents.Lines(agents.text(reply), agents.text("All right."))
    return ring(folder, script, agent=agent, dialplan=plan(**barge_in))


@pytest.mark.parametrize(
    "remark", ["uh huh", *(pytest.param(each, marks=pytest.mark.long) for each in ("okay", "yeah"))]
)
def test_a_mere_remark_softens_the_agent_who_says_everything(tmp_path: Path, remark: str) -> None:
    left = remarked(tmp_path, HOURS, remark, at="We are open", turns=2)
    turn = left.turns[1]
    assert not turn["interrupted"] and turn["heard"] == HOURS
    assert [told["text"] for told in left.told("remark")] == turn["remarks"]
    # A robot's "uh huh" is no word to the recognizer, or barely one.
    assert len(turn["remarks"]) == 1 or remark == "uh huh"
    assert [duck["outcome"] for duck in turn["ducks"]] == ["restored"]


@pytest.mark.long
@pytest.mark.parametrize("remark", ["okay", "yeah"])
def test_where_any_voice_interrupts_the_sentence_is_said_to_its_end_after_a_remark(tmp_path: Path, remark: str) -> None:
    left = remarked(tmp_path, HOURS, remark, at="We are open", policy="speech")
    cut, rest = left.turns[1], left.turns[2]
    assert cut["interrupted"] and HOURS.startswith(cut["heard"])
    assert f"{cut['heard']} {rest['heard']}".split() == HOURS.split()
    assert (rest["caller"], [told["text"] for told in left.told("remark")]) == ("", [rest["remark"]])
    assert len(rest["remark"]) > 1


@pytest.mark.long
@pytest.mark.parametrize("policy", ["adaptive", "speech"])
def test_after_a_question_the_same_word_is_an_answer(tmp_path: Path, policy: str) -> None:
    left = remarked(tmp_path, f"Shall I tell you the hours? {HOURS}", "okay", at="We are open", policy=policy)
    assert left.told("remark") == []
    assert left.turns[2]["heard"] == "All right."


@pytest.mark.long
@pytest.mark.parametrize("policy", ["adaptive", "speech"])
def test_who_says_more_than_a_remark_has_the_floor(tmp_path: Path, policy: str) -> None:
    said = "okay stop i would like to book an appointment"
    left = remarked(tmp_path, HOURS, said, at="We are open", policy=policy)
    assert left.told("remark") == []
    assert left.turns[2]["heard"] == "All right."


@pytest.mark.long
def test_a_dialplan_without_remarks_answers_them_all(tmp_path: Path) -> None:
    left = remarked(tmp_path, HOURS, "okay", at="We are open", remarks=())
    assert left.turns[2]["heard"] == "All right."


@pytest.mark.long
def test_an_announcement_of_a_queue_gets_no_answer(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech("your call is important to us please hold the line"))
        await phone.until(lambda: phone.told("remark"))
        await phone.says(speech("there are many ways to reach us"))
        await phone.until(lambda: len(phone.told("remark")) == 2)
        await phone.says(speech(OPEN))
        await phone.heard_out("All right")

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("All right.")))
    assert len(left.turns) == 2
    assert "important" in left.turns[1]["remarks"][0]
    assert "opening hours" in left.turns[1]["caller"]


@pytest.mark.long
def test_who_sounds_like_an_office_is_answered_if_no_announcement_came_before(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech("there are many ways to reach us"))
        await phone.heard_out("All right")

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("All right.")))
    assert "ways to reach" in left.turns[1]["caller"] and left.told("remark") == []


@pytest.mark.long
def test_a_recording_that_comes_again_and_again_gets_no_answer_and_costs_no_word(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("One."), agents.text("Two."), agents.text(HOURS), agents.text("All right."))
    loop = speech("the river is frozen in the winter and the boats go again in april")

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        for answer in ("One", "Two"):
            await phone.says(loop)
            await phone.heard_out(answer)
        await phone.says(loop)
        await phone.until(lambda: phone.told("remark"))
        await phone.reaches(State.LISTENING)
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.says(loop)
        await phone.heard_out("until noon")

    left = ring(tmp_path, script, agent=agent)
    assert len(left.said()) == 3
    heard = " ".join(turn["heard"] for turn in left.turns[3:])
    assert heard.startswith("We are open") and heard.count("until noon") == 1


@pytest.mark.long
def test_a_caller_in_a_queue_is_asked_nothing_until_they_are_back(tmp_path: Path) -> None:
    dialplan = replace(plan(), no_input_s=5.0)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech("your call is important to us please hold the line"))
        await phone.until(lambda: phone.told("remark"))
        await asyncio.sleep(4 * dialplan.no_input_s)
        await phone.says(speech(OPEN))
        await phone.heard_out("All right")
        await phone.until(lambda: len(phone.told("turn")) == 3, 2 * dialplan.no_input_s)

    left = ring(
        tmp_path, script, agent=agents.Lines(agents.text("All right."), agents.text("Hello?")), dialplan=dialplan
    )
    assert [turn["caller"] for turn in left.turns[::2]] == ["", ""]
    assert "opening hours" in left.turns[1]["caller"]


@pytest.mark.long
def test_what_a_caller_said_before_an_announcement_is_answered_without_it(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN) + speech("your call is important to us"))
        await phone.heard_out("All right")

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("All right.")))
    said = left.turns[1]["caller"]
    assert "opening hours" in said and "important" not in said
