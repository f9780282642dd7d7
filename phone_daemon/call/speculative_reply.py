"""Begins the reply while the caller has only paused, so that it is ready when their turn is over.

The endpoint waits for silence, and most callers who fall silent have finished. So the agent is asked at the first
pause, with what has been recognized so far. The speculative reply is kept if the final transcript says the same and
the agent, now knowing how sure the recognizer is, would answer the same. Otherwise it is dropped unheard: the agent's
stream is closed, the agent takes the reply back, and its tokens are counted as wasted.
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.call.reply import Reply
from phone_daemon.clock import now_ns
from phone_daemon.stt.stabilizer import word_key
from phone_daemon.telemetry.turn_record import Turn

MOST = 3
"""The most speculative replies in one turn; a caller who needs more is thinking aloud, and gets time to finish."""
HESITATIONS = frozenset({"uh", "um", "er", "erm", "hm", "hmm"})


def says_the_same(one: str, other: str) -> bool:
    """Whether two transcripts have the same words, ignoring case, punctuation, and hesitations."""
    return _said(one) == _said(other)


def _said(text: str) -> list[str]:
    return [key for key in map(word_key, text.split()) if key not in HESITATIONS]


class SpeculativeReply:
    """One call's speculative replies: one at a time, of which at most one is heard in each turn."""

    def __init__(
        self, begin: Callable[[str], Reply], stands: Callable[[CallerTurn], bool], retract: Callable[[], None]
    ) -> None:
        """`begin` begins an unconfirmed reply to what the caller said; `stands` says whether it answers the turn as
        finally understood, if the words are the same; `retract` makes the agent forget it."""
        self._begin = begin
        self._stands = stands
        self._retract = retract
        self._text = ""
        self._reply: Reply | None = None
        self._begun = 0
        """How many were begun in the present turn."""
        self._accounted = (0, 0)
        self.kept = self.dropped = self.wasted_tokens = 0
        """Counts over the whole call."""

    @property
    def making(self) -> bool:
        """Whether there is a reply that has no audio to play yet."""
        return self._reply is not None and "tts_first_audio" not in self._reply.turn.at_ns

    def begin(self, text: str) -> None:
        """Begins a reply, as the caller has paused after `text`. Does nothing if a reply to it has already begun."""
        self.review(text)
        if self._reply is None and self._begun < MOST:
            self._text = text
            self._begun += 1
            self._reply = self._begin(text)
            self._reply.turn.at_ns["early_start"] = now_ns()

    def review(self, text: str) -> None:
        """Drops a reply to anything but `text`, which is what the caller has said so far."""
        if self._reply is not None and not says_the_same(self._text, text):
            self.drop()

    def claim(self, turn: CallerTurn) -> Reply | None:
        """The reply, for confirmation, if it answers `turn`, whose transcript is final."""
        reply = self._reply
        if reply is None or reply.broken or not says_the_same(self._text, turn.text) or not self._stands(turn):
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
        """Records in `turn`, which has its reply, what its speculative replies cost."""
        dropped, wasted = self._accounted
        turn.drafts, turn.wasted_tokens = self.dropped - dropped, self.wasted_tokens - wasted
        self._accounted = self.dropped, self.wasted_tokens
        self._begun = 0
