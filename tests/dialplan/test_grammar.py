"""Phrases in shorthand."""

import pytest

from phone_daemon.dialplan.grammar import MAX_SENTENCES, BadPhrase, expand, slots_of


@pytest.mark.parametrize(
    ("phrase", "sentences"),
    [
        ("Hello there", ("hello there",)),
        ("hello [there]", ("hello", "hello there")),
        ("(book|make) it", ("book it", "make it")),
        ("[may i] (book|make) it", ("book it", "make it", "may i book it", "may i make it")),
        ("a (b [c]|) d", ("a b d", "a b c d", "a d")),
        ("[a|b]", ("a", "b")),
        ("on {day} [at {time}]", ("on {day}", "on {day} at {time}")),
        ("twice (a|a)", ("twice a",)),
    ],
)
def test_a_phrase_stands_for_its_sentences(phrase: str, sentences: tuple[str, ...]) -> None:
    assert expand(phrase) == sentences


@pytest.mark.parametrize(
    ("phrase", "what"),
    [
        ("(a", '"(" is never closed; write ")"'),
        ("[a (b]", '"(" is never closed; write ")"'),
        ("a]", '"]" closes nothing; take it out or open it first'),
        ("[a)", '"[" is never closed; write "]"'),
        ("a|b", '"|" stands outside brackets; write (one|other)'),
        ("[]", "has no words; write what a caller would say"),
        ("?!", "has no words; write what a caller would say"),
        ("(a|b|c)" * 7, f"stands for more than {MAX_SENTENCES} sentences; split it"),
    ],
)
def test_a_phrase_that_is_not_well_formed_says_how_to_mend_it(phrase: str, what: str) -> None:
    with pytest.raises(BadPhrase) as caught:
        expand(phrase)
    assert str(caught.value) == what


def test_a_phrase_that_would_stand_for_millions_is_refused_without_writing_them_down() -> None:
    with pytest.raises(BadPhrase):
        expand("(a|b|c|d|e|f|g|h|i|j)" * 40)


def test_the_slots_of_a_phrase_are_named() -> None:
    assert slots_of("[on {day}] at {time}") == ("day", "time")
