"""A voice during the agent's speech: the agent speaks softly, and then falls silent, or continues and has lost
nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.call.floor import State
from tests import agents
from tests.phone import BOOKING, OPEN, Left, Phone, plan, ring, speech

HOURS = "We are open from half past eight until half past five on every day of the week, and on Saturday until noon."
RIGHT = "All right."


async def asks(phone: Phone, after_s: float = 1.0) -> None:
    """Makes the agent speak for this long."""
    await phone.heard_out("How can I help")
    await phone.says(speech(OPEN))
    await phone.reaches(State.SPEAKING)
    await phone.until(lambda: phone.line.played.get(2, 0) >= 8000 * after_s)


def levels(left: Left, reply: int = 2) -> np.ndarray:
    """Levels of the 20 ms frames that were played, in dB."""
    pcm = np.frombuffer(bytes(left.line.audio[reply]), "<i2").astype(float)
    return np.asarray(10 * np.log10(np.mean(pcm[: len(pcm) // 160 * 160].reshape(-1, 160) ** 2, axis=1) + 1))


def test_an_interruption_finds_the_agent_soft_and_then_silent(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.says(speech("stop i would like to book an appointment"))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS), agents.text(RIGHT)))
    turn = left.turns[1]
    assert turn["interrupted"] and left.turns[2]["caller"].lower().startswith("stop")
    (duck,) = turn["ducks"]
    assert (duck["outcome"], duck["why"]) == ("cut", "words")
    assert 0 < duck["onset_ms"] < 500
    chain = turn["barge_in"]
    assert chain["onset_to_silence_ms"] == chain["detection_ms"] + chain["legs_ms"]["rtp_silent"]
    # The audio between the two was 18 dB softer than before, within the variation of speech.
    soft = levels(left)[-5:]
    assert soft.max() < levels(left)[:-20].max() - 12


def doubt(phone: Phone, since_s: float, until_s: float) -> None:
    """From now on, anything heard between these two is taken for the agent's own voice."""
    start = phone.call._caller_side.position
    ducking = phone.call._turns._ducking

    def echo() -> float:
        return float(since_s <= (phone.call._caller_side.position - start) / 8000 < until_s)

    ducking._echo = echo


@pytest.mark.long
def test_an_instant_in_which_a_voice_may_be_the_agents_own_does_not_make_it_loud_again(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await asks(phone)
        doubt(phone, 0.24, 0.3)
        await phone.says(speech("stop i would like to book an appointment"))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS), agents.text(RIGHT)))
    assert [(duck["outcome"], duck["why"]) for duck in left.turns[1]["ducks"]] == [("cut", "words")]
    soft = levels(left)[-5:]
    assert soft.max() < levels(left)[:-20].max() - 12


@pytest.mark.long
def test_a_caller_who_goes_on_where_the_agents_echo_ends_is_another_voice(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await asks(phone)
        doubt(phone, 0.0, 0.7)
        await phone.says(speech("prices have gone up again so stop i would like to book an appointment"))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS), agents.text(RIGHT)))
    ducks = [(duck["outcome"], duck["why"]) for duck in left.turns[1]["ducks"]]
    assert ducks == [("restored", "echo"), ("cut", "words")]


def test_a_noise_softens_the_agent_and_costs_no_word(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await asks(phone)
        assert hasattr(phone.stt, "wordless")
        phone.stt.wordless = True
        await phone.says(speech("yes that's right")[:8000])
        await phone.heard_out("until noon")

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS)))
    turn = left.turns[1]
    assert turn["heard"] == HOURS and not turn["interrupted"]
    assert [(duck["outcome"], duck["why"]) for duck in turn["ducks"]] == [("restored", "noise")]
    assert [role for role, _, _ in left.history] == ["agent", "caller", "agent"]


@pytest.mark.long
def test_at_the_mere_hint_of_a_voice_the_agent_is_soft_for_an_instant(tmp_path: Path) -> None:
    voice = np.frombuffer(speech("stop"), "<i2")
    loudest = int(np.argmax(np.convolve(np.abs(voice.astype(float)), np.ones(400), "valid")))

    def call(folder: Path, sound: bytes) -> Left:
        async def script(phone: Phone) -> None:
            await asks(phone)
            if sound:
                await phone.says(sound)
            await phone.heard_out("until noon")

        return ring(folder, script, agent=agents.Lines(agents.text(HOURS)))

    usual, hinted = call(tmp_path / "a", b""), call(tmp_path / "b", voice[loudest : loudest + 400].tobytes())
    assert hinted.turns[1]["heard"] == HOURS and hinted.turns[1]["ducks"] == []
    count = min(len(levels(usual)), len(levels(hinted)))
    softer = levels(usual)[:count] - levels(hinted)[:count]
    # No two calls sound the same to the frame: only what lasts counts.
    lasting = np.median(np.lib.stride_tricks.sliding_window_view(softer, 5), axis=1)
    assert 1 <= np.count_nonzero(lasting > 8) <= 10


def test_once_a_voice_is_over_the_next_sound_is_a_hint_again(tmp_path: Path) -> None:
    voice = np.frombuffer(speech("stop"), "<i2")
    loudest = int(np.argmax(np.convolve(np.abs(voice.astype(float)), np.ones(400), "valid")))
    ducked: list[bool] = []

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.says(speech("okay"))
        await phone.until(lambda: phone.told("remark"))
        await asyncio.sleep(0.3)
        duck = phone.line.duck

        def noted(reply: int, down: bool) -> None:
            ducked.append(down)
            duck(reply, down)

        phone.line.duck = noted  # type: ignore[method-assign]
        await phone.says(voice[loudest : loudest + 400].tobytes())
        await asyncio.sleep(0.3)
        assert ducked == [True, False]

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS)))
    assert [duck["outcome"] for duck in left.turns[1]["ducks"]] == ["restored"]


@pytest.mark.long
def test_an_interruption_in_the_first_instant_of_a_reply(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await asks(phone, after_s=0.02)
        await phone.says(speech(BOOKING))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS), agents.text(RIGHT)))
    assert left.turns[1]["interrupted"] and len(left.turns[1]["heard"]) < len(HOURS) / 2
    assert "book an appointment" in left.turns[2]["caller"]


@pytest.mark.long
def test_who_interrupts_twice_in_a_row_is_heard_both_times(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.says(speech("stop"))
        await asyncio.sleep(0.25)
        await phone.says(speech(BOOKING))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS), agents.text(RIGHT)))
    assert left.turns[1]["interrupted"]
    said = " ".join(turn["caller"] for turn in left.turns[2:]).lower()
    assert said.startswith("stop") and "book an appointment" in said and left.turns[-1]["heard"] == RIGHT


@pytest.mark.long
def test_a_remark_over_the_very_last_word_is_no_turn(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("We close at noon on Saturday."), agents.text(RIGHT))

    async def script(phone: Phone) -> None:
        await asks(phone, after_s=0.0)
        await phone.until(lambda: phone.call._agent_side.reply is not None and phone.call._agent_side.reply.thought)
        await phone.until(lambda: phone.line._playout.queued <= 3200)
        await phone.says(speech("okay"))
        await phone.until(lambda: phone.told("remark"))
        await phone.says(speech(BOOKING))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agent)
    assert [words.lower().rstrip(".") for words in left.turns[2]["remarks"]] == ["okay"]
    assert "book an appointment" in left.turns[2]["caller"]
    assert [duck["why"] for duck in left.turns[1]["ducks"]] == ["over"]


@pytest.mark.long
def test_a_notice_that_may_not_be_interrupted_is_heard_to_its_end(tmp_path: Path) -> None:
    found = plan()
    hours = replace(found.script.intents["hours"], barge_in="off")
    script_of = replace(found.script, intents={**found.script.intents, "hours": hours})

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await asyncio.sleep(0.5)
        await phone.says(speech("stop i would like to book an appointment"))
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, dialplan=replace(found, script=script_of))
    assert left.turns[1]["intent"] == "hours"
    assert not left.turns[1]["interrupted"] and left.turns[1]["ducks"] == []
