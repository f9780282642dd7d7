"""Words by the phonemes that they became."""

from __future__ import annotations

from sidecars.engines.word_marks import starts, word_marks


def phonemes(text: str) -> list[tuple[int, str]]:
    """Each character is a phoneme of ten samples."""
    return [(10 * n, char) for n, char in enumerate(text)]


def test_a_word_begins_with_its_first_sound_after_a_space() -> None:
    assert starts(phonemes("^həlˈoʊ, ðˈɛɹ.$")) == [10, 90]
    assert starts(phonemes(" . ")) == []


def test_words_are_marked_where_both_count_the_same() -> None:
    assert word_marks("Hello, there.", phonemes("həlˈoʊ, ðˈɛɹ.")) == [(0, 0, 6), (80, 7, 13)]
    assert word_marks("- Hello", phonemes("həlˈoʊ")) == [(0, 2, 7)], "a dash has no sound"


def test_a_word_at_a_wrong_place_is_worse_than_none() -> None:
    assert word_marks("I am fine.", phonemes("aɪɐm fˈaɪn.")) == []
    assert word_marks("10:30", phonemes("tˈɛn θˈɜːɾi")) == []
