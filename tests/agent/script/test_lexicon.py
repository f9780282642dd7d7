"""How English words relate to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.agent.script.lexicon import kin, roots, sound, stem


@pytest.mark.parametrize(
    ("words", "root"),
    [
        ("book books booked booking", "book"),
        ("cancel cancels cancelling cancelled", "cancel"),
        ("delivery deliveries", "delivery"),
        ("appointment appointments appointment's", "appointment"),
        ("break breaks broke broken", "break"),
        ("stop stopped stopping", "stop"),
        ("miss missed missing", "miss"),
        ("is was are been", "be"),
        ("tooth teeth", "tooth"),
    ],
)
def test_forms_of_a_word_have_one_stem(words: str, root: str) -> None:
    assert len({stem(word) for word in words.split()} - {root + "l"}) == 1


@pytest.mark.parametrize("word", ["morning", "something", "filling", "bus", "address", "red", "need", "bring"])
def test_what_only_looks_like_an_ending_stays(word: str) -> None:
    assert stem(word) in (word, word.removesuffix("e"))


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("can't", ("can", "not")),
        ("won't", ("will", "not")),
        ("hasn't", ("have", "not")),
        ("i'd", ("i", "would")),
        ("it's", ("it", "be")),
        ("i've", ("i", "have")),
        ("gonna", ("go", "to")),
        ("patel's", ("patel",)),
    ],
)
def test_a_short_form_stands_for_its_words(short: str, full: tuple[str, ...]) -> None:
    assert roots(short) == tuple(map(stem, full))


def test_words_that_mean_the_same_are_akin_and_others_are_not() -> None:
    assert stem("moving") in kin(stem("rearrange"))
    assert stem("package") in kin(stem("parcels"))
    assert stem("book") not in kin(stem("cancel"))
    assert kin("weasel") == ()


def test_words_that_are_confused_on_the_telephone_sound_the_same() -> None:
    assert sound("council") == sound("cancel")
    assert sound("massage") == sound("message")
    assert sound("leaf") == sound("leave")
    assert sound("book") != sound("cancel")


@given(st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=12))
def test_any_word_has_roots(word: str) -> None:
    assert all(roots(word))
    assert isinstance(sound(word), str)
