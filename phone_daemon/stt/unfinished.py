"""Whether what a caller has said so far calls for more: nobody ends their turn with "and" or "my number is"."""

from __future__ import annotations

from phone_daemon.stt.stabilizer import word_key

OPEN = (
    *("a", "an", "the", "my", "your", "our", "their", "his", "her", "its"),
    *("and", "or", "but", "because", "if", "than"),
    *("to", "of", "for", "from", "with", "in", "on", "at", "into", "until", "between"),
    *("is", "are", "was", "i'm", "it's", "i", "we", "they"),
    *("um", "uh", "er", "erm"),
)
"""English words after which more comes. Some of them can end a sentence ("can I come in?"), which then costs a caller
some silence; those that mostly do, such as "it" and "so", are not here."""
LEANING = (
    *("that", "which", "who", "whether", "when", "where", "what", "how", "why", "while", "since", "after", "before"),
    *("ask", "tell", "say", "know", "think", "mean", "want", "need", "like", "prefer", "hope", "see", "reach", "got"),
    *("could", "can", "would", "will", "should", "have", "has", "had", "do", "does", "am", "were", "be", "been"),
    *("there", "so", "well", "actually", "also", "then", "maybe", "just", "about", "around", "some", "any", "next"),
    *("you", "he", "she", "me", "who's", "there's", "that's", "i'd", "i'll", "i've", "we're", "doctor", "mister"),
    *("hmm", "hm", "mm", "oh", "ah", "okay"),
)
"""Words after which more often comes than not."""


def calls_for_more(text: str) -> bool:
    """Whether `text` breaks off in the middle of a sentence, by its last word."""
    return _last(text) in OPEN


def leans_on(text: str) -> bool:
    """Whether `text` may well go on, by its last word."""
    return _last(text) in LEANING


def _last(text: str) -> str:
    words = text.split()
    return word_key(words[-1]) if words else ""
