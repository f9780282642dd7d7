"""Whole calls in which recognition is slow, dies, or has to listen for very long."""

from __future__ import annotations

import asyncio
import gc
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.call.floor import State
from phone_daemon.call.wording import DEAF, NO_MATCH
from phone_daemon.events import (
    SAMPLE_RATE,
    samples,
)
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.utterance import Utterance
from tests import agents
from tests.fakes import MortalHost, TunedHost
from tests.phone import BOOKING, OPEN, OPTIONS, SETTINGS, YES, Left, Phone, plan, ring, speech
from tests.sidecars.clinic import WITHOUT_A_PAUSE
from tests.sidecars.speech import words

BROKEN_OFF = "I would like to"


SHORT_PIECES = replace(SETTINGS, vad=VadSettings(max_speech_s=5.0))
"""Short pieces, so that there are soon many."""


def without_a_pause(seconds: float) -> bytes:
    return b"".join(map(speech, WITHOUT_A_PAUSE))[: 2 * samples(seconds)]


def mortal() -> MortalHost:
    return MortalHost("stt", "moonshine", OPTIONS)


def booking(folder: Path, *deaths_s: float) -> tuple[Left, agents.Lines]:
    """A call whose recognizer dies at these seconds during "I would like to book an appointment please"."""
    agent = agents.Lines(agents.text("All right."))
    stt = mortal()

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        phone.say(speech(BOOKING))
        now = 0.0
        for death in deaths_s:
            await asyncio.sleep(death - now)
            await stt.die()
            now = death
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    return ring(folder, script, agent=agent, stt=stt), agent


def test_a_recognizer_that_dies_in_the_middle_of_a_sentence_loses_no_word(tmp_path: Path) -> None:
    left, agent = booking(tmp_path, 1.4)
    assert left.said() == [BOOKING]
    assert not left.told("fault")
    assert len(agent.asked) == 1


@pytest.mark.long
def test_a_recognizer_that_dies_before_anything_was_said_does_not_count_against_the_sentence(tmp_path: Path) -> None:
    """Three deaths, two of them before the utterance has heard anything."""
    left, _ = booking(tmp_path, 0.02, 0.06, 1.4)
    assert left.said() == [BOOKING]


@pytest.mark.long
def test_a_caller_whom_two_engines_failed_is_asked_to_say_it_again(tmp_path: Path) -> None:
    left, agent = booking(tmp_path, 1.0, 1.6)
    assert left.turns[1]["heard"] == DEAF
    assert left.turns[1]["faults"] == ["stt: killed"]
    assert left.told("fault") == [{"part": "stt", "error": "killed"}]
    assert agent.asked == []


@pytest.mark.long
def test_a_recognizer_that_is_gone_for_good_never_means_silence(tmp_path: Path) -> None:
    stt = mortal()

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await stt.die(for_good=True)
        for _ in range(2):
            await phone.says(speech(OPEN))
            await phone.reaches(State.SPEAKING)
            await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("Yes.")), stt=stt)
    assert [turn["heard"] for turn in left.turns[1:]] == [DEAF, DEAF]


@pytest.mark.long
def test_a_final_that_does_not_come_is_given_up_and_the_caller_asked_again(tmp_path: Path) -> None:
    stt = TunedHost("stt", "moonshine", OPTIONS)
    stt.late_s = 8.0

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.heard_out("could not hear you")
        stt.late_s = 0.0
        await phone.says(speech(OPEN))
        await phone.heard_out("Yes")

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("Yes.")), stt=stt)
    assert left.said() == [OPEN]
    assert "no final transcript within 3 s" in left.turns[1]["faults"][0]


@pytest.mark.long
@pytest.mark.parametrize("stable_s", [0.2, 2.0])
def test_a_final_that_is_not_what_was_told_to_be_stable_says_so(tmp_path: Path, stable_s: float) -> None:
    """The engine takes "yep" back at the very end; after two seconds of waiting it should not count."""
    said = [BOOKING, YES, OPEN]

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        for name in said:
            await phone.says(speech(name))
            await phone.reaches(State.SPEAKING)
            await phone.reaches(State.LISTENING)

    settings = replace(SETTINGS, turn=TurnSettings(stable_s=stable_s))
    left = ring(tmp_path, script, agent=agents.Lines(agents.text("Yes.")), settings=settings)
    stable = ""
    contradicted = []
    for note in left.notes:
        if note.kind == "partial":
            assert str(note.data["stable"]).startswith(stable), "what was stable was taken back"
            stable = str(note.data["stable"])
        elif note.kind == "final":
            contradicted.append(note.data["contradicts"])
            assert note.data["contradicts"] or str(note.data["text"]).startswith(stable)
            stable = ""
    assert len(contradicted) == len(said)
    assert any(contradicted) is (stable_s == 0.2)


@pytest.mark.parametrize(
    ("unfinished_s", "name", "wait_s"), [(0.0, BROKEN_OFF, 0.5), (0.8, BROKEN_OFF, 1.3), (0.8, OPEN, 0.5)]
)
def test_a_caller_who_breaks_off_in_the_middle_is_waited_for(
    tmp_path: Path, unfinished_s: float, name: str, wait_s: float
) -> None:
    agent = agents.Lines(agents.text("Yes."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(name))
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    settings = replace(SETTINGS, turn=TurnSettings(endpointing="fixed", unfinished_s=unfinished_s, early_start=True))
    left = ring(tmp_path, script, agent=agent, settings=settings)
    times = left.turns[1]["times"]
    assert wait_s <= times["endpoint"] - times["speech_end"] <= wait_s + 0.06
    assert ("early_start" in times) is (name == OPEN)  # A speculative reply would only be dropped.


@pytest.mark.long
def test_words_that_recognition_is_not_sure_of_are_asked_for_again_and_not_met_with_silence(tmp_path: Path) -> None:
    stt = TunedHost("stt", "moonshine", OPTIONS)
    stt.unsure = True

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.heard_out("did not catch that")
        stt.unsure = False
        await phone.says(speech(OPEN))
        await phone.heard_out("Yes")

    agent = agents.Lines(agents.text("Yes."))
    left = ring(tmp_path, script, agent=agent, stt=stt)
    assert [turn["heard"] for turn in left.turns[1:]] == [NO_MATCH, "Yes."]
    assert [words(turn.text) for turn in agent.asked] == [OPEN]


@pytest.mark.long
def test_a_caller_who_talks_without_a_pause_is_written_down_as_they_go(tmp_path: Path) -> None:
    """And it is one turn; the audio that is kept is bounded by the longest piece."""
    most = [0, 0]
    gc.collect()

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        phone.say(without_a_pause(18))
        for _ in range(36):
            await asyncio.sleep(0.5)
            most[0] = max(most[0], *(len(each._audio) for each in utterances()))
            most[1] = max(most[1], len(phone.call._caller_side._pre_roll._audio))
        await phone.heard_out("All right")

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("All right.")), settings=SHORT_PIECES)
    finals = [note.at_ns / 1e9 for note in left.notes if note.kind == "final"]
    assert len(finals) >= 3
    assert all(later - earlier <= 5.5 for earlier, later in itertools.pairwise(finals))
    assert len(left.said()) == 1
    assert left.said()[0].split() == [word for told in left.told("final") for word in words(str(told["text"])).split()]
    assert 2 * SAMPLE_RATE * 3 < most[0] <= 2 * SAMPLE_RATE * 6
    assert most[1] <= 2 * 2 * SAMPLE_RATE * 6


def utterances() -> list[Utterance]:
    return [each for each in gc.get_objects() if isinstance(each, Utterance)]


@pytest.mark.long
@pytest.mark.parametrize("policy", ["off", "speech"])
def test_what_is_overheard_while_the_agent_speaks_for_long_does_not_grow(tmp_path: Path, policy: str) -> None:
    """Half a minute in which the caller talks without being allowed to interrupt, or is silent."""
    agent = agents.Lines(greeting=agents.text("And so on and on it goes. " * 50))
    most = 0

    async def script(phone: Phone) -> None:
        nonlocal most
        await phone.until(phone.hears("And so on"))
        if policy == "off":
            phone.say(without_a_pause(12))
        for _ in range(5):
            await asyncio.sleep(6.0)
            gc.collect()
            most = max(most, *(len(each._audio) for each in utterances()))
            assert len(utterances()) <= 4
            assert len(phone.stt._channels) <= 4
            assert len(phone.call._tasks._tasks) <= 5
        assert phone.state() is State.GREETING

    ring(tmp_path, script, agent=agent, dialplan=plan(policy=policy), settings=SHORT_PIECES)
    assert most <= 2 * SAMPLE_RATE * 6


@pytest.mark.long
def test_a_call_of_many_turns_keeps_nothing_of_those_that_are_over_but_their_words(tmp_path: Path) -> None:
    counts: list[dict[str, int]] = []

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        for turn in range(6):
            await phone.says(speech(OPEN))
            await phone.until(lambda: phone.state() is State.SPEAKING)
            if turn % 2:
                await asyncio.sleep(0.3)
                await phone.noise()
            await phone.reaches(State.LISTENING)
            gc.collect()
            names = [type(each).__name__ for each in gc.get_objects()]
            kinds = ("Reply", "Utterance", "Task", "Future", "Heard", "Turn", "PendingTurn", "Silero")
            counts.append({kind: names.count(kind) for kind in kinds})

    agent = agents.Lines(agents.text("Until five o'clock on every day of the week."))
    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    assert len(left.turns) >= 9
    assert all(counts[-1][kind] <= counts[2][kind] + 1 for kind in counts[0]), counts
