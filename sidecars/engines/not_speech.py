"""Whether what a recognizer gives was said, or made up for a sound that is no speech, or for another language.

Moonshine says "You" of silence, "Thank you." of a hum, and translates other languages freely. So there must be a voice
(by Silero), the model must be sure enough of its words, and it must not go round in circles. There is no list of words:
a caller's own "thank you" counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecars.engines.voiced import Voiced

LEAST_SPEECH_S = 0.09
"""Nothing shorter is a word: three windows."""
EXPECTED = 0.0
"""From this likelihood on, which only expected words come to, it is enough that there may have been a voice: answers
are short, and lines are noisy."""
LEAST_LIKELIHOOD = -0.5
"""What is less likely is guesswork. That was said of 5 of 137 utterances of the sets whose names end in `_tune`, most
of them misheard, and not of 8 of 228 clips that are no speech, half of which go round in circles."""
ROUNDS = (6, 4, 3)
"""So often in a row nobody says the same one, two, three or more words."""
LONGEST_ROUND = 8
"""Words in one of them."""
DIGITS = frozenset(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *"0123456789"))


def is_speech(voiced: Voiced, likelihood: float, text: str) -> bool:
    """Judges `text`. `likelihood`: the mean log probability of its tokens, and what a bias gave them: what is expected
    needs less evidence."""
    voice = voiced.speech_s >= LEAST_SPEECH_S or (likelihood >= EXPECTED and voiced.first is not None)
    return voice and likelihood >= LEAST_LIKELIHOOD and not goes_round(text)


def goes_round(text: str) -> bool:
    """Whether words are said over and over. Digits may be."""
    words = ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
    lengths = range(1, LONGEST_ROUND + 1)
    return any(_rounds(words, length) >= ROUNDS[min(length, len(ROUNDS)) - 1] for length in lengths)


def _rounds(words: Sequence[str], length: int) -> int:
    """How often `length` words are said in a row, at most."""
    most = run = 0
    for at in range(length, len(words)):
        run = run + 1 if words[at] == words[at - length] and words[at] not in DIGITS else 0
        most = max(most, run)
    return most // length + 1
