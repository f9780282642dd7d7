"""Begins the reply while the caller has only paused, so that it is ready when their turn is over.

The endpoint takes half a second of silence, and most callers who fall silent have finished. So the agent is asked at
the first pause, about what is understood so far. The speculative reply is kept if the final transcript says the same.
Otherwise it is dropped unheard: the agent's stream is closed, the agent takes it back, and what it produced is counted
as wasted.
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.call.reply import Reply
from phone_daemon.clock import now_ns
from phone_daemon.stt.stabilizer import word_key
from phone_daemon.telemetry.turn_record import Turn

MOST = 3
"""Speculative replies in one turn: a caller who thinks aloud is waited for."""
HESITATIONS = frozenset({"uh", "um", "er", "erm", "hm", "hmm"})


def says_the_same(one: str, other: str) -> bool:
    """Whether two transcripts are the same words, whatever their case and punctuation; hesitations say nothing."""
    return _said(one) == _said(other)


def _said(text: str) -> list[str]:
    return [key for key in map(word_key, text.split()) if key not in HESITATIONS]


class SpeculativeReply:
    """One call's speculative replies: one at a time, and in each turn at most one is ever heard."""

    def __init__(self, begin: Callable[[str], Reply], retract: Callable[[], None]) -> None:
        """`begin` begins an unconfirmed reply to what the caller said; `retract` makes the agent forget it."""
        self._begin = begin
        self._retract = retract
        self._text = ""
        self._reply: Reply | None = None
        self._begun = 0
        """In the turn at hand."""
        self._accounted = (0, 0)
        self.kept = self.dropped = self.wasted_tokens = 0
        """Of the whole call."""

    @property
    def making(self) -> bool:
        """Whether there is a reply of which nothing could be played yet."""
        return self._reply is not None and "tts_first_audio" not in self._reply.turn.at_ns

    def begin(self, text: str) -> None:
        """The caller has paused after `text`. Nothing happens when a reply to it has begun already."""
        self.review(text)
        if self._reply is None and self._begun < MOST:
            self._text = text
            self._begun += 1
            self._reply = self._begin(text)
            self._reply.turn.at_ns["early_start"] = now_ns()

    def review(self, text: str) -> None:
        """The caller is understood to have said `text` so far: drops a reply to anything else."""
        if self._reply is not None and not says_the_same(self._text, text):
            self.drop()

    def claim(self, text: str) -> Reply | None:
        """The reply, to be confirmed, if it answers `text`: what the caller has said for good."""
        reply = self._reply
        if reply is None or reply.broken or not says_the_same(self._text, text):
            self.drop()
            return None
        self._reply = None
        self.kept += 1
        return reply

    def drop(self) -> None:
        """Drops the reply, if there is one: nobody will hear it."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.cancel()
            self._retract()
            self.dropped += 1
            self.wasted_tokens += reply.tokens

    def account(self, turn: Turn) -> None:
        """`turn` has its reply: writes down what its speculative ones cost."""
        dropped, wasted = self._accounted
        turn.drafts, turn.wasted_tokens = self.dropped - dropped, self.wasted_tokens - wasted
        self._accounted = self.dropped, self.wasted_tokens
        self._begun = 0
