from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.text.speakable import speakable
from phone_daemon.text.spoken import Saying, Spoken, align


def places(written: str, spoken: Spoken) -> dict[str, str]:
    """The spoken form of each written word."""
    ends = [word.at for word in spoken.words[1:]] + [len(spoken.text)]
    return {
        written[word.start : word.end]: spoken.text[word.at : end].strip()
        for word, end in zip(spoken.words, ends, strict=True)
    }


def aligned(written: str, sayings: Iterable[Saying]) -> Spoken:
    return align(written, written, sayings)


def test_a_word_said_as_it_stands_is_found_where_it_stands() -> None:
    assert places("Hello  there,\nyou!", aligned("Hello  there,\nyou!", ())) == {
        "Hello": "Hello", "there,": "there,", "you!": "you!",
    }  # fmt: skip


def test_other_words_are_shared_out_among_those_they_stand_for() -> None:
    written = "On 5 March 2026, at 10:30, call (020) 7946 0018 or pay £4.50."
    assert places(written, speakable(written)) == {
        "On": "On",
        "5": "the fifth",
        "March": "of March",
        "2026,": "twenty twenty-six,",
        "at": "at",
        "10:30,": "ten thirty,",
        "call": "call",
        "(020)": "zero two zero,",
        "7946": "seven nine four six,",
        "0018": "zero zero one eight",
        "or": "or",
        "pay": "pay",
        "£4.50.": "four pounds fifty.",
    }


def test_what_has_no_sound_is_no_word() -> None:
    written = "## Hours 😀 — see [us](https://x.org/a) now & **then** ..."
    assert places(written, speakable(written)) == {
        "Hours": "Hours —",
        "see": "see",
        "[us](https://x.org/a)": "us",
        "now": "now",
        "&": "and",
        "**then**": "then...",
    }


def test_signs_of_a_language_without_spaces_are_words() -> None:
    assert [word.at for word in aligned("はい。OK です", ()).words] == [0, 1, 3, 6, 7]


def test_white_space_is_narrowed_and_none_is_left_before_a_stop() -> None:
    assert aligned(" a \n b  . c", ()).text == "a b. c"
    assert aligned("a5b", [Saying(1, 2, "five")]).text == "a five b"


TEXTS = st.one_of(
    st.text(),
    st.text("0123456789.,:-/£$%&# abc@\n*_", max_size=60),
    st.lists(
        st.sampled_from(
            [
                "£4.50",
                "5 March 2026",
                "a@b.org",
                "10:30",
                "call",
                "**(020) 7946 0018**",
                "😀",
                "[x](http://y.z)",
                "9-5 ,",
            ]
        )
    ).map(" ".join),
)


@given(TEXTS)
def test_every_word_is_found_in_order_and_leads_back_to_itself(written: str) -> None:
    spoken = speakable(written)
    words = spoken.words
    assert [word.at for word in words] == sorted({word.at for word in words})
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert all(not any(char.isspace() for char in written[word.start : word.end]) for word in words)
    assert bool(words) == any(char.isalnum() or char in "$€£%&@+=#*" for char in spoken.text)
    for word in words:
        assert spoken.word_at(word.at) == word
        assert all(spoken.at(place) == word.at for place in range(word.start, word.end))
    assert spoken.at(len(written)) is None


def test_nothing_said_is_nowhere() -> None:
    assert (speakable("...").words, speakable("").word_at(0), speakable("").at(0)) == ((), None, None)
