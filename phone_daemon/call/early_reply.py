"""Begins the reply while the caller has only paused, so that it is ready when their turn is over.

The endpoint takes half a second of silence, and most callers who fall silent have finished. So the mind is asked at
the first pause, about what is understood so far. The draft is kept if the final transcript says the same, and else
dropped unheard: the mind's stream is let go, the mind takes it back, and what it had produced is counted as wasted.
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.call.reply import Reply
from phone_daemon.clock import now_ns
from phone_daemon.stt.stabilizer import word_key
from phone_daemon.telemetry.turn_record import Turn

MAX_DRAFTS = 3
"""Drafts of one turn: a caller who thinks aloud is waited for."""
HESITATIONS = frozenset({"uh", "um", "er", "erm", "hm", "hmm"})


def says_the_same(one: str, other: str) -> bool:
    """Whether two transcripts are the same words, whatever their case and punctuation; hesitations say nothing."""
    return _said(one) == _said(other)


def _said(text: str) -> list[str]:
    return [key for key in map(word_key, text.split()) if key not in HESITATIONS]


class EarlyStart:
    """One call's drafts: one at a time, and of each turn at most one is ever heard."""

    def __init__(self, ask: Callable[[str], Reply], retract: Callable[[], None]) -> None:
        """`ask` begins an unconfirmed reply to what the caller said; `retract` makes the mind forget it."""
        self._ask = ask
        self._retract = retract
        self._text = ""
        self._draft: Reply | None = None
        self._begun = 0
        """Drafts of the turn at hand."""
        self._told = (0, 0)
        self.kept = self.dropped = self.wasted_tokens = 0
        """Of the whole call."""

    def begin(self, text: str) -> None:
        """The caller has paused after `text`. Nothing happens when a draft answers it already."""
        self.review(text)
        if self._draft is None and self._begun < MAX_DRAFTS:
            self._text = text
            self._begun += 1
            self._draft = self._ask(text)
            self._draft.turn.at_ns["early_start"] = now_ns()

    def review(self, text: str) -> None:
        """The caller is understood to have said `text` so far: drops a draft that answers anything else."""
        if self._draft is not None and not says_the_same(self._text, text):
            self.drop()

    def claim(self, text: str) -> Reply | None:
        """The draft, to be confirmed, if it answers `text`: what the caller has said for good."""
        draft = self._draft
        if draft is None or draft.broken or not says_the_same(self._text, text):
            self.drop()
            return None
        self._draft = None
        self.kept += 1
        return draft

    def drop(self) -> None:
        """Nobody will hear the draft, if there is one."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.cancel()
            self._retract()
            self.dropped += 1
            self.wasted_tokens += draft.tokens

    def account(self, turn: Turn) -> None:
        """`turn` has its reply: writes down what its drafts cost."""
        dropped, wasted = self._told
        turn.drafts, turn.wasted_tokens = self.dropped - dropped, self.wasted_tokens - wasted
        self._told = self.dropped, self.wasted_tokens
        self._begun = 0
