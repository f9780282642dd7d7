"""Words that a recognizer wrote as others that sound the same."""

import pytest

from phone_daemon.agent.script.misheard import Misheard
from phone_daemon.agent.script.reading import Reader
from phone_daemon.agent.script.scoring import LEAST
from phone_daemon.agent.script.state import State
from phone_daemon.language.words import words
from tests.agent.transcript import shipped

MEND = Misheard(["i want to book an appointment", "cancel it", "leave a message", "speak to a human {day}"])


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("i want a pointment", "i want appointment"),
        ("can sell it", "cancel it"),
        ("speak to a hue man", "speak to a human"),
        ("a massage", "a massage"),
        ("book it", "book it"),
        ("can it sell", "can it sell"),
        ("", ""),
    ],
)
def test_several_words_that_sound_like_one_of_the_dialplan_are_read_as_it(heard: str, meant: str) -> None:
    assert MEND(heard.split()) == meant.split()


def test_one_word_is_read_as_another_only_when_asked_to() -> None:
    assert MEND(["a", "massage"], alone=True) == ["a", "message"]
    assert MEND(["a", "passage"], alone=True) == ["a", "passage"]


@pytest.mark.parametrize(
    ("name", "heard", "intent"),
    [
        ("dental_clinic", "May I leave a massage?", "message"),
        ("dental_clinic", "I'd like to can sell my appointment.", "cancel"),
        ("parcel_line", "Can I talk to a hue man?", "person"),
        ("parcel_line", "My par cell hasn't a rived.", "track"),
    ],
)
def test_a_misspelled_request_is_understood(name: str, heard: str, intent: str) -> None:
    best = Reader(shipped(name).script).read(words(heard), State()).best
    assert (best.intent, best.score >= LEAST) == (intent, True)
