"""Decides whether what the caller says over the agent is meant to interrupt: while they say it, and again when the
final transcript is known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from phone_daemon.call.agent_side import AgentSide
from phone_daemon.call.barge_in import BargeInPolicy
from phone_daemon.call.caller_side import CallerSide, PendingTurn, Tell
from phone_daemon.call.ducking import Ducking
from phone_daemon.call.evidence import Verdict
from phone_daemon.call.floor import Floor, State
from phone_daemon.events import samples
from phone_daemon.language.announcements import apart_from_announcements, begins_announcement, opens_as_office

FOLLOWS_S = 6.0
"""The next sentence of an announcement comes within this time, and need not be recognizable on its own."""
QUEUED_S = 90.0
"""A queue says something at least this often; between its announcements, a waiting caller has no reason to speak."""


class Overheard:
    """Judges the speech over the agent in one call."""

    def __init__(
        self,
        floor: Floor,
        caller: CallerSide,
        agent: AgentSide,
        policy: BargeInPolicy,
        ducking: Ducking,
        *,
        tell: Tell,
        take: Callable[[int | None, PendingTurn], None],
    ) -> None:
        """`take` is called when words that had ended before they were understood take the floor: with those words, and
        with the onset of what the caller is saying by then (None: nothing)."""
        self._floor = floor
        self._caller = caller
        self._agent = agent
        self._policy = policy
        self._ducking = ducking
        self._tell = tell
        self._take = take
        self._announced: int | None = None
        """Position at which the last announcement ended; None if a caller was heard since."""

    @property
    def queued(self) -> bool:
        """Whether, judging by announcements, the other end is waiting in a queue, so that silence means nothing."""
        return self._since_announcement(QUEUED_S)

    def _since_announcement(self, limit_s: float) -> bool:
        return self._announced is not None and self._caller.position - self._announced <= samples(limit_s)

    def takes_floor(self) -> bool:
        """Whether what the caller is saying takes the floor now. Called with every frame."""
        if self._ducking.judging:
            self._ducking.hear()
            return self.decides()
        if self._policy.by_evidence(self._floor.state) and not self._caller.speaking:
            if self._agent.reply is not None:
                self._ducking.hint(self._agent.reply)
            return False  # These are the words of somebody far away.
        stable = self._caller.stable
        return self._policy.on_words(self._floor.state, stable) and not begins_announcement(stable)

    def decides(self) -> bool:
        """Whether the voice that is being judged takes the floor. Called whenever more is recognized."""
        return self._ducking.judge() is Verdict.CUT

    def end(self) -> None:
        """The caller has fallen silent: asks for the final transcript of what they said over the agent."""
        state = self._floor.state
        judged = self._ducking.judging
        wanted = judged and self._ducking.wanted
        behind = judged and self._caller.near.behind is not False
        distant = behind and bool(self._caller.near.distant)
        self._ducking.end()
        if judged or (state is not State.THINKING and self._policy.by_words(state, alone=True)):
            # Each remark is judged on its own, and a short one is often over before its words are known.
            self._caller.make_final(partial(self._understood, wanted, behind, distant))
            self._caller.attend()

    def _understood(self, wanted: bool, behind: bool, distant: bool, pending: PendingTurn) -> None:
        """Decides, by the final transcript, whether it was meant to interrupt.

        `wanted`: the agent had asked something. `behind`: the voice may be somebody's behind the caller.
        `distant`: it comes from across a room, so it does not address the agent.
        """
        if pending is not self._caller.pending:
            return
        live = self.leave_callers_words(pending)
        answered = wanted and bool(pending.said) and self._policy.by_words(self._floor.state)
        takes = answered or self._policy.on_words(self._floor.state, pending.text)
        takes = takes and (not behind or (not distant and self._policy.asks_for_floor(pending.text)))
        if not (live and takes):
            self._caller.pending = PendingTurn()
            if pending.said and self._agent.reply is not None:
                self.remarked(pending.text, self._agent.reply.turn.remarks)
            return
        self._take(self._caller.onset if self._caller.speaking else None, pending)

    def remarked(self, text: str, remarks: list[str]) -> None:
        """Adds `text`, which did not ask for the floor, to the `remarks` of a turn."""
        remarks.append(text)
        self._tell("remark", {"text": text})

    def leave_callers_words(self, pending: PendingTurn) -> bool:
        """Removes the words of a recording from `pending`. Returns False, and removes nothing, if all of them are a
        recording's, such as a queue's announcement, which nobody wants answered."""
        said = "" if pending.recorded else apart_from_announcements(pending.text)
        if said == pending.text and self._since_announcement(FOLLOWS_S) and opens_as_office(said):
            said = ""
        if said != pending.text:
            self._announced = self._caller.position
        elif said:
            self._announced = None
        if said and said != pending.text:
            pending.said, pending.others = [said], ()
        return bool(said)
