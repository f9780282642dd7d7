"""The text that the tiny model is trained on."""

from __future__ import annotations

import re
import tomllib
from itertools import islice

import pytest

from sidecars.parakeet.corpus import ROOT, Corpus, plain


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    return list(islice(Corpus(1), 5_000))


def test_a_seed_gives_the_same_sentences_and_another_others() -> None:
    first, same, other = (list(islice(Corpus(seed), 50)) for seed in (3, 3, 4))
    assert first == same
    assert first != other


def test_sentences_are_lower_case_words_and_apostrophes(sentences: list[str]) -> None:
    assert all(re.fullmatch(r"[a-z']+( [a-z']+)*", sentence) for sentence in sentences)


def test_every_word_of_the_recorded_callers_comes_up_and_every_slot_is_filled(sentences: list[str]) -> None:
    said = {word for sentence in sentences for word in sentence.split()}
    for path in (ROOT / "fixtures" / "calls").glob("*/call.toml"):
        for cue in tomllib.loads(path.read_text(encoding="utf-8")).get("cue", []):
            assert set(plain(cue.get("words", "")).split()) <= said
    assert {"monday", "december", "eleven", "o'clock", "zero", "oh", "double", "twentieth", "neighbor", "q"} <= said


def test_sentences_are_of_a_length_that_a_caller_says_in_one_breath(sentences: list[str]) -> None:
    lengths = [len(sentence.split()) for sentence in sentences]
    assert max(lengths) < 40
    assert 4 < sum(lengths) / len(lengths) < 7


def test_part_of_it_makes_no_sense_and_uses_every_word(sentences: list[str]) -> None:
    corpus = Corpus(2)
    shuffled = [corpus.shuffled() for _ in range(3_000)]
    assert {word for sentence in shuffled for word in sentence.split()} >= set(corpus.vocabulary)
    assert len(set(shuffled)) > 2_800
    assert len(set(shuffled) & set(sentences)) < 100


@pytest.mark.parametrize(
    ("pattern", "possible"),
    [
        ("when are you open", {"when are you open"}),
        ("(a|b c) d", {"a d", "b c d"}),
        ("[please] stop", {"stop", "please stop"}),
        ("i [(a|b)|c] z", {"i z", "i a z", "i b z", "i c z"}),
        ("(x|)", {"x", ""}),
    ],
)
def test_a_pattern_gives_each_of_its_sentences_at_times(pattern: str, possible: set[str]) -> None:
    corpus = Corpus(1)
    assert {corpus.say(pattern) for _ in range(200)} == possible


def test_plain_text_is_as_the_model_writes() -> None:
    assert plain("Zero four, please:\nI'd say - OK!") == "zero four please i'd say ok"
