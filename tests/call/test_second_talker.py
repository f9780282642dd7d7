"""Somebody behind the caller, 14 dB softer, neither stops the agent nor is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.call.floor import State
from phone_daemon.events import samples
from tests import agents
from tests.phone import BOOKING, OPEN, Phone, ring, speech

HOURS = "We are open from half past eight until half past five on every day of the week, and on Saturday until noon."
RIGHT = "All right."


def behind(text: str) -> bytes:
    """As the line carries a voice across the room."""
    voice = np.frombuffer(speech(text), "<i2").astype(np.float64)
    room = np.random.default_rng(1).normal(0, 1, samples(0.3)) * np.exp(-np.arange(samples(0.3)) / samples(0.07))
    room[0] = 0.5 * np.linalg.norm(room)
    heard = np.convolve(voice, room / np.linalg.norm(room))
    return (0.2 * heard).clip(-32768, 32767).astype("<i2").tobytes()


@pytest.mark.long
def test_a_second_talker_does_not_take_the_floor_and_the_caller_does(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(HOURS), agents.text(RIGHT))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.says(behind("stop i would like to book an appointment"))
        await phone.heard_out("until noon")
        await phone.says(behind("no you take the blue one"))
        await asyncio.sleep(1.5)
        assert phone.state() is State.LISTENING
        await phone.says(speech(BOOKING))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agent)
    assert [turn["interrupted"] for turn in left.turns] == [False, False, False]
    assert left.turns[1]["ducks"] == [] and left.turns[1]["heard"] == HOURS
    assert "book an appointment" in left.turns[2]["caller"] and "blue" not in left.turns[2]["caller"]


@pytest.mark.long
def test_while_somebody_talks_behind_them_the_caller_takes_the_floor_as_ever(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(HOURS), agents.text(RIGHT))
    noise = np.frombuffer(behind("prices have gone up again this month and most of all for bread and milk"), "<i2")
    voice = np.frombuffer(speech("stop i would like to book an appointment"), "<i2")
    both = noise[: len(noise) // 2 + len(voice)].astype(np.int32)
    both = np.pad(both, (0, max(0, len(noise) // 2 + len(voice) - len(both))))
    both[len(noise) // 2 :][: len(voice)] += voice

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.says(both.clip(-32768, 32767).astype("<i2").tobytes())
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agent)
    assert left.turns[1]["interrupted"]
    assert "appointment" in left.turns[2]["caller"]
