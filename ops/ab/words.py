"""Which words of what was said were heard."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


def words(text: str) -> list[str]:
    """Without case and punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def hits(said: Sequence[str], heard: Sequence[str]) -> set[int]:
    """Places of the words of `said` that `heard` has, in an alignment with the fewest errors (Levenshtein)."""
    rows = [list(range(len(heard) + 1))]
    for i, word in enumerate(said, 1):
        row, before = [i], rows[-1]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other)))
        rows.append(row)
    found, i, j = set[int](), len(said), len(heard)
    while i and j:
        same = said[i - 1] == heard[j - 1]
        if rows[i][j] == rows[i - 1][j - 1] + (not same):
            i, j = i - 1, j - 1
            if same:
                found.add(i)
        elif rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return found


def lost(said: str, alone: str, call: str) -> tuple[int, int]:
    """Words of `said` that were heard in `alone` and are missing in `call`, and how many were heard in `alone`."""
    wanted = words(said)
    heard = hits(wanted, words(alone))
    return len(heard - hits(wanted, words(call))), len(heard)
