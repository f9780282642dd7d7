"""What else comes from a caller's line while the agent speaks: a whistled tune, and echoes that jump or are as loud as
the agent itself. None of it is a turn, and none of it costs a word.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from ops.replay.echo_path import Echo, EchoPath, mixed
from phone_daemon.call.floor import State
from phone_daemon.events import SAMPLE_RATE
from phone_daemon.media.echo import LOOPS
from tests import agents
from tests.phone import BOOKING, OPEN, Left, Phone, plan, ring, speech

HOURS = "We are open from half past eight until half past five on every day of the week, and on Saturday until noon."
RIGHT = "All right."
TUNE_HZ = (1319, 1568, 1760, 1568, 1319, 1175, 1047, 1175, 1319, 1319, 1175, 1175)


def whistled(note_s: float = 0.35, level: float = 2500) -> bytes:
    """A tune as people whistle it: nearly pure tones that glide, with vibrato and some breath."""
    hertz = np.repeat(np.array(TUNE_HZ, float), round(note_s * SAMPLE_RATE))
    hertz = np.convolve(hertz, np.ones(400) / 400, "same")
    time = np.arange(hertz.size) / SAMPLE_RATE
    hertz *= 1 + 0.008 * np.sin(2 * np.pi * 5.5 * time)
    beat = np.minimum(1, 12 * (time % note_s) / note_s) * np.minimum(1, 12 * (1 - (time % note_s) / note_s))
    breath = 0.03 * np.random.default_rng(3).standard_normal(hertz.size)
    tune = beat * (np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) + breath)
    return (level * tune).astype("<i2").tobytes()


def returns(phone: Phone, *paths: Echo, each_s: float = 0.0) -> None:
    """From now on the line returns the agent's voice; over one path after another, `each_s` each."""
    echoes, ticks = [EchoPath(path) for path in paths], 0

    def back(caller: bytes, agent: bytes) -> bytes:
        nonlocal ticks
        ticks += 1
        at = min(int(ticks * 0.02 / each_s), len(paths) - 1) if each_s else 0
        return mixed(caller, [echo.feed(agent) for echo in echoes][at])

    phone.line._echo = back


def undisturbed(left: Left) -> None:
    assert not any(turn["interrupted"] for turn in left.turns)
    assert left.turns[1]["heard"] == HOURS
    assert [turn["caller"] for turn in left.turns if turn["caller"]] == [left.turns[1]["caller"]]


@pytest.mark.parametrize("policy", ["adaptive", pytest.param("speech", marks=pytest.mark.long)])
def test_a_caller_who_whistles_along_wants_nothing(tmp_path: Path, policy: str) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await asyncio.sleep(0.5)
        phone.say(whistled())
        await phone.heard_out("until noon")
        await asyncio.sleep(2.0)
        assert phone.state() is State.LISTENING

    undisturbed(ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS)), dialplan=plan(policy=policy)))


@pytest.mark.long
@pytest.mark.parametrize("policy", ["adaptive", "speech"])
def test_an_echo_path_that_jumps_costs_no_word(tmp_path: Path, policy: str) -> None:
    async def script(phone: Phone) -> None:
        returns(phone, Echo(18, 0.06), Echo(18, 0.16), Echo(18, 0.1), Echo(18, 0.3), each_s=2.5)
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.heard_out("until noon")
        await asyncio.sleep(1.5)

    undisturbed(ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS)), dialplan=plan(policy=policy)))


@pytest.mark.long
@pytest.mark.parametrize("delay_s", [0.02, 0.1, 0.4])
def test_a_line_that_loops_back_is_told_to_the_operator_once_and_the_caller_is_served(
    tmp_path: Path, delay_s: float
) -> None:
    async def script(phone: Phone) -> None:
        returns(phone, Echo(0, delay_s))
        await phone.heard_out("How can I help")
        await asyncio.sleep(1.0)
        await phone.says(speech(OPEN))
        await phone.heard_out("until noon")
        await asyncio.sleep(1.0)
        await phone.says(speech(BOOKING))
        await phone.heard_out(RIGHT)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(HOURS), agents.text(RIGHT)))
    assert [told["error"] for told in left.told("fault")] == [LOOPS]
    assert [turn["interrupted"] for turn in left.turns] == [False] * 3
    assert left.turns[1]["heard"] == HOURS
    assert "book an appointment" in left.turns[2]["caller"]
