"""How likely it is that a caller who has paused has finished: a logistic regression on what they said and how it ended.

`python -m ops.bench.turn_taking.fit` makes `WEIGHTS` from the tuning half of the scenes (`make scenes`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from phone_daemon.stt.prosody import Ending
from phone_daemon.stt.turn_end_weights import WEIGHTS
from phone_daemon.stt.unfinished import calls_for_more, leads_on, leans_on

CLOSING = frozenset(
    ("please", "thanks", "thank", "bye", "goodbye", "today", "tomorrow", "morning", "afternoon", "evening", "week")
)
STARTING = frozenset(("well", "so", "um", "uh", "er", "hmm", "first", "yes", "okay", "actually", "let"))
QUESTIONS = frozenset(
    ("what", "when", "where", "who", "how", "why", "which", "can", "could", "do", "does", "did", "is", "are", "will")
)


def features(text: str, words: Sequence[str], ending: Ending) -> dict[str, float]:
    """The features by name, each about -1 to 1."""
    mark = text.rstrip()[-1:]
    count = len(words)
    return {
        "bias": 1.0,
        "open": float(calls_for_more(text)),
        "leans": float(leans_on(text)),
        "leads": float(leads_on(words)),
        "question mark": float(mark == "?"),
        "full stop": float(mark in (".", "!")),
        "comma": float(mark in (",", "-", "…") or text.rstrip().endswith("...")),
        "one word": float(count == 1),
        "few words": float(2 <= count <= 3),
        "many words": min(max(count - 3, 0), 10) / 10,
        "closing": float(words[-1] in CLOSING),
        "only a start": float(count <= 2 and words[0] in STARTING),
        "asks": float(words[0] in QUESTIONS),
        "number last": float(words[-1].isdigit()),
        "pitch": max(-6.0, min(6.0, ending.pitch)) / 6,
        "pitch rises": max(0.0, min(6.0, ending.pitch)) / 6,
        "slope": max(-40.0, min(40.0, ending.slope)) / 40,
        "level": max(-20.0, min(5.0, ending.level_db)) / 20,
        "held": min(ending.held_s, 0.8),
    }


def likelihood(text: str, words: Sequence[str], ending: Ending) -> float:
    """The likelihood, 0 to 1. `words`: the words of `text`, at least one."""
    found = features(text, words, ending)
    return 1 / (1 + math.exp(-sum(WEIGHTS[name] * value for name, value in found.items())))
