"""An attended transfer (RFC 5589 section 7): a colleague is called, told in a sentence who is calling, and connected.

The caller hears music meanwhile. A REFER with Replaces connects them, after which no audio passes through us; if the
caller's side does not support that, the line card bridges the two calls until either hangs up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

import pjsua2 as pj

from phone_daemon.events import EndReason, LineClosed, PlayoutDone, TransferFailed
from phone_daemon.wire.line_card.guarded import log
from phone_daemon.wire.line_card.leg import Leg
from phone_daemon.wire.protocol import Answered, Report

JOIN_S = 5.0
"""How long the caller's side has to replace one call by the other before the two are bridged here."""


class _State(Enum):
    CALLING = "calling"
    BRIEFING = "briefing"
    JOINING = "joining"
    BRIDGED = "bridged"
    OVER = "over"


class Consultation:
    """Connects `caller`, who is in a call, with a colleague, whose leg `call` places; its reports go to `heard`."""

    def __init__(self, caller: Leg, briefing: bytes, timeout_s: float) -> None:
        self._caller = caller
        self._colleague: Leg | None = None
        self._briefing = briefing
        self._state = _State.CALLING
        self._by = time.monotonic() + timeout_s

    @property
    def over(self) -> bool:
        return self._state is _State.OVER

    def call(self, colleague: Leg, place: Callable[[], None]) -> None:
        """The colleague's telephone rings."""
        self._colleague = colleague
        try:
            place()
        except pj.Error as error:
            colleague.gone = True
            self._give_back(0, str(error.reason))

    def heard(self, report: Report) -> None:
        """Takes what becomes of the colleague's call."""
        colleague = self._colleague
        match report:
            case Answered() if self._state is _State.CALLING and colleague is not None:
                self._state = _State.BRIEFING
                if self._briefing:
                    colleague.playout.play(1, self._briefing)
                colleague.playout.finish(1)
            case PlayoutDone() if self._state is _State.BRIEFING:
                self._join()
            case LineClosed(_, code, detail) if self._state in (_State.CALLING, _State.BRIEFING):
                self._give_back(code, detail)

    def watch(self, now: float) -> None:
        """Checks timers and who has hung up; called several times a second."""
        caller, colleague = self._caller, self._colleague
        if self.over or colleague is None:
            return
        if self._state is _State.CALLING and now >= self._by:
            self._give_back(408, "the colleague did not answer")
        elif caller.gone or (caller.closed and self._state is not _State.BRIDGED):
            self._end(colleague)
        elif self._state is _State.BRIDGED and (colleague.gone or caller.is_deaf(now) or colleague.is_deaf(now)):
            self._end(colleague)
            caller.hang_up(EndReason.TRANSFERRED)

    def _join(self) -> None:
        assert self._colleague is not None
        self._state = _State.JOINING
        self._caller.replace_by(self._colleague, JOIN_S, self._bridge)

    def _bridge(self, code: int, detail: str) -> None:
        """Bridges the two, because the caller's side would not replace the call."""
        if self._state is not _State.JOINING or self._colleague is None:
            return
        if self._colleague.gone:
            self._give_back(code, detail)
            return
        log("INFO", f"bridged here, as the transfer was answered with {code}")
        self._state = _State.BRIDGED
        self._caller.bridge(self._colleague)
        self._caller.close(EndReason.TRANSFERRED, 200, "bridged in the line card")

    def _give_back(self, code: int, detail: str) -> None:
        """Gives the caller back to the agent."""
        self._state = _State.OVER
        self._caller.consulting = False
        if self._colleague is not None and not self._colleague.gone:
            self._colleague.hang_up(EndReason.AGENT_HUNG_UP)
        self._caller.tell(TransferFailed(code, detail))

    def _end(self, colleague: Leg) -> None:
        self._state = _State.OVER
        if not colleague.gone:
            colleague.hang_up(EndReason.TRANSFERRED)


class Consultations:
    """All consultations of a card. `colleague` makes a leg for the call to a colleague, and says which host is ours in
    it. `by_id`: the card's legs by Call-ID.
    """

    def __init__(
        self,
        colleague: Callable[[Leg, Callable[[Report], None]], tuple[Leg, str]],
        by_id: dict[str, Leg],
        timeout_s: float,
    ) -> None:
        self._make = colleague
        self._by_id = by_id
        self._timeout_s = timeout_s
        self._live: list[Consultation] = []

    def begin(self, caller: Leg, uri: str, shown: str, *, room: bool) -> None:
        """Calls `uri` on behalf of `caller`, who is `shown` there; without `room` the transfer is blind."""
        briefing = bytes(caller.briefing)
        caller.briefing.clear()
        if not room:
            caller.hand_over(uri)
            return
        caller.consulting = True
        consultation = Consultation(caller, briefing, self._timeout_s)
        colleague, host = self._make(caller, consultation.heard)
        consultation.call(colleague, lambda: colleague.place(uri, "" if caller.trunk else shown, host))
        if not colleague.gone:
            self._by_id[colleague.getInfo().callIdString] = colleague
        self._live.append(consultation)

    def watch(self, now: float) -> None:
        for each in self._live:
            each.watch(now)
        self._live = [each for each in self._live if not each.over]
