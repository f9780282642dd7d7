from __future__ import annotations

import pytest

from phone_daemon.language.announcements import begins_announcement, is_announcement


@pytest.mark.parametrize(
    "text",
    [
        "Your call is important to us. Please hold the line.",
        "You are now first in line.",
        "There are currently three callers ahead of you.",
        "Thank you for your patience.",
        "All of our representatives are busy, assisting other callers.",
        "The estimated hold time is two minutes.",
        "Please leave your message after the tone.",
        "Waiting to speak with a representative.",
        "Please wait a moment while I try that extension.",
        "We are currently experiencing higher than normal call volumes.",
        "This call may be recorded for training.",
        "The waiting time is about six minutes.",
        "We are sorry to keep you waiting.",
        "We apologize for the delay.",
        "We appreciate your patience.",
        "Thank you for calling the city water works.",
        "Call waiting.",
        "The person you are calling is not available.",
    ],
)
def test_a_recording_is_told_from_people(text: str) -> None:
    assert is_announcement(text)


@pytest.mark.parametrize(
    "text",
    ["", "Hold on, please.", "Is it important that I call?", "I am next in the family.", "Thank you for your help.",
     "My wife is waiting to speak to a doctor.", "Should I stay on the line or call back?", "Are calls recorded?",
     "Could you put me on the list of callers?", "What time are you open?",
     "What is the waiting time?", "Sorry to keep you waiting.", "Thank you for calling me back.",
     "You said that the doctor is not available at the moment.", "Is that the number you have?",
     "We called your office and your team was not available."],
)  # fmt: skip
def test_what_callers_say_is_none(text: str) -> None:
    assert not is_announcement(text)


@pytest.mark.parametrize(
    "text",
    [
        "Your call",
        "Your calling is",
        "Your call is now first",
        "please hold",
        "Thank you for",
        "You are currently caller",
        "The conference will be again",
        "Waiting to speak",
        "Calls waiting",
        "We appreciate",
        "The person you are",
    ],
)
def test_a_recording_is_known_by_how_it_begins(text: str) -> None:
    assert begins_announcement(text)


@pytest.mark.parametrize(
    "text", ["", "Your", "Hold on", "Thank you, that is", "Thank you for calling back so early.", "Please, I", "Wait"]
)
def test_what_callers_begin_with_is_no_beginning_of_one(text: str) -> None:
    assert not begins_announcement(text)


@pytest.mark.parametrize("text", ["The conference looked", "You are correct"])
def test_a_word_that_is_being_said_does_not_make_it_another_sentence(text: str) -> None:
    assert begins_announcement(text, over=False)
    assert not begins_announcement(text)
    assert not begins_announcement(f"{text} about it", over=False)


@pytest.mark.parametrize("text", ["Your", "You want", "Hold on please"])
def test_one_word_of_an_announcement_is_not_enough(text: str) -> None:
    assert not begins_announcement(text, over=False)
