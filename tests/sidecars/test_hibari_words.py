"""Phonemes are mapped to their words, however hibari's front end has read them."""

from __future__ import annotations

import json

import pytest

from sidecars.engines.hibari import _folder
from sidecars.engines.hibari_words import Reader, plain


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(json.loads((_folder() / "vocab.json").read_text()))


def parts(reader: Reader, text: str, **pronounce: str) -> dict[str, str]:
    """Each word that has a sound, and the phonemes from it to the next."""
    said = reader.read(text, pronounce)
    ends = [*(first for first, _, _ in said.words[1:]), len(said.phonemes)]
    return {
        text[start:end]: said.phonemes[first:until].strip()
        for (first, start, end), until in zip(said.words, ends, strict=True)
    }


def test_each_word_has_its_phonemes_and_its_stress(reader: Reader) -> None:
    assert parts(reader, "Hello there, open.") == {"Hello": "həlˈO", "there,": "ðˈɛɹ,", "open.": "ˈOpᵊn."}


def test_what_is_written_in_figures_keeps_its_place(reader: Reader) -> None:
    found = parts(reader, "At 10:30 the 2nd costs $5.50 or more")
    assert list(found) == ["At", "10:30", "the", "2nd", "costs", "$5.50", "or", "more"]
    assert found["10:30"] == parts(reader, "ten")["ten"] + " " + parts(reader, "thirty")["thirty"]
    assert found["more"] == parts(reader, "more")["more"]


def test_words_without_a_sound_are_counted_and_left_out(reader: Reader) -> None:
    said = reader.read("ok 日本語 — word", {})
    assert [said for _, *said in said.words] == [[0, 2], [9, 13]]
    assert said.silent == 1
    assert "  " not in said.phonemes


def test_a_pronunciation_is_for_the_whole_word_with_whatever_stands_at_it(reader: Reader) -> None:
    for text in ("(Siobhan), hello", "Siobhan's hello", "Siobhan hello"):
        assert "ʃɪvˈɔn" in next(iter(parts(reader, text, Siobhan="ʃɪvˈɔn").values()))
    assert "ʃɪvˈɔn" not in "".join(parts(reader, "Siobhanne", Siobhan="ʃɪvˈɔn").values())


def test_a_pronunciation_holds_at_the_beginning_of_a_sentence_but_not_for_another_word(reader: Reader) -> None:
    assert parts(reader, "Gif", gif="ʤˈɪf") == {"Gif": "ʤˈɪf"}
    assert parts(reader, "polish", Polish="pˈOlɪʃ")["polish"].startswith("pˈɑ")


def test_a_text_is_plain_to_the_character() -> None:
    text = "Hello 😀 [x](/y/) " + "a" * 100 + " there"
    left, lost = plain(text)
    assert len(left) == len(text)
    assert left.split() == ["Hello", "x", "(/y/)", "a" * 40, "there"]
    assert lost == 2


def test_figures_without_end_are_spelled(reader: Reader) -> None:
    found = parts(reader, f"Call {'1' * 40} now")
    assert next(iter(found)) == "Call"
    assert list(found)[2] == "now"
