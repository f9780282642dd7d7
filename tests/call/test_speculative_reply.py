"""Replies that begin at a caller's pause: heard sooner if the caller had finished, never heard if not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ops.replay import fixture
from ops.replay.expectations import failures
from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.call.floor import State
from phone_daemon.call.speculative_reply import MOST, says_the_same
from phone_daemon.events import Action, ActionKind, AgentEvent, Token, ToolOutcome, ToolRun, samples
from phone_daemon.settings.settings import Settings, TurnSettings, VadSettings
from phone_daemon.tts.heard import Heard
from tests import agents
from tests.fakes import TunedHost
from tests.phone import BOOKING, OPEN, OPTIONS, SETTINGS, Left, Phone, plan, ring, speech
from tests.replayed import replayed
from tests.sidecars.speech import words

EARLY = replace(SETTINGS, turn=TurnSettings(endpointing="fixed", early_start=True))
LATE = replace(SETTINGS, turn=TurnSettings(endpointing="fixed", early_start=False))

ANSWER = agents.text("We are open. Do come and see us.", before_s=0.15, each_s=0.03)
"""A model that takes 150 ms to its first token."""


async def asks(phone: Phone) -> None:
    await phone.heard_out("How can I help")
    await phone.says(speech(OPEN))
    await phone.heard_out("Do come")


PAUSE = bytes(2 * samples(0.28))
"""Less than the endpoint wait."""


async def thinks_aloud(phone: Phone) -> None:
    """Asks for an appointment, pauses, and asks something else."""
    await phone.heard_out("How can I help")
    await phone.says(speech(BOOKING) + PAUSE + speech(OPEN))
    await phone.reaches(State.SPEAKING)
    await phone.reaches(State.LISTENING)


def told_of(left: Left) -> object:
    return left.told("ended")[0]["early_start"]


# ------------------------------------------------------------------------------------------------ kept


def test_a_reply_begun_in_the_endpoint_wait_is_heard_when_the_wait_is_over(tmp_path: Path) -> None:
    early = ring(tmp_path / "early", asks, agent=(agent := agents.Lines(ANSWER)), settings=EARLY)
    late = ring(tmp_path / "late", asks, agent=agents.Lines(ANSWER), settings=LATE)
    assert [words(turn.text) for turn in agent.asked] == [OPEN] == early.said()
    assert agent.retracted == 0
    turn, other = early.turns[1], late.turns[1]
    assert turn["heard"] == other["heard"] == "We are open. Do come and see us."
    assert turn["ttfa_ms"] <= turn["stages_ms"]["endpoint_wait"] + 40  # one tick to leave, and one to be counted
    assert other["ttfa_ms"] >= turn["ttfa_ms"] + 150
    assert turn["times"]["speech_end"] < turn["times"]["early_start"] < turn["times"]["endpoint"]
    assert "early_start" not in other["times"]
    assert turn["early_start"] == {"kept": True, "dropped": 0, "wasted_tokens": 0}
    assert told_of(early) == {"kept": 1, "dropped": 0, "wasted_tokens": 0}
    assert told_of(late) == {"kept": 0, "dropped": 0, "wasted_tokens": 0}


@pytest.mark.long
def test_a_reply_that_the_agent_would_not_give_to_the_final_transcript_is_never_heard(tmp_path: Path) -> None:
    class Doubts(agents.Lines):
        def stands(self, turn: CallerTurn, history: Sequence[Message]) -> bool:
            return False

    replies = [agents.text("You said goodbye. Do come again."), agents.text("Did you say goodbye? Do come again.")]
    agent = Doubts(*replies, moves_on=True)
    left = ring(tmp_path, asks, agent=agent, settings=EARLY)
    assert [words(turn.text) for turn in agent.begun] == [OPEN, OPEN]
    assert agent.begun[1].confidence < 1.0
    assert agent.retracted == 1
    assert left.turns[1]["heard"] == "Did you say goodbye? Do come again."


def test_nothing_is_played_or_told_before_the_turn_is_over(tmp_path: Path) -> None:
    said = agents.text("I took that down.", then=[Action(ActionKind.SEND_DTMF, "1")])

    async def message() -> AsyncGenerator[AgentEvent, None]:
        yield Action(ActionKind.TAKE_MESSAGE, "call back")
        async for event in said():
            yield event

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.heard_out("took that down")

    left = ring(tmp_path, script, agent=agents.Lines(message), settings=EARLY)
    assert left.turns[1]["times"]["tts_first_audio"] < left.turns[1]["times"]["endpoint"]
    endpoint = left.turns[1]["times"]["endpoint"]
    told = [(note.kind, note.at_ns / 1e9) for note in left.notes if note.kind == "action"]
    assert [kind for kind, at in told if at >= endpoint] == ["action", "action"] == [kind for kind, _ in told]
    assert left.turns[1]["times"]["rtp_first_audio"] > endpoint
    assert left.line.sent_digits == "1"


# ------------------------------------------------------------------------------------------------ dropped


def test_a_speculative_reply_is_never_heard_if_the_caller_continues(tmp_path: Path) -> None:
    replies = [agents.text("Which day? I would like to know.", each_s=0.02), agents.text("Until five.")]
    agent = agents.Lines(*replies, moves_on=True)
    left = ring(tmp_path, thinks_aloud, agent=agent, settings=EARLY)
    first, *_, last = agent.begun
    assert "appointment" in first.text and "open" not in first.text
    assert "appointment" in last.text and words(last.text).endswith(OPEN)
    assert agent.histories == [agent.histories[0]] * len(agent.begun)  # each was asked from the state before the last
    assert agent.retracted == len(agent.begun) - 1 >= 1
    assert [turn["heard"] for turn in left.turns] == [agents.GREETING, "Until five."]
    assert [text for _, text, _ in left.history] == [agents.GREETING, last.text, "Until five."]
    assert not any("Which day" in data["text"] for data in left.told("agent"))
    cost = left.turns[1]["early_start"]
    assert cost["dropped"] >= 1 and cost["wasted_tokens"] >= 1
    ended = told_of(left)
    assert isinstance(ended, dict)
    assert (ended["dropped"], ended["wasted_tokens"]) == (cost["dropped"], cost["wasted_tokens"])


@pytest.mark.long
def test_a_turn_is_charged_for_its_own_speculative_replies_alone(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await thinks_aloud(phone)
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("Until five.", each_s=0.02)), settings=EARLY)
    first, second = (turn["early_start"] for turn in left.turns[1:])
    assert first["dropped"] >= 1 and first["wasted_tokens"] >= 1
    assert second == {"kept": True, "dropped": 0, "wasted_tokens": 0}


@pytest.mark.long
def test_a_dropped_reply_closes_its_models_stream_at_once(tmp_path: Path) -> None:
    begun: list[str] = []
    closed: list[tuple[str, float]] = []
    """What each reply's caller had said, and when its stream was closed before its end."""

    class Talks(agents.Lines):
        def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
            super().reply(turn, history)
            return self.talk(turn.text)

        async def talk(self, text: str) -> AsyncGenerator[AgentEvent, None]:
            begun.append(text)
            try:
                for _ in range(60):
                    yield Token("and ")
                    await asyncio.sleep(0.03)
            except (GeneratorExit, asyncio.CancelledError):
                closed.append((text, asyncio.get_running_loop().time()))
                raise

    left = ring(tmp_path, thinks_aloud, agent=Talks(agents.text("")), settings=EARLY)
    assert len(closed) == len(begun) - 1 >= 1
    for text, at in closed:
        partials = [note for note in left.notes if note.kind == "partial" and note.at_ns / 1e9 > at - 0.1]
        assert at == next(note.at_ns for note in partials if not says_the_same(str(note.data["text"]), text)) / 1e9


@pytest.mark.long
def test_the_actions_of_a_dropped_reply_are_not_carried_out(tmp_path: Path) -> None:
    """Neither its actions nor its tools run: those wait until it is certain what was said."""
    ran: list[tuple[str, float]] = []

    class Booking(agents.Lines):
        def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
            super().reply(turn, history)
            return self.book(turn.text)

        async def book(self, text: str) -> AsyncGenerator[AgentEvent, None]:
            yield Action(ActionKind.TAKE_MESSAGE, text)
            yield Token("One moment. ")
            yield ToolRun("book")
            ran.append((text, asyncio.get_running_loop().time()))
            yield ToolRun("book", ToolOutcome.DONE)
            yield Token("It is booked.")

    agent = Booking(agents.text(""))
    left = ring(tmp_path, thinks_aloud, agent=agent, settings=EARLY)
    assert len(agent.begun) >= 2
    [(text, at)] = ran
    assert words(text).endswith(OPEN) and at >= left.turns[1]["times"]["stt_final"]
    assert [told["argument"] for told in left.told("action")] == [text]
    assert left.turns[1]["actions"] == [f"take_message {text}", "book done"]


@pytest.mark.long
def test_a_caller_who_thinks_aloud_costs_a_bounded_number_of_replies(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Yes."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(PAUSE.join(map(speech, [BOOKING, OPEN, BOOKING, OPEN, BOOKING])))
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    patient = replace(EARLY, vad=VadSettings(min_silence_s=1.0))
    left = ring(tmp_path, script, agent=agent, settings=patient)
    assert len(left.turns) == 2
    early = left.turns[1]["early_start"]
    assert (early["kept"], early["dropped"]) == (False, MOST) and early["wasted_tokens"] <= MOST
    assert len(agent.begun) == MOST + 1


@pytest.mark.long
def test_a_key_pressed_in_the_pause_drops_the_speculative_reply(tmp_path: Path) -> None:
    """The agent is asked how many digits it wants in the state that the caller knows from hearing it."""
    agent = agents.Lines(agents.text("Yes."), agents.text("You chose one."), digits=1)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(lambda: agent.begun)
        phone.press("1")
        await phone.heard_out("You chose one")

    left = ring(tmp_path, script, agent=agent, settings=EARLY)
    assert agent.retracted >= 1
    assert "1" in left.said()


def test_while_an_answer_may_have_to_be_taken_back_none_is_begun_early(tmp_path: Path) -> None:
    """The agent can take back its last answer alone; a filler was interrupted, and perhaps by nothing."""
    agent = agents.Lines(agents.text("We are open.", before_s=3.0))
    stt = TunedHost("stt", "moonshine", OPTIONS)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("One moment"))
        stt.unsure = True
        await phone.says(speech(BOOKING))
        await phone.heard_out("We are open")

    clinic = replace(plan(policy="speech"), filler=("One moment, please, I am looking at it.",))
    left = ring(tmp_path, script, agent=agent, settings=EARLY, stt=stt, dialplan=clinic)
    assert [words(turn.text) for turn in agent.begun] == [OPEN] * 2
    assert [words(turn.text) for turn in agent.asked] == [OPEN]
    assert left.turns[-1]["heard"].endswith("We are open.")


def test_a_speculative_reply_that_fails_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = agents.Lines(agents.text("We are open."))
    add = Heard.add

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        monkeypatch.setattr(Heard, "add", lambda self, speech: 1 / 0)
        await phone.says(speech(OPEN))
        await phone.until(lambda: agent.begun)
        await asyncio.sleep(0.05)
        monkeypatch.setattr(Heard, "add", add)
        await phone.heard_out("We are open")

    left = ring(tmp_path, script, agent=agent, settings=EARLY)
    assert left.turns[1]["heard"] == "We are open."
    assert left.turns[1]["early_start"] == {"kept": False, "dropped": 1, "wasted_tokens": 3}


@pytest.mark.parametrize("seconds", [0.2, 0.6])
def test_a_caller_who_hangs_up_on_a_speculative_reply_leaves_nothing_behind(tmp_path: Path, seconds: float) -> None:
    """`ring` asserts that."""
    agent = agents.Lines(agents.text("Never heard.", before_s=5.0))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(lambda: agent.begun)
        await asyncio.sleep(seconds - 0.2)

    left = ring(tmp_path, script, agent=agent, settings=EARLY)
    assert left.said() == [OPEN]


# ------------------------------------------------------------------------------------------------ whole calls


@pytest.mark.long
def test_a_script_is_in_the_same_state_as_without_speculative_replies(tmp_path: Path) -> None:
    played = fixture.load(fixture.find("interrupts_three_times"))
    outcome = replayed(played, tmp_path, Settings(turn=TurnSettings(early_start=True)))
    assert failures(played.expect, outcome) == []
    early = [turn["early_start"] for turn in outcome.turns]
    assert sum(turn["kept"] for turn in early) >= 3 and sum(turn["dropped"] for turn in early) >= 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("i would like to book", "I would like to book.", True),
        ("um yes", "yes", True),
        ("Yes, please!", "yes please", True),
        ("on tuesday", "on tuesday please", False),
        ("on tuesday", "on thursday", False),
        ("to book", "book to", False),
        ("um", "", True),
    ],
)
def test_a_speculative_reply_answers_the_same_words_however_they_are_written(one: str, other: str, same: bool) -> None:
    assert says_the_same(one, other) is same
    assert says_the_same(other, one) is same
