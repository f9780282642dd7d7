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
LEAST_WHOLE_S = 0.16
"""A whole utterance that answers no question has at least so much speech: of 77 sentences for tuning, every one. If its
words are expected, what may be speech counts, too: Silero is never sure of a voice that has nothing beside it, no noise
at all. Of 32 cuts of such a "When are you open?" 8 were lost otherwise, and now 2."""
EXPECTED = 0.0
"""From this likelihood on, which only expected words come to, it is enough that there may have been a voice: answers
are short, and lines are noisy."""
LEAST_LIKELIHOOD = -0.35
"""What is less likely is guesswork. Of the 137 utterances of the sets whose names end in `_tune`, this loses five: four
misheard, and a "Correct." in loud noise."""
LEAST_PERHAPS = -0.6
"""What is likelier than this may have been said, which is enough to stop an agent who speaks (`Hypothesis.perhaps`)."""
LEAST_ANSWER = -0.6
"""What is likely to be an answer to a question needs to be no likelier than this: of the 138 answers of those sets it
gives back two of the five that were lost, and of 160 noises it makes words of none."""
ANSWER, ANSWER_PER_S, ANSWER_S = -1.5, 14.0, 0.6
"""After a question, an answer is far likelier than any other sound. So an answer counts if its likelihood is at least
`ANSWER`, as a natural logarithm, by the sound alone, less `ANSWER_PER_S` for each second of what may be speech, up to
`ANSWER_S`. A logistic regression gave the two their shares. Of 101 short answers for tuning, 6 do not count, and of 156
noises and sentences in other languages 16 do; with a bound of -2.5, 5 and 26; of -0.5, 10 and 10."""
ROUNDS = (6, 4, 3, 3)
"""So often in a row nobody says the same one, two, three or four words."""
SENTENCES = 2
"""Likewise of a longer round, unless its words are expected: callers do repeat what they want."""
LONGEST_ROUND = 16
"""Words in one of them."""
DIGITS = frozenset(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *"0123456789"))


def is_answer(voiced: Voiced, likelihood: float) -> bool:
    """Whether one of the expected answers was said. `likelihood`: that of all of them together, by the sound alone."""
    return likelihood >= ANSWER - ANSWER_PER_S * min(voiced.perhaps_s, ANSWER_S)


def is_speech(voiced: Voiced, likelihood: float, text: str, *, answer: bool = False, whole: bool = False) -> bool:
    """Judges `text`. `likelihood`: the mean log probability of its tokens, and what a bias gave them: what is expected
    needs less evidence. `answer`: it is likely to be one to what was asked. `whole`: no more of the utterance will
    come."""
    least = LEAST_ANSWER if answer else LEAST_LIKELIHOOD
    expected = likelihood >= EXPECTED
    if whole and not answer and (voiced.perhaps_s if expected else voiced.speech_s) < LEAST_WHOLE_S:
        return False
    voice = voiced.speech_s >= LEAST_SPEECH_S or (expected and voiced.first is not None)
    return voice and likelihood >= least and not goes_round(text, expected=expected)


def may_be_speech(voiced: Voiced, likelihood: float, text: str) -> bool:
    """Whether `text` may have been said in the middle of an utterance, which needs less evidence than `is_speech`."""
    return voiced.speech_s >= LEAST_SPEECH_S and likelihood >= LEAST_PERHAPS and not goes_round(text)


def goes_round(text: str, *, expected: bool = False) -> bool:
    """Whether words are said over and over. Digits may be, and what is `expected` sooner than other words."""
    words = ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
    longer = ROUNDS[-1] if expected else SENTENCES
    most = (*ROUNDS, *[longer] * (LONGEST_ROUND - len(ROUNDS)))
    return any(_rounds(words, length) >= rounds for length, rounds in enumerate(most, 1))


def _rounds(words: Sequence[str], length: int) -> int:
    """How often `length` words, not all of them digits, are said in a row, at most."""
    most = run = 0
    for at in range(length, len(words)):
        run = run + 1 if words[at] == words[at - length] else 0
        if not DIGITS.issuperset(words[at - length + 1 : at + 1]):
            most = max(most, run)
    return most // length + 1
