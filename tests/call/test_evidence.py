"""How a voice during the agent's speech is judged, as more becomes known about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phone_daemon.call.evidence import (
    DECIDE_S,
    DOUBT,
    LONGEST_REMARK_S,
    SURE,
    UNDECIDED_S,
    WORDLESS_S,
    Evidence,
    Growing,
    Verdict,
    judge,
)
from phone_daemon.language.remarks import asks_for_floor, claim, is_remark, wants_floor

ONSET = Evidence(
    since_s=0.12, ducked_s=0.0, text="", wordy=False, remark=False, wanted=False, likeness=0.9, quiet_s=0.0
)


def after(s: float, text: str = "", **seen: Any) -> Evidence:
    """What is known `s` after the onset, of which the first 120 ms went unnoticed."""
    return replace(
        ONSET, since_s=s, ducked_s=s - 0.12, text=text, wordy=wants_floor(text), remark=is_remark(text), **seen
    )


def test_at_the_onset_nobody_knows() -> None:
    assert judge(ONSET)[0] is Verdict.WAIT


@pytest.mark.parametrize("text", ["Stop.", "Wait", "No.", "What about?", "Okay, but when", "I need", "That's wrong"])
def test_words_that_nobody_says_in_passing_cut_at_once(text: str) -> None:
    assert judge(after(0.3, text)) == (Verdict.CUT, "words")


@pytest.mark.parametrize("text", ["Okay.", "Uh-huh", "Yeah, yeah."])
def test_a_remark_is_waited_for_and_then_let_be(text: str) -> None:
    assert judge(after(0.3, text))[0] is Verdict.WAIT
    assert judge(after(0.12 + DECIDE_S, text)) == (Verdict.RESTORE, "remark")
    assert judge(after(0.3, text, quiet_s=0.25)) == (Verdict.RESTORE, "remark")


@pytest.mark.parametrize("text", ["", "And?", "God.", "I", "Yeah, listen."])
def test_while_somebody_clearly_speaks_and_nobody_knows_what_they_want_the_agent_is_soft_but_not_for_ever(
    text: str,
) -> None:
    assert judge(after(0.12 + DECIDE_S, text))[0] is Verdict.WAIT
    assert judge(after(1.2, text))[0] is Verdict.WAIT
    why = "remark" if text else "noise"
    assert judge(after(0.12 + DECIDE_S, text, quiet_s=0.25)) == (Verdict.RESTORE, why)
    assert judge(replace(after(0.12 + UNDECIDED_S, text), since_s=LONGEST_REMARK_S - 0.1)) == (Verdict.RESTORE, why)


def test_a_recording_that_tells_callers_to_wait_is_let_be() -> None:
    assert judge(after(0.5, "Please hold while", announced=True)) == (Verdict.RESTORE, "announcement")
    assert judge(replace(after(2.0, "Please hold while I", announced=True), ducked_s=None))[0] is Verdict.WAIT
    assert judge(after(0.5, "Please hold while")) == (Verdict.CUT, "words")


def test_after_a_question_a_clear_voice_and_any_word_are_an_answer() -> None:
    assert judge(replace(ONSET, wanted=True)) == (Verdict.CUT, "speech")
    assert judge(replace(ONSET, wanted=True, likeness=0.4))[0] is Verdict.WAIT
    assert judge(replace(after(0.3, "Yes."), wanted=True, likeness=0.4)) == (Verdict.CUT, "words")


def test_a_sound_that_is_hardly_speech_and_has_no_words_is_a_noise() -> None:
    assert judge(replace(after(0.12 + DECIDE_S), likeness=0.5)) == (Verdict.RESTORE, "noise")
    assert judge(after(0.3, quiet_s=0.25))[0] is Verdict.WAIT  # a short word may still be recognized


def test_where_recognition_tells_nothing_before_the_end_a_voice_that_goes_on_takes_the_floor() -> None:
    deaf = replace(after(WORDLESS_S), partials=False, ducked_s=None)
    assert judge(deaf) == (Verdict.CUT, "speech")
    assert judge(replace(deaf, likeness=0.4))[0] is Verdict.WAIT
    assert judge(replace(deaf, partials=True))[0] is Verdict.WAIT


def test_who_mumbles_on_and_on_wants_the_floor_all_the_same() -> None:
    long = replace(after(LONGEST_REMARK_S, "and so the"), ducked_s=None)
    assert judge(long) == (Verdict.CUT, "length")
    assert judge(replace(long, text="yeah yeah", remark=True))[0] is Verdict.WAIT


def test_its_own_voice_stops_nobody() -> None:
    assert judge(after(0.3, "We are open", echo=0.9)) == (Verdict.RESTORE, "echo")
    assert judge(replace(after(0.9, "We are open", echo=0.9), ducked_s=None))[0] is Verdict.WAIT


def test_of_a_voice_behind_the_caller_only_words_that_ask_for_the_floor_count() -> None:
    talk = after(0.9, "That was the fourth goal of the match")
    assert judge(talk) == (Verdict.CUT, "words")
    assert judge(replace(talk, behind=None))[0] is Verdict.WAIT
    assert judge(replace(talk, behind=True)) == (Verdict.RESTORE, "behind")
    assert judge(replace(talk, behind=True, ducked_s=None))[0] is Verdict.WAIT
    for text in ("Let me speak", "No, no", "I can't hear you"):
        assert judge(after(0.9, text, behind=True, asks=asks_for_floor(text))) == (Verdict.CUT, "words")


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (replace(ONSET, wanted=True, likeness=0.7), (Verdict.CUT, "speech")),
        (replace(ONSET, wanted=True, likeness=0.69), (Verdict.WAIT, "")),
        (replace(ONSET, wanted=True, quiet_s=0.2), (Verdict.WAIT, "")),
        (replace(ONSET, wanted=True, quiet_s=0.19), (Verdict.CUT, "speech")),
        (replace(after(0.3, "Stop."), echo=0.5), (Verdict.CUT, "words")),
        (after(0.4, "Okay."), (Verdict.WAIT, "")),
        (after(0.5, "Okay."), (Verdict.RESTORE, "remark")),
        (after(1.5), (Verdict.WAIT, "")),
        (after(1.65), (Verdict.RESTORE, "noise")),
        (after(0.5, partials=False), (Verdict.RESTORE, "noise")),
        (after(0.65, partials=False, quiet_s=0.1, likeness=0.5), (Verdict.RESTORE, "noise")),
        (replace(after(0.69, partials=False), ducked_s=None), (Verdict.WAIT, "")),
        (after(0.75, partials=False), (Verdict.CUT, "speech")),
        (replace(after(1.25, "and so the"), ducked_s=None), (Verdict.WAIT, "")),
        (after(1.35, "and so the"), (Verdict.CUT, "length")),
        (replace(after(1.35), ducked_s=None), (Verdict.WAIT, "")),
        (replace(after(1.35, "and so the", likeness=0.5), ducked_s=None), (Verdict.WAIT, "")),
        (replace(ONSET, behind=None), (Verdict.WAIT, "")),
    ],
)
def test_where_each_verdict_begins(seen: Evidence, verdict: tuple[Verdict, str]) -> None:
    assert judge(seen) == verdict


def test_what_the_next_partial_takes_back_never_was_evidence() -> None:
    growing = Growing()
    claims = ((0.3, 2.0), (0.36, 0.0), (0.42, 2.0), (0.48, 2.0))
    assert not any(growing.after(s, strength) for s, strength in claims)
    assert growing.after(0.54, 2.0)
    assert not growing.after(1.0, 0.0)


@pytest.mark.parametrize("strength", [DOUBT + 0.2, 1.0, 2.0])
def test_a_weaker_claim_must_last_longer(strength: float) -> None:
    growing = Growing()
    enough_s = SURE / (strength - DOUBT)
    assert not growing.after(0.3, strength)
    assert not growing.after(0.3 + 0.9 * enough_s, strength)
    assert growing.after(0.3 + 1.1 * enough_s, strength)


def test_what_a_recognizer_makes_of_a_lone_sound_claims_nothing_however_long() -> None:
    growing = Growing()
    assert not any(
        growing.after(tick / 50, claim(text)) for text in ("I", "Oh.", "And?", "Okay, I") for tick in range(99)
    )
