"""How a word is said, in the International Phonetic Alphabet, and the phonemes that English voices know it by.

Those are Kokoro's (`misaki`): diphthongs and affricates are one letter each, "A" as in "day", and the mark of stress
stands before a vowel. Both ways of writing are read, with or without marks of length, American or British.
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
"""What is written, and what stands for it."""
_SPELLING = re.compile("|".join(sorted(map(re.escape, _SPELLED), key=len, reverse=True)))
_STRESS = "ˈˌ"
_EARLY_STRESS = re.compile(rf"([{_STRESS}])([{_CONSONANTS}]+)(?=[{_VOWELS}])")


def read_phonemes(ipa: str) -> str:
    """A word in IPA, such as "ʃɪvˈɔːn", as English voices know it. Raises `ValueError`: what is wrong with it."""
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
