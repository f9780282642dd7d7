"""Which words of what was said were heard."""

from __future__ import annotations

import re

from ops.quality.score import hits

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


def words(text: str) -> list[str]:
    """Without case and punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def lost(said: str, alone: str, call: str) -> tuple[int, int]:
    """Words of `said` that were heard in `alone` and are missing in `call`, and how many were heard in `alone`."""
    wanted = words(said)
    heard = hits(wanted, words(alone))
    return len(heard - hits(wanted, words(call))), len(heard)
