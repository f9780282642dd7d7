"""Scores of what callers say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.agent.script.scoring import LEAST, SURE, Matcher, likeness

MATCHER = Matcher(
    {
        "book": ["book an appointment", "i'd like to book an appointment", "an appointment for {day}"],
        "cancel": ["cancel my appointment", "i need to cancel"],
        "hours": ["what are your opening hours", "when are you open"],
        "number": ["{number}"],
    }
)


def best(sentence: str) -> tuple[str, float]:
    ranked = MATCHER.rank(sentence.split())
    return (ranked[0].intent, ranked[0].score) if ranked else ("", 0.0)


def test_a_sentence_as_it_stands_scores_one() -> None:
    assert best("cancel my appointment") == ("cancel", 1.0)
    assert best("when are you open") == ("hours", 1.0)


def test_politeness_costs_nothing_and_other_words_cost_little() -> None:
    assert best("um please cancel my appointment thanks") == ("cancel", 1.0)
    intent, score = best("i need to cancel because my car broke down this morning")
    assert intent == "cancel"
    assert SURE * 0.8 < score < 1.0


def test_a_rare_word_decides_over_common_ones() -> None:
    assert best("appointment cancel")[0] == "cancel"
    assert best("my book appointment")[0] == "book"


def test_a_word_that_sounds_close_counts_for_part() -> None:
    exact, close, other = (best(f"{said} my appointment")[1] for said in ("cancel", "council", "fly"))
    assert exact > close > other
    assert close >= LEAST


def test_words_of_no_sentence_score_nothing() -> None:
    assert MATCHER.rank(["seven", "green", "bottles"]) == []
    assert MATCHER.rank([]) == []


def test_a_slot_counts_only_when_its_value_was_said() -> None:
    assert MATCHER.rank(["nine", "two"], {"number": [0, 1]})[0].intent == "number"
    assert MATCHER.rank(["nine", "two"]) == []


def test_short_words_are_alike_or_not() -> None:
    assert likeness("two", "too") == 0.0
    assert likeness("hours", "ours") > 0.6
    assert likeness("hours", "hours") == 1.0


VOCABULARY = ["book", "took", "an", "appointment", "cancel", "my", "hours", "when", "open", "uh", "please", "xyz"]


@given(st.lists(st.sampled_from(VOCABULARY), max_size=12))
def test_scores_lie_between_nothing_and_one_best_first(words: list[str]) -> None:
    scores = [each.score for each in MATCHER.rank(words)]
    assert all(0 < score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(st.permutations(["i'd", "like", "to", "book", "an", "appointment"]))
def test_the_order_of_words_does_not_matter(words: list[str]) -> None:
    assert MATCHER.rank(words)[0].intent == "book"
    assert MATCHER.rank(words)[0].score == 1.0


WORDED = Matcher(
    {
        "book": ["book an appointment", "i'd like to come in for a check up"],
        "cancel": ["cancel my appointment", "i can't come"],
        "pain": ["i have a tooth ache", "my tooth hurts"],
        "late": ["my parcel has not arrived"],
        "hello": ["hello there"],
    }
)


@pytest.mark.parametrize(
    ("sentence", "intent"),
    [
        ("i was hoping to schedule an appointment", "book"),
        ("could i come in for a checkup", "book"),
        ("could you squeeze me in for an appointment", "book"),
        ("i've got to call off thursday's appointment", "cancel"),
        ("can you take me off for friday", "cancel"),
        ("i've got the most awful toothache", "pain"),
        ("my package still hasn't turned up", "late"),
        ("hi there i was wondering if i could make an appointment sometime next week", "book"),
    ],
)
def test_other_words_for_the_same_are_understood(sentence: str, intent: str) -> None:
    assert WORDED.rank(sentence.split())[0].intent == intent


def test_a_word_of_many_requests_alone_is_none_of_them() -> None:
    assert all(score.score < LEAST for score in WORDED.rank(["my", "appointment"]))


def test_a_not_is_heard() -> None:
    assert WORDED.rank(["i", "cannot", "come", "on", "friday"])[0].intent == "cancel"
    assert WORDED.rank(["i", "would", "like", "to", "come", "in", "on", "friday"])[0].intent == "book"
