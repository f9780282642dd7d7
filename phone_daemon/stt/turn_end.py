"""How likely it is that a caller who has paused has finished: a logistic regression on what they said, and how.

`python -m ops.bench.turn_taking.fit` makes `WEIGHTS` from the tuning half of the scenes (`make scenes`).
"""

from __future__ import annotations

from collections.abc import Sequence

from phone_daemon.stt.prosody import USUAL_PACE_S, Ending
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
    """The features by name, each about -1 to 1. How long a sentence is, and what it asks, only counts if it does not
    break off.
    """
    count, start = len(words), len(words) <= 2 and words[0] in STARTING
    breaks = {"open": calls_for_more(text), "leads": leads_on(words), "leans": leans_on(text), "only a start": start}
    first = next((name for name, found in breaks.items() if found), "")
    whole = not first
    return {
        "bias": 1.0,
        **{name: float(name == first) for name in breaks},
        "asks": float(whole and words[0] in QUESTIONS),
        "question mark": float(whole and text.rstrip().endswith("?")),
        "few words": whole * max(4 - count, 0) / 3,
        "many words": whole * min(max(count - 3, 0), 10) / 10,
        "closing": float(whole and words[-1] in CLOSING),
        "pitch": max(-6.0, min(6.0, ending.pitch)) / 6,
        "pitch rises": max(0.0, min(6.0, ending.pitch)) / 6,
        "slow": max(-0.1, min(0.1, ending.pace_s - USUAL_PACE_S)) / 0.1,
    }


def log_odds(text: str, words: Sequence[str], ending: Ending) -> float:
    """The logarithm of how much likelier it is that they have finished than that they go on. `words`: the words of
    `text`, at least one."""
    return sum(WEIGHTS[name] * value for name, value in features(text, words, ending).items())
