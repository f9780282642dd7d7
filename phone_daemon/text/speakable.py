"""Which parts of a written text are spoken, and how they are said."""

from __future__ import annotations

import re
from functools import lru_cache

from phone_daemon.text.english import sayings
from phone_daemon.text.markdown import plain
from phone_daemon.text.spoken import Spoken, align

_FOREIGN = re.compile(r"(?!en)[a-z]{2,3}(?:[-+]|_[A-Z]{2}|$)")


@lru_cache(maxsize=256)
def speakable(text: str, *, english: bool = True) -> Spoken:
    """`text` without Markdown and pictures; with `english`, figures, addresses, and signs become words."""
    left = plain(text)
    return align(text, left, sayings(left) if english else ())


def is_english(voice: str) -> bool:
    """Whether a voice speaks English: each does, unless its name begins with the code of another language (`de`,
    `fr-fr`, `pt-br+f2`, `es_ES-davefx-medium`)."""
    return _FOREIGN.match(voice) is None
