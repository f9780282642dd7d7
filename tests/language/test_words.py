"""Written text as the words that are said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.language.days import ORDINALS, find_days
from phone_daemon.language.numbers import runs
from phone_daemon.language.times import find_times
from phone_daemon.language.words import cardinal, ordinal, words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I'd like to come in on Tuesday at 10:30.", "i'd like to come in on tuesday at ten thirty"),
        ("It’s ten o'clock.", "it's ten o'clock"),
        ("It's 10 o'clock", "it's ten o'clock"),
        ("at ten o clock", "at ten o'clock"),
        ("at 10:30 a.m.", "at ten thirty am"),
        ("At 10.30, please.", "at ten thirty please"),
        ("at 10:00", "at ten o'clock"),
        ("9:05 PM", "nine oh five pm"),
        ("15:00 or 0:30", "fifteen o'clock or twelve thirty am"),
        ("at 3pm", "at three pm"),
        ("ten p m", "ten pm"),
        ("0471-3592", "zero four seven one three five nine two"),
        ("It's 4, 8, 2, 9.", "it's four eight two nine"),
        ("48,291,357", "four eight two nine one three five seven"),
        ("double 3, 06", "double three zero six"),
        ("20 5", "two zero five"),
        ("471", "four seven one"),
        ("1030", "ten thirty"),
        ("Dr. Smith at St. Mary's", "doctor smith at saint mary's"),
        ("No. 5", "number five"),
        ("No. I can't.", "no i can't"),
        ("A check-up, twenty-five", "a check up twenty five"),
        ("the 3rd of May", "the third of may"),
        ("May 21st", "may twenty first"),
        ("$20", "twenty dollars"),
        ("£1,200.50", "one thousand two hundred pounds fifty"),
        ("3.5 & 15%", "three point five and fifteen percent"),
        ("O.K., alright. Mm-hmm!", "okay all right mhm"),
        ("Good bye, good-bye.", "goodbye goodbye"),
        ("Café", "cafe"),
        ("on {day2}", "on {day2}"),
        ("'quoted'", "quoted"),
        ("  ", ""),
        ("♪ ...", ""),
    ],
)
def test_words_are_what_was_said_whatever_was_written(text: str, said: str) -> None:
    assert words(text) == said.split()


def test_words_that_are_words_already_stay_as_they_are() -> None:
    said = "i'd like an appointment on {day} at ten o'clock twenty five oh nine double two"
    assert " ".join(words(said)) == said


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(["{}:{:02d}", "{:02d}:{:02d}"]))
def test_a_time_in_figures_is_the_time_that_it_says(hour: int, minute: int, form: str) -> None:
    early = 1 <= hour <= 6  # On a telephone a bare "4:30" is the afternoon.
    value = f"{hour + 12 if early else hour:02d}:{minute:02d}"
    assert [found.value for found in find_times(words(form.format(hour, minute)))] == [value]


@given(st.integers(1, 31))
def test_a_date_in_figures_is_the_day_that_it_says(day: int) -> None:
    assert words(f"{day}th") == ORDINALS[day].split()
    assert [found.value for found in find_days(words(f"May {day}th"))] == [f"{day} may"]


@given(
    st.lists(st.from_regex(r"[0-9]{1,5}", fullmatch=True), min_size=1, max_size=5), st.sampled_from([" ", "-", ", "])
)
def test_digits_in_figures_are_the_same_digits_however_they_are_grouped(groups: list[str], between: str) -> None:
    assert [run.digits for run in runs(words(between.join(groups)))] == ["".join(groups)]


@pytest.mark.parametrize(
    ("number", "said", "place"),
    [
        (0, "zero", "zeroth"),
        (12, "twelve", "twelfth"),
        (20, "twenty", "twentieth"),
        (21, "twenty one", "twenty first"),
        (305, "three hundred five", "three hundred fifth"),
        (12_040, "twelve thousand forty", "twelve thousand fortieth"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine", ""),
    ],
)
def test_numbers(number: int, said: str, place: str) -> None:
    assert cardinal(number) == said
    assert not place or ordinal(number) == place


@given(st.text(max_size=60))
def test_any_text_gives_plain_words(text: str) -> None:
    for word in words(text):
        assert word.strip("'") == word
        assert word.isascii() and word == word.lower()
