"""Between a voice that sets in while the agent speaks and the decision on it: the agent goes on, softly.

onset ──~115 ms──► duck ──≤ 350 ms──► cut, or restore, and keep an ear on the voice until it is over
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.call.barge_in import BargeInPolicy
from phone_daemon.call.caller_side import CallerSide
from phone_daemon.call.evidence import QUIET_S, Evidence, Verdict, judge
from phone_daemon.call.reply import Reply
from phone_daemon.clock import now_ns
from phone_daemon.events import SAMPLE_RATE, samples
from phone_daemon.telemetry.turn_record import Duck
from phone_daemon.wire.line import Line

WORTH_HEARING = samples(0.24)
"""Of a voice, before it is given to recognition, which makes its first partial of what it is given first."""


class Ducking:
    """One call's. At most one voice is judged at a time."""

    def __init__(
        self, line: Line, caller: CallerSide, policy: BargeInPolicy, echo: Callable[[], float] = lambda: 0.0
    ) -> None:
        """`echo`: how likely what is heard now is the agent's own voice, 0 to 1."""
        self._line = line
        self._caller = caller
        self._policy = policy
        self._echo = echo
        self._reply: Reply | None = None
        """During which the voice set in; None: no voice is judged."""
        self._onset = 0
        self._ducked_at: int | None = None
        self._wanted = True
        self._sum = 0.0
        self._count = 0
        self.partials = False
        """Whether recognition tells what it understands before the end of an utterance."""

    @property
    def judging(self) -> bool:
        """Whether a voice is being judged, or was and goes on."""
        return self._reply is not None

    @property
    def wanted(self) -> bool:
        """Whether a voice is being judged, or was last, that says nothing in passing: the agent had asked something."""
        return self._wanted

    def begin(self, reply: Reply, onset: int, *, asked: bool) -> None:
        """A voice sets in at `onset`, while `reply` is heard; `asked`: it has asked something, or is about to."""
        self._reply, self._onset = reply, onset
        self._wanted = asked or not self._policy.keys.remarks
        self._sum, self._count = 0.0, 0
        self._ducked_at = self._caller.position
        self._line.duck(reply.turn.reply, True)
        detection = self._caller.position - onset
        reply.turn.ducks.append(Duck(now_ns(), 1000 * detection / SAMPLE_RATE))
        self._caller.drop()

    def judge(self) -> Verdict:
        """Asked with every frame: whether they want the floor. The agent is as loud as before once they do not."""
        caller, reply = self._caller, self._reply
        if reply is None:
            return Verdict.WAIT
        if not caller.attending and caller.position - self._onset >= WORTH_HEARING:
            caller.attend(self._onset)
        if not caller.quiet:
            self._sum, self._count = self._sum + caller.probability, self._count + 1
        verdict, why = judge(self._evidence())
        if verdict is Verdict.CUT:
            self._settle(reply, "cut", why)
            self._reply = None
        elif verdict is Verdict.RESTORE and self._ducked_at is not None:
            self._line.duck(reply.turn.reply, False)
            self._settle(reply, "restored", why)
            self._ducked_at = None
        return verdict

    def _evidence(self) -> Evidence:
        caller = self._caller
        return Evidence(
            since_s=(caller.position - self._onset) / SAMPLE_RATE,
            ducked_s=None if self._ducked_at is None else (caller.position - self._ducked_at) / SAMPLE_RATE,
            text=caller.partial,
            wordy=self._policy.wants_floor(caller.partial, over=caller.quiet >= samples(QUIET_S)),
            remark=self._policy.is_remark(caller.partial),
            wanted=self._wanted,
            likeness=self._sum / max(self._count, 1),
            quiet_s=caller.quiet / SAMPLE_RATE,
            echo=self._echo(),
            partials=self.partials,
        )

    def _settle(self, reply: Reply, outcome: str, why: str) -> None:
        duck = reply.turn.ducks[-1]
        if not duck.outcome or outcome == "cut":
            duck.outcome, duck.why, duck.took_ms = outcome, why, (now_ns() - duck.at_ns) / 1e6

    def end(self, why: str = "over") -> None:
        """The voice is over, or the reply is, or somebody else took the floor. Idempotent."""
        reply, self._reply = self._reply, None
        if reply is not None and self._ducked_at is not None:
            self._line.duck(reply.turn.reply, False)
            self._settle(reply, "restored", why)
        self._ducked_at = None
