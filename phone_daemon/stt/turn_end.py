"""Estimates how likely it is that a caller who has paused has finished, by logistic regression on the words and the
pitch.

`python -m ops.bench.turn_taking.fit` makes `WEIGHTS` from the tuning half of the scenes (`make scenes`) and from more
turns (`python -m fixtures.make_turn_ends`).
"""

from __future__ import annotations

from collections.abc import Sequence

from phone_daemon.stt.turn_end_weights import WEIGHTS
from phone_daemon.stt.unfinished import calls_for_more, leans_on, only_opens

CLOSING = frozenset(
    ("please", "thanks", "thank", "bye", "goodbye", "today", "tomorrow", "morning", "afternoon", "evening", "week")
)


def features(text: str, words: Sequence[str], pitch: float) -> dict[str, float]:
    """The features by name, each about -1 to 1. `pitch`: how far it moved at the end, in semitones.

    The loudness, length, and slope of the last syllable were tried, too, but what they showed for synthesized voices
    did not hold for people.
    """
    end = text.rstrip()[-1:]
    opens = only_opens(text)
    breaks = not opens and calls_for_more(text)
    return {
        "bias": 1.0,
        "breaks off": float(breaks),
        "leans": float(not opens and not breaks and leans_on(text)),
        "only opens": float(opens),
        "question mark": float(end == "?"),
        "full stop": float(end in (".", "!")),
        "comma": float(end in (",", "-", "…") or text.rstrip().endswith("...")),
        "many words": min(max(len(words) - 3, 0), 10) / 10,
        "closing": float(words[-1] in CLOSING),
        "pitch": max(-6.0, min(6.0, pitch)) / 6,
        "pitch rises": max(0.0, min(6.0, pitch)) / 6,
    }


def log_odds(text: str, words: Sequence[str], pitch: float) -> float:
    """The logarithm of the odds that the caller has finished. `words`: the words of `text`, at least one; `pitch`: how
    far it moved at the end, in semitones."""
    return sum(WEIGHTS[name] * value for name, value in features(text, words, pitch).items())
