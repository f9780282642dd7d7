"""Whether what a caller has said so far calls for more: nobody ends a turn with "and" or "my number is"."""

from __future__ import annotations

from collections.abc import Sequence

from phone_daemon.stt.stabilizer import word_key

OPEN = (
    *("a", "an", "the", "my", "your", "our", "their", "his", "her", "its"),
    *("and", "or", "but", "because", "if", "than"),
    *("to", "of", "for", "from", "with", "in", "on", "at", "into", "until", "between"),
    *("is", "are", "was", "i'm", "it's", "i", "we", "they"),
    *("um", "uh", "er", "erm"),
)
"""English words after which more follows. Some of them can end a sentence ("can I come in?"), which then costs a caller
some silence; words that usually can, such as "it" and "so", are not here."""
LEANING = (
    *("that", "which", "who", "whether", "when", "where", "what", "how", "why", "while", "since", "after", "before"),
    *("ask", "tell", "say", "know", "think", "mean", "want", "need", "like", "prefer", "hope", "see", "reach", "got"),
    *("could", "can", "would", "will", "should", "have", "has", "had", "do", "does", "am", "were", "be", "been"),
    *("there", "so", "well", "actually", "also", "then", "maybe", "just", "about", "around", "some", "any", "next"),
    *("you", "he", "she", "me", "who's", "there's", "that's", "i'd", "i'll", "i've", "we're", "doctor", "mister"),
    *("hmm", "hm", "mm", "oh", "ah", "okay"),
)
"""Words after which more usually follows."""
LEADS = (
    *("tell me", "let me think", "let me see", "told to", "told that", "supposed to", "could we say", "shall we say"),
    *("i wonder", "i think", "i was", "it was", "that was", "there was", "if you", "do you have", "is for", "it's for"),
    *("wanted to ask", "want to ask", "like to ask", "would like", "have to", "need to", "going to", "trying to"),
    *("looking to", "looking for", "used to", "calling because", "calling about", "it's possible", "is possible"),
    *("problem is", "thing is", "question is", "name is", "number is", "my name", "two things", "one thing"),
    *("live at", "last time", "a bit of", "kind of", "sort of", "and then", "as well as", "the other"),
)
"""Last words that lead to something, most of them however they sound: "let me think", "could you tell me"."""
_LEADS = tuple(tuple(each.split()) for each in LEADS)


def calls_for_more(text: str) -> bool:
    """Whether `text` breaks off in the middle of a sentence, judging by its last word."""
    return _last(text) in OPEN


def leans_on(text: str) -> bool:
    """Whether `text` may well go on, judging by its last word."""
    return _last(text) in LEANING


def leads_on(words: Sequence[str]) -> bool:
    """Whether what has been said leads to something, by its last `words`."""
    return any(tuple(words[-len(lead) :]) == lead for lead in _LEADS)


def _last(text: str) -> str:
    words = text.split()
    return word_key(words[-1]) if words else ""
