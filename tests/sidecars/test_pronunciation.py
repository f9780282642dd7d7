"""How words are pronounced."""

from __future__ import annotations

from pathlib import Path

import pytest
from pocketsphinx import get_model_path

from sidecars.engines.pronunciation import Pronunciations, tokens


@pytest.fixture(scope="module")
def pronunciations():
    return Pronunciations(Path(get_model_path("en-us/cmudict-en-us.dict")), {"Tomato": "T AH M AA T OW"})


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("What time do you close?", ["what", "time", "do", "you", "close"]),
        ("I'd like a check-up, please!", ["i'd", "like", "a", "check", "up", "please"]),
        ("the patients\u2019 \u2018room\u2019", ["the", "patients", "room"]),
        ("  ", []),
    ],
)
def test_phrases_are_cut_into_words_as_the_dictionary_spells_them(phrase, words):
    assert tokens(phrase) == words


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("hello", ["HH AH L OW", "HH EH L OW"]),  # both of the dictionary's
        ("tomato", ["T AH M AA T OW"]),  # as told, instead of the dictionary's
        ("jukebox's", ["JH UW K B AA K S IH Z"]),  # possessives
        ("receptionist's", ["R IH S EH P SH AH N IH S T S", "R IY S EH P SH AH N IH S T S"]),
        ("callback", ["K AO L B AE K"]),  # compounds
        ("xyzzyq", []),
        ("a", ["AH", "EY"]),
    ],
)
def test_a_word_is_looked_up_or_made_of_its_parts_or_unknown(pronunciations, word, phones):
    assert pronunciations.of(word) == phones
