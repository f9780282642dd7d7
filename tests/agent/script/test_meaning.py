"""What callers mean in words that no dialplan has."""

from collections.abc import Iterator

import pytest

from phone_daemon.agent.script import reading
from phone_daemon.agent.script.meaning import Meaning
from phone_daemon.agent.script.reading import Reader
from phone_daemon.agent.script.scoring import LEAST
from phone_daemon.agent.script.state import State
from phone_daemon.agent.script.word_vectors import word_vectors
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplan, Dialplans
from phone_daemon.language.words import words
from tests.agent.transcript import holds, shipped

CLINIC = shipped("dental_clinic")

SENTENCES = {
    "book": ("book a table", "a table {day}"),
    "hours": ("when are you open", "opening hours"),
    "goodbye": ("goodbye", "that is all thank you"),
}


@pytest.fixture(scope="module")
def meaning() -> Meaning:
    vectors = word_vectors()
    assert vectors is not None, "make setup installs them"
    return Meaning(vectors, SENTENCES)


@pytest.fixture(scope="module")
def small() -> Dialplan:
    """A dialplan with hardly any sentences, like one that somebody has just begun."""
    return next(iter(Dialplans.load([SHIPPED / "start" / "reception.toml"])))


def best(meaning: Meaning, said: str) -> tuple[str, float]:
    found = meaning.compare(words(said), {})
    intent = max(found, key=lambda name: found[name])
    return intent, found[intent]


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("We'd like to reserve a spot for dinner.", "book"),
        ("What time do you close tonight?", "hours"),
        ("Okay, thanks, nothing more from me, bye.", "goodbye"),
    ],
)
def test_other_words_of_the_same_meaning_come_nearest(meaning: Meaning, said: str, intent: str) -> None:
    assert best(meaning, said)[0] == intent


def test_a_sentence_of_the_dialplan_is_as_near_as_can_be(meaning: Meaning) -> None:
    assert best(meaning, "Um, when are you open?") == ("hours", 1.0)


def test_what_has_nothing_to_do_with_the_dialplan_is_far_from_all_of_it(meaning: Meaning) -> None:
    assert best(meaning, "My brother grows tomatoes on his balcony.")[1] < 0.4


def test_the_words_of_a_value_are_as_good_as_its_slot(meaning: Meaning) -> None:
    said = words("a table next thursday")
    assert meaning.compare(said, {"day": [2, 3]})["book"] == 1.0 > meaning.compare(said, {})["book"]


def test_a_word_or_two_are_not_compared_by_meaning(meaning: Meaning) -> None:
    assert meaning.compare(words("um, the table, please"), {}) == {}
    assert meaning.compare([], {}) == {}


def test_the_same_words_give_the_same_numbers(meaning: Meaning) -> None:
    vectors = word_vectors()
    assert vectors is not None
    said = words("could you find us somewhere to sit on friday")
    assert meaning.compare(said, {}) == Meaning(vectors, SENTENCES).compare(said, {})


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("I'm suffering terribly with my jaw.", "emergency"),
        ("I'm due with you on Tuesday, only I've come down with the flu.", "cancel"),
        ("How do I use this thing?", "help"),
    ],
)
def test_it_decides_where_the_words_alone_are_too_few(said: str, intent: str) -> None:
    assert Reader(CLINIC.script, "de").read(words(said), State()).best.score < LEAST
    found = Reader(CLINIC.script).read(words(said), State()).best
    assert (found.intent, found.score >= LEAST) == (intent, True)


@pytest.mark.parametrize("said", ["The cat has jumped on the table again.", "What's the weather like in Leeds today?"])
def test_words_that_happen_to_fit_are_no_request_if_their_meaning_does_not(said: str) -> None:
    assert Reader(CLINIC.script, "de").read(words(said), State()).best.score >= LEAST
    assert Reader(CLINIC.script).read(words(said), State()).best.score < LEAST


@pytest.fixture
def no_vectors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without the package."""
    monkeypatch.setattr(reading, "word_vectors", lambda: None)
    reading.meaning.cache_clear()
    yield
    reading.meaning.cache_clear()


def test_without_vectors_words_alone_decide(no_vectors: None) -> None:
    without = Reader(CLINIC.script).read(words("please cancel my appointment on friday"), State())
    assert (without.best.intent, without.agreed) == ("cancel", True)
    assert Reader(CLINIC.script).read(words("I'm suffering terribly with my jaw."), State()).best.score < LEAST


def test_another_language_is_not_compared_by_english_vectors(small: Dialplan) -> None:
    said = words("what time do you close in the evening")
    english, german = (Reader(small.script, language).read(said, State()).ranked for language in ("en-gb", "de"))
    assert english != german


async def test_where_words_and_meaning_speak_for_different_intents_the_caller_is_asked() -> None:
    """Its words are nearest to booking an appointment, its meaning to the opening hours."""
    said = "Is there someone in on Friday afternoons?"
    assert not Reader(CLINIC.script).read(words(said), State()).agreed
    await holds(
        CLINIC,
        f"""
        caller: {said}
        means: unclear
        agent: Sorry, would you like to book an appointment, or to hear our opening hours?
        """,
    )
