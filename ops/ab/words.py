"""Which of the spoken words were recognized."""

from __future__ import annotations

import re

from ops.quality.score import hits

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


def words(text: str) -> list[str]:
    """The words without case and punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def lost(said: str, alone: str, call: str) -> tuple[int, int]:
    """Words of `said` that are in `alone` but missing in `call`, and how many are in `alone`."""
    wanted = words(said)
    heard = hits(wanted, words(alone))
    return len(heard - hits(wanted, words(call))), len(heard)
