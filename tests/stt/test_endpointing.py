"""The wait for a caller depends on what was asked, what they said, and how."""

from __future__ import annotations

import pytest

from phone_daemon.events import samples
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.endpointing import (
    ANSWER_WAIT_S,
    DIGITS_WAIT_S,
    GROUP_WAIT_S,
    TAG_WAIT_S,
    WORD_WAIT_S,
    Endpoint,
    Endpointing,
    Evidence,
    decide,
)

TURN = TurnSettings(min_wait_s=0.15, max_wait_s=2.0)
VAD = VadSettings(min_silence_s=0.5)
FALLING, LEVEL = -4.0, 0.5


def waits(text: str, expected: str = "", pitch: float = FALLING, pauses_s: tuple[float, ...] = ()) -> float:
    return decide(Evidence(text, expected, pitch, pauses_s), TURN, VAD).wait_s


@pytest.mark.parametrize("text", ["Yeah, that's right.", "Not quite.", "Uh, no."])
def test_an_answer_to_a_yes_or_no_question_is_over_at_once(text: str) -> None:
    assert waits(text, "yes_no") == TURN.min_wait_s


@pytest.mark.parametrize("text", ["Yes.", "No,"])
def test_after_a_mere_yes_or_no_a_correction_may_come(text: str) -> None:
    assert TURN.min_wait_s < waits(text, "yes_no") == WORD_WAIT_S


@pytest.mark.parametrize(
    "text", ["No, thank you, that's everything.", "Thank you very much indeed.", "You very much indeed."]
)
def test_after_thanks_a_goodbye_may_come(text: str) -> None:
    assert waits(text, "yes_no") == VAD.min_silence_s


def test_after_a_request_a_please_may_come_and_after_that_nothing() -> None:
    asked, whole = "Could you tell me your opening hours?", "Could you tell me your opening hours, please?"
    assert waits(whole) < TAG_WAIT_S <= waits(asked)


def test_after_a_time_its_minutes_may_come() -> None:
    assert waits("I'd like to come on Friday at ten.") >= VAD.min_silence_s


def test_a_correction_instead_of_yes_or_no_is_heard_out() -> None:
    assert waits("No, on", "yes_no", LEVEL) > VAD.min_silence_s


@pytest.mark.parametrize(
    "text", ["Four seven one.", "Four seven one, three five nine.", "47 13 59", "It's double four"]
)
def test_a_number_is_not_over_before_its_last_digit(text: str) -> None:
    assert waits(text, "digits_8_8") == TURN.max_wait_s


def test_a_number_with_all_of_its_digits_is_over_soon() -> None:
    assert waits("Four seven one, three five nine, two eight.", "digits_8_8") < VAD.min_silence_s
    assert waits("47135928", "digits_8_8") < VAD.min_silence_s


def test_a_number_that_may_be_longer_gets_the_usual_wait() -> None:
    assert waits("One two three four.", "digits_4_6") == VAD.min_silence_s
    assert waits("One two three.", "digits_4_6") == TURN.max_wait_s
    assert waits("One two three four five six.", "digits_4_6") < VAD.min_silence_s


@pytest.mark.parametrize("text", ["S M", "My name is Smith, S M I", "T-H-O-R", "K. O. W. A."])
def test_a_name_that_is_being_spelled_goes_on(text: str) -> None:
    assert waits(text, "text") == GROUP_WAIT_S


@pytest.mark.parametrize("text", ["Me, Art.", "Esem", "Smith."])
def test_the_first_words_of_a_message_may_be_a_name_whose_letters_follow(text: str) -> None:
    assert waits(text, "text") >= GROUP_WAIT_S


def test_an_answer_to_yes_or_no_that_may_be_misheard_does_not_keep_the_caller_waiting() -> None:
    assert waits("I'm the", "yes_no", LEVEL) == ANSWER_WAIT_S < waits("I'm the", "", LEVEL)


def test_the_likelier_an_end_is_the_shorter_the_wait() -> None:
    texts = ["Can I move it to the", "I ordered it", "My tooth hurts today", "What are your opening hours, please?"]
    found = [waits(text, pitch=LEVEL) for text in texts]
    assert found == sorted(found, reverse=True) and len(set(found)) >= 3


def test_a_message_is_waited_for_at_least_as_long_as_usual() -> None:
    assert waits("Please call me back tomorrow.", "text") >= VAD.min_silence_s


@pytest.mark.parametrize(
    "text", ["I'd like to book an appointment for", "My number is", "I can come on Tuesday and", "Um"]
)
def test_nobody_ends_with_a_word_that_wants_another(text: str) -> None:
    assert waits(text, pitch=LEVEL) > 2 * waits("What are your opening hours?")


def test_a_voice_that_falls_has_more_likely_finished_than_one_that_is_held() -> None:
    assert waits("I'd like to book", pitch=FALLING) < waits("I'd like to book", pitch=LEVEL)


def test_who_has_paused_for_long_twice_is_waited_for_longer_and_once_is_no_habit() -> None:
    text = "I would prefer the afternoon."
    assert waits(text, pauses_s=(1.2, 0.9)) > waits(text)
    assert waits(text, pauses_s=(1.2, 0.1)) == waits(text, pauses_s=(1.2,)) == waits(text)


def test_every_wait_lies_within_the_settings() -> None:
    for text in ("Yes.", "and", "One two", "What are your opening hours?", "S M I"):
        for expected in ("", "yes_no", "text", "digits_8_8"):
            assert TURN.min_wait_s <= waits(text, expected) <= TURN.max_wait_s


def test_where_nothing_was_recognized_the_wait_is_the_fixed_one() -> None:
    assert decide(Evidence("", ""), TURN, VAD) == Endpoint(0.5, "no words")


@pytest.mark.parametrize(("expected", "wait_s"), [("text", GROUP_WAIT_S), ("digits_8_8", DIGITS_WAIT_S)])
def test_the_first_letter_or_digit_may_not_be_understood_yet(expected: str, wait_s: float) -> None:
    patient = TurnSettings(max_wait_s=3.0)
    assert decide(Evidence("", expected), patient, VAD) == Endpoint(wait_s, "no words yet")


def test_what_is_overheard_gets_the_fixed_wait() -> None:
    assert decide(Evidence("Okay.", "", overheard=True), TURN, VAD) == Endpoint(0.5, "overheard")


def test_as_long_as_a_reply_begun_early_is_not_ready_waiting_costs_nothing() -> None:
    found = decide(Evidence("Where is my parcel, please?", "", FALLING, making=True), TURN, VAD)
    assert found.wait_s == VAD.min_silence_s
    assert found.reason == "finished, reply not ready"


def test_fixed_is_fixed_but_for_who_breaks_off() -> None:
    fixed = TurnSettings(endpointing="fixed", unfinished_s=0.6)
    assert decide(Evidence("Yes.", "yes_no"), fixed, VAD).wait_s == 0.5
    assert decide(Evidence("My number is", ""), fixed, VAD).wait_s == pytest.approx(1.1)


def test_the_turn_log_says_why() -> None:
    assert decide(Evidence("One two", "digits_8_8"), TURN, VAD).told() == {"wait_s": 2.0, "reason": "2 of 8 digits"}
    told = decide(Evidence("What are your opening hours?", "", FALLING), TURN, VAD).told()
    assert told["reason"] == "finished"
    assert 0.5 <= float(str(told["likely"])) <= 1


def test_a_pause_after_which_the_caller_went_on_is_remembered_and_one_between_two_sounds_is_not() -> None:
    endpointing = Endpointing(TURN, VAD)
    endpointing.hear(bytes(2 * samples(2)))
    for quiet_s in (0.02, 0.04, 0.06, 0.0, 0.2, 0.4, 0.0):
        endpointing.wait("I would like", samples(quiet_s))
    assert endpointing.evidence("I would like", 0).pauses_s == (0.4,)


def test_a_turn_that_is_over_leaves_no_pause_behind() -> None:
    endpointing = Endpointing(TURN, VAD)
    endpointing.hear(bytes(2 * samples(2)))
    endpointing.wait("Yes.", samples(0.4))
    endpointing.over()
    assert endpointing.evidence("", 0).pauses_s == ()
    endpointing.went_on(samples(0.7))
    assert endpointing.evidence("", 0).pauses_s == (0.7,)


def test_what_is_kept_of_the_audio_is_bounded() -> None:
    endpointing = Endpointing(TURN, VAD)
    for _ in range(3000):
        endpointing.hear(bytes(320))
    assert len(endpointing._audio) < 2 * samples(12)
