"""The agent resumes what a mere noise interrupted: whole calls."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from phone_daemon.call.floor import State
from phone_daemon.events import EndReason
from tests import agents
from tests.fakes import TunedHost, UnevenHost
from tests.phone import BOOKING, LONG, OPEN, Phone, plan, ring, speech


@pytest.mark.long
def test_a_turn_that_was_dropped_for_a_noise_is_answered_after_it(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Yes of course.", before_s=1.0))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(BOOKING))
        await phone.reaches(State.THINKING)
        await phone.noise()
        await phone.heard_out("Yes of course")

    left = ring(tmp_path, script, agent=agent)
    assert len(agent.asked) == 1
    assert agent.begun[-2].text == agent.begun[-1].text
    assert [text for _, text, _ in left.history].count(agent.asked[0].text) == 1


def test_an_answer_that_was_thought_out_and_not_heard_is_asked_for_again_after_a_noise(tmp_path: Path) -> None:
    """The agent has retracted the reply, so repeating its words is not enough."""
    agent, tts = agents.Lines(agents.text("You chose one."), digits=1), UnevenHost("tts", "espeak", {})

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        tts.first_s = 1.5
        phone.press("1")
        await phone.until(lambda: bool(agent.begun))
        await phone.noise()
        await phone.heard_out("You chose one")

    left = ring(tmp_path, script, agent=agent, tts=tts)
    assert agent.retracted == 1
    assert [turn.text for turn in agent.begun] == ["1", "1"]
    assert left.turns[-1]["heard"] == "You chose one."


def test_typed_digits_that_a_noise_pushed_aside_are_answered_after_it(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("You chose one.", before_s=1.0), digits=1)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        phone.press("1")
        await phone.reaches(State.THINKING)
        await phone.noise()
        await phone.heard_out("You chose one")

    left = ring(tmp_path, script, agent=agent)
    assert [turn.text for turn in agent.begun] == ["1", "1"]
    assert [(turn["caller"], turn["dtmf"], turn["heard"]) for turn in left.turns[1:]] == [
        ("1", True, ""),
        ("1", True, "You chose one."),
    ]


def test_a_noise_that_interrupts_costs_no_word(tmp_path: Path) -> None:
    """The agent continues at the exact word, and says everything that it had not said yet."""
    whole = " ".join([LONG, "Is there anything else that I can do for you? Please tell me now."] * 3)
    agent = agents.Lines(agents.text(whole))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("On Friday"))
        await phone.noise()
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    first, resumed = left.turns[1:3]
    assert first["interrupted"] and not resumed["interrupted"]
    assert first["heard"] and resumed["heard"]
    assert f"{first['heard']} {resumed['heard']}".split() == whole.split()
    assert len(agent.asked) == 1


@pytest.mark.long
def test_a_farewell_that_a_noise_interrupts_is_still_the_last_word(tmp_path: Path) -> None:
    agent = agents.Lines(agents.goodbye("Thank you for calling, goodbye."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("goodbye"))
        await phone.noise()
        await phone.reaches(State.CLOSED)

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    assert left.closed.reason is EndReason.AGENT_HUNG_UP
    assert sum(turn["interrupted"] for turn in left.turns) == 1


def test_a_farewell_whose_words_were_all_heard_still_ends_the_call(tmp_path: Path) -> None:
    """The noise comes in the last hundredths of a second: no words remain to be said, but the end of the call does."""
    agent = agents.Lines(agents.goodbye("Goodbye. "))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.until(lambda: phone.line.played[2] > 3200)
        await phone.noise()
        await phone.reaches(State.CLOSED)

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    assert left.closed.reason is EndReason.AGENT_HUNG_UP
    assert left.turns[1]["heard"] == "Goodbye." and left.turns[1]["interrupted"]
    assert ("agent", "Goodbye.", False) in left.history  # the agent is not told that it was interrupted


@pytest.mark.long
def test_noise_upon_noise_does_not_make_the_agent_forget_what_it_was_saying(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(LONG))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("half past eight"))
        for _ in range(3):
            await phone.noise()
        await phone.heard_out("On Friday")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    assert left.turns[-1]["heard"].endswith("we close at four.")


@pytest.mark.long
def test_what_is_resumed_may_be_interrupted_again(tmp_path: Path) -> None:
    """First by nothing, then by a remark, then by somebody who wants something; no word is said twice or lost."""
    agent = agents.Lines(agents.text(LONG), agents.text("All right."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("half past eight"))
        await phone.noise()

        def is_heard(reply: int) -> bool:
            return phone.line.played.get(reply, 0) > 3200

        for number, said in ((3, "uh huh"), (4, BOOKING)):
            await phone.until(partial(is_heard, number))
            await phone.says(speech(said))
        await phone.heard_out("All right")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    told = left.turns[1:4]
    assert [turn["interrupted"] for turn in left.turns] == [False, True, True, True, False]
    assert [bool(turn["heard"]) for turn in told] == [True] * 3
    assert LONG.startswith(" ".join(turn["heard"] for turn in told))
    assert len(agent.asked) == 2 and "book an appointment" in agent.asked[1].text


@pytest.mark.long
def test_after_a_long_break_the_caller_is_led_back_to_what_was_being_said(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(LONG))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("half past eight"))
        assert isinstance(phone.stt, TunedHost)
        phone.stt.wordless = True
        await phone.says(speech(f"{BOOKING} {BOOKING}"))
        await asyncio.sleep(1.0)
        phone.stt.wordless = False
        await phone.heard_out("On Friday")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    assert left.turns[2]["heard"].startswith("As I was saying: We are open")
    assert left.turns[2]["heard"].endswith("we close at four.")
