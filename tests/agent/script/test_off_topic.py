"""What callers want of somebody else is told by the thing that they talk about."""

import pytest

from phone_daemon.agent.script.off_topic import OffTopic
from phone_daemon.agent.script.reading import Reader
from phone_daemon.agent.script.scoring import LEAST
from phone_daemon.agent.script.state import State
from phone_daemon.language.words import words
from tests.agent.transcript import play, shipped

BARBER = OffTopic({"book": ("i want a haircut", "book an appointment"), "hours": ("when do you open",)})


@pytest.mark.parametrize(
    ("said", "off_topic"),
    [
        ("i want to change my gas supplier", True),
        ("is the train late", True),
        ("do you insure a washing machine", True),
        ("i want a haircut before my train leaves", False),
        ("i was on the train when you called", False),
        ("i'm calling from my kitchen", False),
        ("do you do beards", False),
        ("", False),
    ],
)
def test_a_topic_that_is_never_mentioned_is_off_topic(said: str, off_topic: bool) -> None:
    assert BARBER(said.split()) is off_topic


def test_the_same_thing_is_at_home_where_it_is_mentioned() -> None:
    assert not OffTopic({"late": ("is my bus late",)})(["is", "the", "train", "late"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dental_clinic", "Please cancel my broadband contract."),
        ("dental_clinic", "I'd like to book a minicab."),
        ("dental_clinic", "When does the match start?"),
        ("parcel_line", "I want to order a kebab."),
    ],
)
async def test_nothing_is_done_for_who_has_the_wrong_number(name: str, said: str) -> None:
    plan = shipped(name)
    assert Reader(plan.script).read(words(said), State()).best.score < LEAST
    assert (await play(plan, f"caller: {said}"))[1] == "means: unclear"


async def test_a_goodbye_is_not_guessed() -> None:
    for said in ("How are you keeping, all right?", "How are you getting on these days?"):
        assert "does: hang_up" not in await play(shipped("dental_clinic"), f"caller: {said}")


async def test_a_goodbye_is_taken_sooner_once_it_was_asked_for() -> None:
    asked = "caller: When are you open?\ncaller: No, nothing else springs to mind."
    assert (await play(shipped("dental_clinic"), asked))[-1] == "does: hang_up"
