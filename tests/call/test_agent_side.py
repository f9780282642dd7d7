"""What the history records as heard, compared with the audio that was played; and what remains to be said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from functools import cache, partial
from pathlib import Path

import pytest

from phone_daemon.call.floor import State
from phone_daemon.events import AgentEvent, Token
from phone_daemon.tts.phrases import PhraseChunker, pause_s
from sidecars.engines.espeak import create
from tests import agents
from tests.phone import OPEN, Left, Phone, plan, ring, speech

REPLY = (
    "We are open from half past eight until half past five, Monday to Thursday. On Friday we close at four. "
    "Would you like to book an appointment?"
)
POINTS = [0.12 + 0.41 * n for n in range(20)]
"""Seconds into the reply."""


@cache
def onsets() -> tuple[list[str], list[float]]:
    """The reply's words and the seconds at which each begins, by the engine's own marks, phrase by phrase."""
    engine = create({})
    words: list[str] = []
    begins: list[float] = []
    start = 0.0
    chunker = PhraseChunker()
    for phrase in [*(p for word in REPLY.split() for p in chunker.feed(word + " ")), *chunker.flush()]:
        chunks = list(engine.speak(phrase, {}, lambda: False))
        marks = [mark for chunk in chunks for mark in chunk.marks]
        words += [phrase[begin:end] for _, begin, end in marks]
        begins += [start + sample / engine.sample_rate for sample, _, _ in marks]
        start += sum(len(chunk.pcm) // 2 for chunk in chunks) / engine.sample_rate + pause_s(phrase)
    return words, begins


def reached(phone: Phone, reply: int, seconds: float) -> bool:
    return phone.line.played.get(reply, 0) >= seconds * 8000


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """One call in which a key interrupts the same reply at each of `POINTS`."""
    agent = agents.Lines(agents.text(REPLY), digits=1)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        phone.press("1")
        for number, point in enumerate(POINTS, 2):
            await phone.until(partial(reached, phone, number, point))
            phone.press("1")

    return ring(tmp_path_factory.mktemp("calls"), script, agent=agent)


@pytest.mark.parametrize("number", range(1, len(POINTS) + 1))
def test_what_was_heard_is_what_was_played_to_the_word(interrupted: Left, number: int) -> None:
    turn = interrupted.turns[number]
    heard, played = turn["heard"], interrupted.line.played[number + 1]
    assert turn["interrupted"] and REPLY.startswith(heard)
    words, begins = onsets()
    assert len(words) == len(REPLY.split())
    begun = sum(begin < played / 8000 for begin in begins)
    assert begun - 1 <= len(heard.split()) <= begun
    assert len(interrupted.line.audio[number + 1]) // 2 == played


def test_the_later_the_interruption_the_more_was_heard(interrupted: Left) -> None:
    lengths = [len(turn["heard"]) for turn in interrupted.turns[1 : len(POINTS) + 1]]
    assert lengths == sorted(lengths)
    assert lengths[-1] > 10 * lengths[1] > 0


def test_history_has_each_turn_once_and_in_order(interrupted: Left) -> None:
    turns = interrupted.turns
    expected = [("agent", turns[0]["heard"], False)]
    for turn in turns[1:-1]:
        expected += [("caller", "1", False), ("agent", turn["heard"], True)]
    assert interrupted.history[: len(expected)] == expected


@pytest.mark.long
def test_a_sentence_that_was_heard_whole_was_still_broken_off_when_more_was_to_come(tmp_path: Path) -> None:
    async def slow() -> AsyncGenerator[AgentEvent, None]:
        yield Token("We are open. ")
        await asyncio.sleep(5.0)
        yield Token("Until four.")

    agent = agents.Lines(slow, agents.text("Yes."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await asyncio.sleep(2.0)
        await phone.says(speech(OPEN))
        await phone.heard_out("Yes")

    left = ring(tmp_path, script, agent=agent)
    assert left.history[2] == ("agent", "We are open.", True)


def test_a_greeting_that_a_noise_prevents_is_given_after_the_noise(tmp_path: Path) -> None:
    agent = agents.Lines(greeting=agents.text("Hello there.", before_s=1.0))

    async def script(phone: Phone) -> None:
        await phone.noise()
        await phone.heard_out("Hello there")

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    assert left.turns[-1]["heard"] == "Hello there."


@pytest.mark.long
def test_a_reply_that_a_key_or_an_operator_interrupts_is_not_resumed(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text(REPLY))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await asyncio.sleep(1.0)
        assert await phone.call.operator.interrupt() is not None
        await phone.noise()
        await asyncio.sleep(1.0)
        assert phone.state() is State.LISTENING

    left = ring(tmp_path, script, agent=agent, dialplan=plan(policy="speech"))
    assert len(left.turns) == 2


def test_every_turn_is_told_once_it_is_in_the_file(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(REPLY)))
    lines = [json.loads(line) for line in (left.folder / "turns.jsonl").read_text().splitlines()]
    assert [told["number"] for told in left.told("turn")] == [line["turn"] for line in lines] == [0, 1]
    assert REPLY.startswith(lines[1]["heard"]) and lines[1]["agent"].strip() == REPLY


def test_the_line_is_silenced_before_anything_else_is_ended_or_begun(tmp_path: Path) -> None:
    seen: list[tuple[object, ...]] = []

    async def script(phone: Phone) -> None:
        await phone.until(phone.hears("How can I help"))
        side, flush = phone.call._caller_side, phone.line.flush
        listened, tasks = side.utterance, asyncio.all_tasks()

        def watched(reply: int) -> None:
            seen.append((reply, side.utterance is listened, asyncio.all_tasks() <= tasks))
            flush(reply)

        phone.line.flush = watched  # type: ignore[method-assign]
        await phone.call.operator.interrupt()
        assert side.utterance is not listened

    ring(tmp_path, script)
    assert seen == [(1, True, True)]
