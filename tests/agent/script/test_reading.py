"""What a caller's words may mean, with the shipped dialplans."""

import pytest

from phone_daemon.agent.script.reading import Reader
from phone_daemon.agent.script.scoring import LEAST
from phone_daemon.agent.script.state import State
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.language.words import words


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(next(iter(Dialplans.load([SHIPPED / "dental_clinic.toml"]))).script)


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("Thanks, have a great day, bye.", "goodbye"),
        ("Great, see you soon.", "goodbye"),
        ("Hang on a second, let me check my diary.", "wait"),
        ("Sorry, could you say that again?", "repeat"),
    ],
)
def test_what_is_said_by_the_way_is_said_in_few_words(reader: Reader, said: str, intent: str) -> None:
    best = reader.read(words(said), State()).best
    assert (best.intent, best.score >= LEAST) == (intent, True)


def test_a_long_sentence_takes_no_leave(reader: Reader) -> None:
    said = words("Could you have a look and see where my package has ended up?")
    assert reader.read(said, State()).score("goodbye") < LEAST
