"""People's IPA is converted to the symbols that the voices know, or refused."""

from __future__ import annotations

import pytest

from sidecars.phonemes import read_phonemes


@pytest.mark.parametrize(
    ("ipa", "read"),
    [
        ("ʃɪvˈɔːn", "ʃɪvˈɔn"),
        ("ʃɪˈvɔːn", "ʃɪvˈɔn"),
        ("ˈnɪəv", "nˈɪəv"),
        ("keɪˈt͡ʃiːnoʊ", "kAʧˈinO"),
        ("dʒɔɪs", "ʤYs"),
        ("ˌælɪɡˈzændrə", "ˌælɪɡzˈændɹə"),
        ("hˈɪbəɹi", "hˈɪbəɹi"),
        ("ˈɜːnɪst", "ˈɜɹnɪst"),
        ("ˈbɑː.bə.rə", "bˈɑbəɹə"),
    ],
)
def test_both_ways_of_writing_are_read(ipa: str, read: str) -> None:
    assert read_phonemes(ipa) == read
    assert read_phonemes(read) == read


@pytest.mark.parametrize(
    ("ipa", "wrong"),
    [
        ("", "no vowel"),
        ("ʃʃ", "no vowel"),
        ("ʃɪván", '"á" is not an English phoneme'),
        ("ʃɪv ɔːn", '" " is not an English phoneme'),
        ("ʃɪvɔːnˈ", 'the stress mark "ˈ"'),
        ("ʃɪv)ɔːn", r'"\)" is not an English phoneme'),
    ],
)
def test_what_is_no_word_is_refused_with_the_reason(ipa: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        read_phonemes(ipa)
