"""Decides whether a recognizer's text was said, or made up for a sound that is not speech, or for another language.

Moonshine writes "You" for silence and "Thank you." for a hum, and translates other languages freely. So Silero must
detect a voice, the model must be sure enough of its words, and the words must not repeat in a loop. No words are
excluded as such: a caller's own "thank you" counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecars.engines.voiced import Voiced

LEAST_SPEECH_S = 0.09
"""The shortest word: three windows."""
LEAST_WHOLE_S = 0.16
"""The least speech in a whole utterance that answers no question; all of 77 sentences for tuning have it. If its words
are expected, audio that may be speech also counts, because Silero is never sure of a voice without any noise around it.
Of 32 cuts of such a "When are you open?", 2 are lost instead of 8."""
EXPECTED = 0.0
"""From this likelihood on, which only expected words reach, a possible voice is enough, because answers are short and
lines are noisy."""
LEAST_LIKELIHOOD = -0.35
"""Anything less likely is a guess. Of the 137 utterances in the sets whose names end in `_tune`, this loses five: four
that were misheard, and a "Correct." in loud noise."""
LEAST_ANSWER = -0.6
"""The same for a probable answer to a question: of the 138 answers in those sets, this recovers two of the five that
were lost, and it turns none of 160 noises into words."""
ANSWER, ANSWER_PER_S, ANSWER_S = -1.5, 14.0, 0.6
"""After a question, an answer is far likelier than any other sound. So an answer counts if its likelihood (natural
logarithm, by the sound alone) is at least `ANSWER`, minus `ANSWER_PER_S` for each second that may be speech, up to
`ANSWER_S`. The weights come from a logistic regression. Of 101 short answers for tuning, 6 do not count, and of 156
noises and sentences in other languages, 16 do; with a bound of -2.5, these are 5 and 26, and with -0.5, 10 and 10."""
ROUNDS = (6, 4, 3, 3)
"""Nobody says the same one, two, three, or four words this many times in a row."""
SENTENCES = 2
"""Likewise for more words, unless they are expected, because callers do repeat what they want."""
LONGEST_ROUND = 16
"""The most words in such a repetition."""
DIGITS = frozenset(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *"0123456789"))


def is_answer(voiced: Voiced, likelihood: float) -> bool:
    """Whether one of the expected answers was said. `likelihood`: of all of them together, by the sound alone."""
    return likelihood >= ANSWER - ANSWER_PER_S * min(voiced.perhaps_s, ANSWER_S)


def is_speech(voiced: Voiced, likelihood: float, text: str, *, answer: bool = False, whole: bool = False) -> bool:
    """Whether `text` was said. `likelihood`: the mean log probability of its tokens, including the bias, so expected
    words need less evidence. `answer`: whether it is probably an answer to what was asked. `whole`: whether the
    utterance is complete."""
    least = LEAST_ANSWER if answer else LEAST_LIKELIHOOD
    expected = likelihood >= EXPECTED
    if whole and not answer and (voiced.perhaps_s if expected else voiced.speech_s) < LEAST_WHOLE_S:
        return False
    voice = voiced.speech_s >= LEAST_SPEECH_S or (expected and voiced.first is not None)
    return voice and likelihood >= least and not goes_round(text, expected=expected)


def goes_round(text: str, *, expected: bool = False) -> bool:
    """Whether words are repeated too often. Digits may be repeated, and `expected` words more often than others."""
    words = ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
    longer = ROUNDS[-1] if expected else SENTENCES
    most = (*ROUNDS, *[longer] * (LONGEST_ROUND - len(ROUNDS)))
    return any(_rounds(words, length) >= rounds for length, rounds in enumerate(most, 1))


def _rounds(words: Sequence[str], length: int) -> int:
    """The highest number of times that `length` words, not all of them digits, are said in a row."""
    most = run = 0
    for at in range(length, len(words)):
        run = run + 1 if words[at] == words[at - length] else 0
        if not DIGITS.issuperset(words[at - length + 1 : at + 1]):
            most = max(most, run)
    return most // length + 1
