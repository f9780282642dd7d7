"""What becomes of the final transcripts of a turn's utterances."""

from __future__ import annotations

import asyncio

from phone_daemon.settings.settings import TurnSettings
from tests.call.hearing import Expecting, Hearing, silent
from tests.phone import speech


def steady(caller: Hearing, text: str) -> None:
    """These words are understood, and shown as stable."""
    caller.side.attend()
    caller.understand(text)
    caller.hear(silent(TurnSettings().stable_s))
    assert caller.side.stable == text


async def test_words_shown_as_stable_that_the_final_takes_back_are_named(expecting: Expecting) -> None:
    caller = Hearing(expecting.side)
    steady(caller, "on tuesday")
    await caller.final("On Tuesday at ten.")
    steady(caller, "on tuesday")
    await caller.final("In choose day.")
    steady(caller, "hm")
    await caller.final("")
    await caller.final("")
    assert expecting.told == [
        ("final", {"text": "On Tuesday at ten.", "contradicts": ""}),
        ("final", {"text": "In choose day.", "contradicts": "on tuesday"}),
        ("final", {"text": "", "contradicts": "hm"}),
    ]
    assert expecting.side.pending.said == ["On Tuesday at ten.", "In choose day."]


async def test_a_turn_of_several_utterances_is_as_sure_as_the_least_of_them_and_has_the_last_ones_alternatives(
    expecting: Expecting,
) -> None:
    caller, pending = Hearing(expecting.side), expecting.side.pending
    for text, confidence, others in (
        ("Yes.", 0.9, ("Yeah.",)),
        ("At two.", 0.6, ("At too.", "Add two.")),
        ("", 0.1, ()),
    ):
        assert await caller.final(text, confidence, *others) == [pending]
    assert pending.text == "Yes. At two."
    assert pending.others == ("Yes. At too.", "Yes. Add two.")
    assert pending.confidence == 0.6
    assert pending.deaf == "" and pending.faults == []


async def test_a_fault_of_the_recognizer_is_told_once_a_turn(expecting: Expecting) -> None:
    caller = Hearing(expecting.side)
    for _ in range(2):
        caller.engine_says(type="Fault", error="the server does not answer")
        await caller.final("Yes.")
    assert expecting.side.pending.faults == ["the server does not answer"]
    faults = [data for kind, data in expecting.told if kind == "fault"]
    assert faults == [{"part": "stt", "error": "the server does not answer"}]


async def test_what_could_not_be_understood_says_why_and_takes_no_shown_word_back(expecting: Expecting) -> None:
    caller = Hearing(expecting.side)
    steady(caller, "on tuesday")
    utterance, over = caller.side.utterance, asyncio.Event()
    caller.side.make_final(lambda pending: over.set())
    await utterance.cancel()
    await over.wait()
    assert expecting.side.pending.deaf == "the utterance was cancelled"
    assert expecting.told == [("fault", {"part": "stt", "error": "the utterance was cancelled"})]


async def test_of_two_utterances_that_are_finalized_at_once_the_later_ends_the_turn_with_the_words_in_order(
    expecting: Expecting,
) -> None:
    side, ended = expecting.side, []
    caller = Hearing(side)
    side.attend()
    side.utterance.feed(speech("my name is catherine"))
    side.make_final(lambda pending: ended.append("first"))
    caller.engine_says(type="Final", text="Thank you.", confidence=1.0, others=(), held={})
    side.make_final(lambda pending: ended.append("second"))
    assert side._finalizing is not None
    await side._finalizing
    assert ended == ["second"]
    assert len(side.pending.said) == 2 and side.pending.said[1] == "Thank you."
    assert "stt_final" in side.pending.at_ns
