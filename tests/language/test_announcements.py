from __future__ import annotations

import pytest

from phone_daemon.language.announcements import apart_from_announcements, begins_announcement


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
        "You're being transferred.",
        "To get a call back, press two.",
        "Our operators are currently helping other people.",
        "Nobody is available to take your call.",
        "You are third in the queue.",
        "While you wait, have a look at our website. We will be with you as soon as we can.",
    ],
)
def test_a_recording_is_told_from_people(text: str) -> None:
    assert text
    assert not apart_from_announcements(text)


@pytest.mark.parametrize(
    "text",
    ["", "Hold on, please.", "Is it important that I call?", "I am next in the family.", "Thank you for your help.",
     "My wife is waiting to speak to a doctor.", "Should I stay on the line or call back?", "Are calls recorded?",
     "Could you put me on the list of callers?", "What time are you open?",
     "What is the waiting time?", "Sorry to keep you waiting.", "Thank you for calling me back.",
     "You said that the doctor is not available at the moment.", "Is that the number you have?",
     "We called your office and your team was not available.",
     "The first available appointment, please.", "Please hold.", "Our office is on the third floor.", "Press one?",
     "Our team is five people.", "We had to wait for the doctor.", "No one is available on Tuesday.",
     "The expected delivery time was noon.", "Please have your driver ring the bell.",
     "You have reached the wrong person.",
     "Our office is open until five.", "Please call again later.", "Thanks for waiting, I found it.",
     "We are waiting for our parcel.", "I would like to leave a message for the doctor.",
     "Please connect us to an operator."],
)  # fmt: skip
def test_what_callers_say_is_none(text: str) -> None:
    assert not text or apart_from_announcements(text)


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


def test_what_begins_as_one_has_to_become_one() -> None:
    said = "Your driver rang the bell at the neighbors"
    assert begins_announcement(said)
    assert not begins_announcement(f"{said} again")
    assert not begins_announcement("You are wrong") and not begins_announcement("Your letter, I have it here")


def test_a_word_that_is_being_said_may_be_half_a_word() -> None:
    assert begins_announcement("Your call is now first in line. I'm will", over=False)
    assert not begins_announcement("I'm in a hurry. Your call is now first in line.", over=False)
    assert begins_announcement("We are experiencing a high number of calls, right?", over=False)
    assert begins_announcement("You are wrong", over=False)
    assert not begins_announcement("You are wrong there", over=False)


@pytest.mark.parametrize("text", ["Your", "You want", "Hold on please"])
def test_one_word_of_an_announcement_is_not_enough(text: str) -> None:
    assert not begins_announcement(text, over=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Tuesday at ten. All our agents are busy.", "Tuesday at ten."),
        ("Your call is important to us. Hello, I am back.", "Hello, I am back."),
        ("Did you know that we bake cakes? Thank you for holding. Try our app.", ""),
        ("Tuesday at ten.", "Tuesday at ten."),
    ],
)
def test_what_the_caller_said_before_and_after_one_is_left(text: str, said: str) -> None:
    assert apart_from_announcements(text) == said
