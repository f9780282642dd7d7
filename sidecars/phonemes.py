"""Pronunciations in the International Phonetic Alphabet, converted to the phonemes of the English voices.

Those are Kokoro's (`misaki`): diphthongs and affricates are single letters, such as "A" as in "day", and the stress
mark stands before a vowel. Both notations are accepted, with or without length marks, American or British.
"""

from __future__ import annotations

import re

_VOWELS = "AIOQWYaæɑɒɔəɛɜɪiʊuʌɐᵊᵻ"
_CONSONANTS = "bdfhjklmnpstvwzðŋɡɹTʃʒʤʧθ"
_SPELLED = {
    "t͡ʃ": "ʧ", "tʃ": "ʧ", "d͡ʒ": "ʤ", "dʒ": "ʤ",
    "eɪ": "A", "aɪ": "I", "oʊ": "O", "əʊ": "O", "aʊ": "W", "ɔɪ": "Y",
    "ɜː": "ɜɹ", "ɝ": "ɜɹ", "ɚ": "əɹ", "eə": "ɛɹ", "ɒ": "ɑ", "Q": "O", "e": "ɛ", "a": "æ",
    "g": "ɡ", "r": "ɹ", "ɾ": "T", "ʔ": "t", "ɫ": "l", "'": "ˈ", "ː": "", ".": "", "‿": "",
}  # fmt: skip
"""Notations, and the phonemes that they stand for."""
_SPELLING = re.compile("|".join(sorted(map(re.escape, _SPELLED), key=len, reverse=True)))
_STRESS = "ˈˌ"
_EARLY_STRESS = re.compile(rf"([{_STRESS}])([{_CONSONANTS}]+)(?=[{_VOWELS}])")


def read_phonemes(ipa: str) -> str:
    """Converts a word in IPA, such as "ʃɪvˈɔːn", to the English voices' phonemes. Raises `ValueError` that says what is
    wrong.
    """
    read = _SPELLING.sub(lambda found: _SPELLED[found.group()], ipa)
    for char in read:
        if char not in _VOWELS + _CONSONANTS + _STRESS:
            raise ValueError(f'"{char}" is not an English phoneme')
    if not re.search(f"[{_VOWELS}]", read):
        raise ValueError("it has no vowel")
    read = _EARLY_STRESS.sub(r"\2\1", read)
    if stray := re.search(rf"[{_STRESS}](?![{_VOWELS}])", read):
        raise ValueError(f'no vowel follows the stress mark "{stray.group()}"')
    return read
