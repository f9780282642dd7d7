"""Whether what a recognizer gives was said, or made up for a sound that is no speech, or for another language.

Moonshine says "You" of silence, "Thank you." of a hum, and translates other languages freely. So there must be a voice
(by Silero), the model must be sure enough of its words, and it must not go round in circles. There is no list of words:
a caller's own "thank you" counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecars.engines.voiced import Voiced

LEAST_SPEECH_S = 0.16
"""Nothing shorter is a word."""
LEAST_LOGPROB = -0.9
"""Mean over the tokens of words: what is less likely is guesswork."""
ROUNDS = 4
"""So often in a row nobody says the same words."""
LONGEST_ROUND = 8
"""Words in one of them."""
DIGITS = frozenset(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *"0123456789"))


def is_speech(voiced: Voiced, logprob: float, text: str) -> bool:
    """Judges `text`, of which the model gives a token the mean log probability `logprob`."""
    return voiced.speech_s >= LEAST_SPEECH_S and logprob >= LEAST_LOGPROB and not goes_round(text)


def goes_round(text: str) -> bool:
    """Whether words are said over and over: one word six times, or several four times. Digits may be."""
    words = ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
    return any(_rounds(words, length) >= (ROUNDS if length > 1 else ROUNDS + 2) for length in range(1, LONGEST_ROUND))


def _rounds(words: Sequence[str], length: int) -> int:
    """How often `length` words are said in a row, at most."""
    most = run = 0
    for at in range(length, len(words)):
        run = run + 1 if words[at] == words[at - length] and words[at] not in DIGITS else 0
        most = max(most, run)
    return most // length + 1
