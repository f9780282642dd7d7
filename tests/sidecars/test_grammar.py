"""What the recogniser expects in one dialplan."""

from __future__ import annotations

from pathlib import Path

import pytest
from pocketsphinx import get_model_path

from sidecars.engines.grammar import GENERAL_WORDS, General, build
from sidecars.engines.pronunciation import Pronunciations


@pytest.fixture(scope="module")
def general():
    return General(Pronunciations(Path(get_model_path("en-us/cmudict-en-us.dict")), {}))


def words(grammar):
    return [line.split()[0] for line in grammar.dictionary.read_text().splitlines()]


def test_the_dictionary_has_the_phrases_words_and_the_commonest_of_general_english_and_no_others(general, tmp_path):
    grammar = build("clinic", {"": ["book an orthodontist"]}, 0.9, general, tmp_path / "0")
    spelled = {word.partition("(")[0] for word in words(grammar)}
    assert {"book", "orthodontist", "the", "yes"} <= spelled
    assert "aardvark" not in spelled
    assert len(spelled) <= GENERAL_WORDS + 3


def test_every_pronunciation_of_a_word_is_there(general, tmp_path):
    assert {"either", "either(2)"} <= set(words(build("x", {"": ["either"]}, 0.9, general, tmp_path / "0")))


def test_a_phrase_keeps_its_other_words_when_one_cannot_be_pronounced(general, tmp_path, caplog):
    grammar = build("clinic", {"": ["doctor Xyzzyq", "xyzzyq"]}, 0.9, general, tmp_path / "0")
    assert "doctor" in words(grammar)
    assert "xyzzyq" not in words(grammar)
    assert [record.args for record in caplog.records] == [
        ("clinic", "xyzzyq", "doctor Xyzzyq"),
        ("clinic", "xyzzyq", "xyzzyq"),
    ]
