"""Who has the floor, and what happens to it: whole calls with difficult callers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phone_daemon.call.digits import PAUSE_S
from phone_daemon.call.floor import State
from phone_daemon.settings.settings import TurnSettings
from sidecars.host.channel import QueueChannel
from sidecars.host.host import Message
from sidecars.local.inline import InlineHost
from tests import agents
from tests.fakes import TunedHost
from tests.phone import BOOKING, LONG, OPEN, OPTIONS, SETTINGS, TUESDAY, Phone, late_stt, plan, ring, speech
from tests.sidecars.speech import words

# ------------------------------------------------------------------------------------------------ before a reply


def test_what_is_recognized_is_told_while_the_caller_still_says_it(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(BOOKING))
        told.extend(phone.told("partial"))
        await phone.heard_out("Of course")

    told: list[Mapping[str, Any]] = []
    left = ring(tmp_path, script, agent=agents.Lines(agents.text("Of course.")))
    assert words(told[-1]["text"]).startswith("i would like")
    assert words(told[-1]["stable"]).startswith("i would")
    assert left.turns[1]["partials"] == len(left.told("partial"))
    assert left.turns[1]["endpoint"] and left.turns[0]["endpoint"] is None


@pytest.mark.long
def test_a_caller_who_goes_on_while_the_agent_thinks_has_said_one_thing(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Too early.", before_s=2.0), agents.text("On Tuesday then."), moves_on=True)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(BOOKING))
        await phone.reaches(State.THINKING)
        await asyncio.sleep(0.3)
        await phone.says(speech(TUESDAY))
        await phone.heard_out("On Tuesday then")

    late = replace(SETTINGS, turn=replace(SETTINGS.turn, early_start=False))
    left = ring(tmp_path, script, agent=agent, settings=late)
    assert agent.retracted == 1
    said = agent.asked[-1].text
    assert "book an appointment" in said and "Tuesday" in said
    assert left.line.played.get(2, 0) == 0  # nothing of the reply that came too early
    assert [words(text) for _, text, _ in left.history] == [*map(words, [agents.GREETING, said, "On Tuesday then."])]
    assert not any("Too early" in data["text"] for data in left.told("agent"))


@pytest.mark.long
def test_a_reply_that_was_heard_is_never_forgotten_when_the_next_turn_comes_in_two_halves(tmp_path: Path) -> None:
    """When the second half begins, the agent has been asked nothing that it had not to take back before."""
    agent = agents.Lines(agents.text("What can I do?"), agents.text("Of course."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.heard_out("What can I do")
        await phone.says(speech(BOOKING))
        await phone.reaches(State.THINKING)  # the final is on its way
        await phone.says(speech(TUESDAY))
        await phone.heard_out("Of course")

    left = ring(tmp_path, script, agent=agent, stt=late_stt(0.6))
    assert len(agent.asked) == 2
    assert "book an appointment" in agent.asked[1].text and words(agent.asked[1].text).endswith("tuesday")
    assert [role for role, _, _ in left.history] == ["agent", "caller", "agent", "caller", "agent"]


@pytest.mark.long
def test_words_stand_in_the_order_in_which_they_were_said(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("All right."))

    stt = late_stt(0.0)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        stt.late_final_s = 2.8
        await phone.says(speech(BOOKING))
        await phone.reaches(State.THINKING)
        stt.late_final_s = 0.0  # speech from here on is recognized sooner than what came before
        await phone.says(speech(TUESDAY))
        await phone.heard_out("All right")

    ring(tmp_path, script, agent=agent, stt=stt)
    assert words(agent.asked[0].text) == f"{BOOKING} {TUESDAY}"


@pytest.mark.long
def test_what_is_expected_goes_back_with_the_agent(tmp_path: Path) -> None:
    """An utterance that continues the turn, before the reply to its first half was heard, expects the same words as
    before.
    """

    class Asks(agents.Lines):
        def expects(self) -> str:
            return "a day" if self.asked else ""

    class Noting(InlineHost):
        def __init__(self) -> None:
            super().__init__("stt", "moonshine", OPTIONS)
            self.expected: list[str] = []

        def _deliver(self, number: int, message: Message, payload: bytes) -> None:
            if message["type"] == "Open":
                self.expected.append(message["options"].get("expected", ""))
            super()._deliver(number, message, payload)

    stt = Noting()
    before: list[str] = []

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(BOOKING))
        await phone.until(lambda: "a day" in stt.expected)
        before.extend(stt.expected)
        phone.say(speech(TUESDAY))
        await phone.reaches(State.LISTENING)
        assert stt.expected[len(before)] == ""
        await phone.heard_out("On Tuesday then")

    ring(
        tmp_path, script, agent=Asks(agents.text("Too early.", before_s=2.0), agents.text("On Tuesday then.")), stt=stt
    )
    assert stt.expected[len(before) :].count("a day") >= 1


@pytest.mark.long
def test_a_part_whose_words_are_not_known_yet_is_waited_for_before_the_agent_is_asked_early(tmp_path: Path) -> None:
    agent, stt = agents.Lines(agents.text("All right.")), late_stt(0.0)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        stt.late_final_s = 2.5
        await phone.says(speech(BOOKING))
        await phone.reaches(State.THINKING)
        stt.late_final_s = 0.0
        await phone.says(speech(OPEN))
        await phone.heard_out("All right")

    early = replace(SETTINGS, turn=TurnSettings(early_start=True))
    ring(tmp_path, script, agent=agent, stt=stt, settings=early)
    assert all(words(turn.text).startswith("i would like") for turn in agent.asked)
    assert words(agent.asked[-1].text) == f"{BOOKING} {OPEN}"


# ------------------------------------------------------------------------------------------------ interruptions


@pytest.mark.long
@pytest.mark.parametrize("said", ["i need to cancel my appointment", "what time do you close"])
def test_the_words_of_an_interruption_are_understood_as_when_nobody_speaks(tmp_path: Path, said: str) -> None:
    agent = agents.Lines(agents.text(LONG))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(said))
        await phone.until(phone.hears("We are open"))
        await phone.says(speech(said))
        await phone.until(lambda: len(phone.told("final")) == 2)
        await phone.reaches(State.SPEAKING)

    ring(tmp_path, script, agent=agent)
    quiet, interrupting = agent.asked
    assert words(quiet.text) == words(interrupting.text) == said


def test_by_words_a_remark_does_not_interrupt_and_a_sentence_does(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(f"{LONG} {LONG} {LONG}"), agents.text("On Tuesday."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("We are open"))
        for _ in range(3):  # "yes" again and again: each remark counts separately
            await phone.says(speech("yes"))
            await asyncio.sleep(1.0)
            assert phone.state() is State.SPEAKING
        await phone.says(speech(BOOKING))
        await phone.heard_out("On Tuesday")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="words", min_words=2))
    assert [turn["interrupted"] for turn in left.turns] == [False, True, False]
    assert words(left.turns[2]["caller"]) == BOOKING
    assert left.turns[2]["times"]["speech_onset"] > left.turns[1]["times"]["rtp_first_audio"] + 4


@pytest.mark.long
def test_by_words_a_short_interruption_counts_though_it_is_over_before_it_is_understood(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(f"{LONG} {LONG} {LONG}"), agents.text("On Tuesday then."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("We are open"))
        await phone.says(speech(TUESDAY))
        await phone.heard_out("On Tuesday then")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="words", min_words=2), stt=late_stt(1.2))
    assert left.said()[-1] == TUESDAY
    assert left.turns[1]["interrupted"] and left.turns[1]["heard"] != ""


@pytest.mark.long
def test_switched_off_only_keys_interrupt(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(LONG), agents.text("You chose two."), digits=1)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("We are open"))
        await phone.says(speech(BOOKING))
        assert phone.state() is State.SPEAKING
        phone.press("2")
        await phone.heard_out("You chose two")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="off"))
    assert left.said() == [OPEN, "2"]
    assert left.turns[1]["barge_in"]["source"] == "dtmf"


def test_what_was_typed_during_a_protected_greeting_is_not_lost(tmp_path: Path) -> None:
    """And is parsed in parts: a menu's choice, then the answer to what that asks for."""
    agent = agents.Lines(agents.text("Your number, please."), digits=1)
    left = ring(tmp_path, lambda phone: _typed_ahead(phone, agent), agent=agent, dialplan=plan(greeting=False))
    assert not left.turns[0]["interrupted"]
    assert left.turns[0]["heard"] == agents.GREETING
    assert [turn.text for turn in agent.asked] == ["1", "20417735"]
    assert left.turns[1]["barge_in"]["source"] == "dtmf"


async def _typed_ahead(phone: Phone, agent: agents.Lines) -> None:
    await phone.until(phone.hears("Hello"))
    phone.press("120417735#")
    await phone.until(lambda: len(agent.asked) == 1)
    agent.digits = 8
    await phone.until(lambda: len(agent.asked) == 2)
    await phone.reaches(State.SPEAKING)
    await phone.reaches(State.LISTENING)
    assert phone.line.played[3] > 4000  # its `#` interrupted nothing


@pytest.mark.long
def test_a_protected_greeting_is_heard_to_its_end_whatever_is_said(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.until(phone.hears("Welcome"))
        await phone.says(speech(OPEN))
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, dialplan=plan(greeting=False))
    assert not left.turns[0]["interrupted"] and left.turns[0]["heard"].endswith("How can I help you?")


@pytest.mark.long
def test_a_caller_who_still_speaks_when_the_agent_has_finished_is_understood_from_the_first_word(
    tmp_path: Path,
) -> None:
    agent = agents.Lines(agents.text("All right."), greeting=agents.text("Hello, this is the clinic."))

    async def script(phone: Phone) -> None:
        await phone.until(phone.hears("Hello"))
        await asyncio.sleep(0.9)
        phone.say(speech(BOOKING))
        await phone.heard_out("All right")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="off"))
    assert left.said() == [BOOKING]


def test_the_hash_key_ends_a_number_at_once_and_alone_ends_nothing(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Thank you."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        phone.press("#")
        await asyncio.sleep(PAUSE_S + 0.5)
        assert agent.asked == []
        phone.press("12#")
        await asyncio.sleep(0.9 * PAUSE_S)
        assert [turn.text for turn in agent.asked] == ["12"]
        await phone.heard_out("Thank you")

    ring(tmp_path, script, agent=agent)


class CountingHost(TunedHost):
    """Counts the sessions that were opened."""

    opened = 0

    def open(self, call: str = "") -> QueueChannel:
        self.opened += 1
        return super().open(call)


def test_an_interruption_swaps_the_utterance_for_the_spare_once(tmp_path: Path) -> None:
    host = CountingHost("stt", "moonshine", OPTIONS)

    async def script(phone: Phone) -> None:
        await phone.until(phone.hears("Hello"))
        await asyncio.sleep(0.5)
        before = host.opened
        phone.say(speech(OPEN))
        await phone.reaches(State.LISTENING)
        await asyncio.sleep(0.1)
        assert host.opened == before + 1

    ring(tmp_path, script, agent=agents.Lines(agents.text(LONG)), dialplan=plan(policy="speech"), stt=host)
