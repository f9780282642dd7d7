"""What somebody does with a thing, whatever the thing is."""

import pytest

from phone_daemon.language.acts import ABSENT, CHANGE, DROP, FAULT, WHEN, find_acts, wanted_part
from phone_daemon.language.words import words


def acts(said: str) -> set[str]:
    return {each.value for each in find_acts(words(said))}


@pytest.mark.parametrize(
    ("said", "act"),
    [
        ("I've got a lesson on Friday but I don't need it.", DROP),
        ("We no longer want the room.", DROP),
        ("Please call the whole thing off.", DROP),
        ("I'd rather not go after all.", DROP),
        ("Forget about the second ticket.", DROP),
        ("Take our names off the list.", DROP),
        ("You can give my seat to somebody else.", DROP),
        ("I'll have to give up our seats.", DROP),
        ("Please let go of my room.", DROP),
        ("I can't make it on Monday.", ABSENT),
        ("I'm going to miss the lesson.", ABSENT),
        ("We have to miss it this week.", ABSENT),
        ("I can't get the day off.", ABSENT),
        ("I'm supposed to play on Friday, but I've hurt my knee.", ABSENT),
        ("We won't be coming.", ABSENT),
        ("I'm not able to attend.", ABSENT),
        ("Could we put the lesson off a bit?", CHANGE),
        ("Friday instead of Monday, please.", CHANGE),
        ("Have you got another slot?", CHANGE),
        ("Please bump me to Friday.", CHANGE),
        ("Could you slide my lesson to four o'clock?", CHANGE),
        ("I can't come then, could I have a later one?", CHANGE),
        ("Until when do you serve lunch?", WHEN),
        ("How late may we come?", WHEN),
        ("I'd like to know whether your shop is open.", WHEN),
        ("The lid is cracked.", FAULT),
        ("My phone doesn't work.", FAULT),
    ],
)
def test_the_verb_and_its_denial_tell_what_is_done(said: str, act: str) -> None:
    assert acts(said) == {act}


@pytest.mark.parametrize(
    "said",
    [
        "I need a lesson on Friday.",
        "I want the room.",
        "We can make it on Monday.",
        "It has not come yet.",
        "I don't want to wait.",
        "I don't need anything else.",
        "We've moved to the country.",
        "I don't want to talk to a machine.",
        "I'm supposed to have a lesson every week.",
        "I miss you.",
    ],
)
def test_what_is_wanted_is_not_given_up(said: str) -> None:
    assert acts(said) == set()


def test_an_act_says_which_words_it_stands_in() -> None:
    (found,) = find_acts(words("um i no longer need the room"))
    assert (found.start, found.end) == (2, 5)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("I don't want to book, I want to cancel.", "i want to cancel"),
        ("No, I'm not calling to cancel, I'd like another ticket.", "i'd like another ticket"),
        ("I don't need a room, I only want to know what it costs.", "i only want to know what it costs"),
        ("I don't want to buy, can you tell me the price?", "can you tell me the price"),
        ("I've got a ticket but I don't need it.", "i've got a ticket but i don't need it"),
        ("I want a ticket, I don't want to miss it.", "i want a ticket i don't want to miss it"),
        ("I don't want it.", "i don't want it"),
        ("", ""),
    ],
)
def test_what_is_only_denied_is_left_out(said: str, wanted: str) -> None:
    assert " ".join(wanted_part(words(said))) == wanted


def test_who_cannot_hear_is_not_absent() -> None:
    assert find_acts(words("I couldn't hear you, there was a noise.")) == ()
