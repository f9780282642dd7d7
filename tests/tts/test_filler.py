"""What an agent says when its reply takes long: once, in time, and as a part of the reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phone_daemon.call.floor import State
from phone_daemon.clock import run_counted
from phone_daemon.events import AgentEvent, Token, ToolOutcome, ToolRun
from phone_daemon.tts.filler import Fillers, Store
from phone_daemon.tts.voice import Voice
from sidecars.local.inline import InlineHost
from tests import agents
from tests.fakes import MortalHost, UnevenHost
from tests.phone import BOOKING, OPEN, SETTINGS, Left, Phone, plan, ring, speech
from tests.sidecars.speech import words

TEXTS = ("One moment.", "Let me see.")
PLAN = replace(plan(), filler=TEXTS)
LATE = replace(SETTINGS, turn=replace(SETTINGS.turn, early_start=False))
"""A reply takes its time from the end of the caller's turn."""


def call(folder: Path, *waits_s: float, **options: Any) -> Left:
    """A call in which the agent takes this long for each of its replies."""
    agent = agents.Lines(*(agents.text("We are open.", before_s=wait) for wait in waits_s))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        for _ in waits_s:
            await phone.says(speech(OPEN))
            await phone.reaches(State.SPEAKING)
            await phone.reaches(State.LISTENING)

    return ring(folder, script, agent=agent, **{"dialplan": PLAN, "settings": LATE, **options})


# ------------------------------------------------------------------------------------------------ in a call


def test_a_reply_that_is_late_is_preceded_by_a_filler(tmp_path: Path) -> None:
    left = call(tmp_path, 2.0)
    turn = left.turns[1]
    assert turn["heard"] == "One moment. We are open."
    assert (turn["agent"].strip(), turn["filler"]) == ("We are open.", "One moment.")
    said = [(told["text"].strip(), told.get("filler", False)) for told in left.told("agent")]
    assert said[-2:] == [("One moment.", True), ("We are open.", False)]
    times = turn["times"]
    assert 0.7 <= round(times["rtp_first_audio"] - times["endpoint"], 3) <= 0.74
    assert 2.0 <= times["reply_first_audio"] - times["endpoint"] <= 2.1
    assert turn["ttfa_ms"] == pytest.approx(sum(turn["stages_ms"].values()))
    assert left.history[-1] == ("agent", "One moment. We are open.", False)
    assert [told["text"].strip() for told in left.told("agent")][-2:] == ["One moment.", "We are open."]


def test_a_reply_that_comes_in_time_is_not(tmp_path: Path) -> None:
    left = call(tmp_path, 0.65)
    assert left.turns[1]["heard"] == "We are open."
    assert "filler" not in left.turns[1]["times"]
    assert not any("filler" in told for told in left.told("agent"))


def test_a_late_voice_is_as_good_a_reason_as_a_late_agent(tmp_path: Path) -> None:
    tts = UnevenHost("tts", "espeak", {})

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await asyncio.sleep(1.0)
        tts.first_s = 1.5
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("We are open.")), tts=tts, dialplan=PLAN)
    assert left.turns[1]["heard"] == "One moment. We are open."


@pytest.mark.long
@pytest.mark.parametrize(
    ("said", "heard"), [("Booking. ", "Booking. It is booked."), ("", "One moment. It is booked.")]
)
def test_an_agent_that_runs_a_tool_may_say_its_own_words(tmp_path: Path, said: str, heard: str) -> None:
    async def asks_a_webhook() -> AsyncGenerator[AgentEvent, None]:
        yield ToolRun("book")
        await asyncio.sleep(1.0)
        if said:
            yield Token(said)
        await asyncio.sleep(2.0)
        yield ToolRun("book", ToolOutcome.DONE)
        yield Token("It is booked.")

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.heard_out("It is booked")

    left = ring(tmp_path, script, agent=agents.Lines(asks_a_webhook), dialplan=PLAN)
    assert left.turns[1]["heard"] == heard


@pytest.mark.long
def test_turn_after_turn_a_filler_is_never_the_same_and_waits_longer(tmp_path: Path) -> None:
    left = call(tmp_path, 1.2, 1.2, 1.2, 1.6)
    assert [turn["filler"] for turn in left.turns] == ["", "One moment.", "", "Let me see.", "One moment."]


def test_a_script_says_none_unless_it_is_told_to(tmp_path: Path) -> None:
    assert plan().fillers == () and replace(plan(), agent="llm").fillers
    left = call(tmp_path, 2.0, dialplan=plan())
    assert left.turns[1]["heard"] == "We are open."


def test_a_filler_is_interrupted_like_any_speech(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Too late.", before_s=5.0), agents.text("Of course."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("One moment"))
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    left = ring(tmp_path, script, agent=agent, dialplan=PLAN)
    cut = left.turns[1]
    assert cut["interrupted"] and "One moment.".startswith(cut["heard"])
    assert cut["barge_in"]["legs_ms"]["rtp_silent"] == 20 and not cut["barge_in"]["missed"]
    assert agent.retracted == 0
    first, cut_off = [text for _, text, _ in left.history][1:3]
    assert (words(first), cut_off) == (OPEN, cut["heard"])
    assert words(agent.asked[1].text) == BOOKING


def test_a_noise_in_a_filler_costs_no_reply(tmp_path: Path) -> None:
    """The agent is asked again, and has been told to forget the first request."""
    agent = agents.Lines(agents.text("We are open.", before_s=3.0), agents.text("We are open."), moves_on=True)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.until(phone.hears("One moment"))
        await phone.noise()
        await phone.heard_out("We are open")

    left = ring(tmp_path, script, agent=agent, dialplan=replace(plan(policy="speech"), filler=TEXTS))
    assert agent.retracted == 1
    assert [words(turn.text) for turn in agent.begun] == [OPEN] * 2
    assert left.turns[-1]["heard"] == "We are open."


# ------------------------------------------------------------------------------------------------ ahead of it


def spoken(host: InlineHost, *, dead: bool = False) -> tuple[Store, int]:
    """What two successive calls have spoken, and how many voices they opened."""
    store: Store = {}
    opened = 0

    def voice() -> Voice:
        nonlocal opened
        opened += 1
        return Voice(host, {})

    async def run() -> None:
        await host.start()
        if dead and isinstance(host, MortalHost):
            await host.die(for_good=True)
        for _ in range(2):
            fillers = Fillers(TEXTS, 0.7, store, "")
            if fillers.missing:
                await fillers.prepare(voice)
        assert (fillers.take() is None) is dead

    run_counted(run())
    return store, opened


def test_fillers_are_spoken_once_a_voice() -> None:
    store, opened = spoken(InlineHost("tts", "espeak", {}))
    assert opened == 1
    assert [text for _, text in store] == list(TEXTS)
    assert all(0.3 < sum(len(piece.pcm) for piece in each.speech) / 16000 < 2.0 for each in store.values())


def test_without_synthesis_there_are_no_fillers() -> None:
    store, opened = spoken(MortalHost("tts", "espeak", {}), dead=True)
    assert (store, opened) == ({}, 2)
