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


def calls_for_more(text: str) -> bool:
    """Whether `text` breaks off in the middle of a sentence, by its last word."""
    words = text.split()
    return bool(words) and word_key(words[-1]) in OPEN
