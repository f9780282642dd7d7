"""Between a voice that sets in while the agent speaks and the decision on it: the agent goes on, softly.

first hint ──► duck ──► onset ──► words: cut; a remark, a noise: restore, and keep an ear on the voice until it is over

A hint is any sound that begins, or a single window of sound that may be speech. Those that come to nothing cost the
caller an instant of a softer voice.
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.call.barge_in import BargeInPolicy
from phone_daemon.call.caller_side import CallerSide
from phone_daemon.call.evidence import ECHO, QUIET_S, Evidence, Growing, Verdict, judge
from phone_daemon.call.reply import Reply
from phone_daemon.clock import now_ns
from phone_daemon.events import SAMPLE_RATE, samples
from phone_daemon.language.announcements import begins_announcement
from phone_daemon.telemetry.turn_record import Duck
from phone_daemon.wire.line import Line

HINT = samples(0.1)
"""So long the agent speaks softly at a hint that comes to nothing."""
ECHO_FRAMES = 8
"""An instant of doubt is no echo: what the frames say is smoothed over so many (160 ms)."""


class Ducking:
    """One call's. At most one voice is judged at a time."""

    def __init__(
        self, line: Line, caller: CallerSide, policy: BargeInPolicy, echo: Callable[[], float | None] = lambda: None
    ) -> None:
        """`echo`: how likely what is heard now is the agent's own voice, 0 to 1; None: the line does not return it."""
        self._line = line
        self._caller = caller
        self._policy = policy
        self._echo = echo
        self._reply: Reply | None = None
        """During which the voice set in; None: no voice is judged."""
        self._onset = 0
        self._ducked_at: int | None = None
        self._hinted: tuple[Reply, int, int] | None = None
        """At a hint: the reply that is soft, since when, and when the last hint was."""
        self._wanted = True
        self._growing = Growing()
        self._sum = 0.0
        self._count = 0
        self._own = 0.0
        """`echo`, smoothed, since the voice set in."""
        self._was_own = False
        """The voice was held to be the agent's."""
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

    def hint(self, reply: Reply) -> None:
        """Asked with every frame in which no voice is judged: `reply` is soft for an instant at what may become one."""
        now = self._caller.position
        if self._caller.stirring or (self._caller.sounding and self._echo() is None):
            if self._hinted is None or self._hinted[0] is not reply:
                self._hinted = reply, now, now
                self._line.duck(reply.turn.reply, True)
            self._hinted = reply, self._hinted[1], now
        elif self._hinted is not None and now - self._hinted[2] >= HINT:
            self._line.duck(self._hinted[0].turn.reply, False)
            self._hinted = None

    def begin(self, reply: Reply, onset: int, *, asked: bool) -> None:
        """A voice sets in at `onset`, while `reply` is heard; `asked`: it has asked something, or is about to."""
        self._reply, self._onset = reply, onset
        self._wanted = asked or not self._policy.keys.remarks
        self._sum, self._count, self._own, self._was_own = 0.0, 0, 0.0, False
        self._growing = Growing()
        hinted, self._hinted = self._hinted, None
        hinted_at = hinted[1] if hinted is not None and hinted[0] is reply else self._caller.position
        self._ducked_at = max(hinted_at, onset - HINT)
        self._line.duck(reply.turn.reply, True)
        detection = max(self._ducked_at - onset, 0)
        reply.turn.ducks.append(Duck(now_ns(), 1000 * detection / SAMPLE_RATE))
        # A fresh utterance makes its first partial at once of what it is given first.
        self._caller.drop()
        self._caller.attend(onset)

    def hear(self) -> None:
        """Called with every frame in which a voice is judged."""
        caller, reply = self._caller, self._reply
        assert reply is not None, "no voice is judged"
        self._own += ((self._echo() or 0.0) - self._own) / ECHO_FRAMES
        if self._was_own and self._own < ECHO / 2 and not caller.quiet:
            # The echo is over and a voice goes on: it is another one, and the caller's.
            self.begin(reply, caller.position, asked=self._wanted)
        if not caller.quiet:
            self._sum, self._count = self._sum + caller.probability, self._count + 1

    def judge(self) -> Verdict:
        """Whether they want the floor, as far as is known now. The agent is as loud as before once they do not."""
        reply = self._reply
        if reply is None:
            return Verdict.WAIT
        verdict, why = judge(self._evidence())
        if verdict is Verdict.CUT:
            self._settle(reply, "cut", why)
            self._reply = None
        elif verdict is Verdict.RESTORE and self._ducked_at is not None:
            self._line.duck(reply.turn.reply, False)
            self._settle(reply, "restored", why)
            self._ducked_at, self._was_own = None, why == "echo"
        return verdict

    def _evidence(self) -> Evidence:
        caller = self._caller
        over = caller.quiet >= samples(QUIET_S)
        partial = "" if over else caller.partial  # Once the voice is over, its final transcript will tell.
        asks = self._policy.asks_for_floor(caller.partial)
        since_s = (caller.position - self._onset) / SAMPLE_RATE
        sure = self._growing.after(since_s, self._policy.claim(partial, over=False))
        return Evidence(
            since_s=since_s,
            ducked_s=None if self._ducked_at is None else (caller.position - self._ducked_at) / SAMPLE_RATE,
            text=caller.partial,
            wordy=asks or sure,
            remark=self._policy.is_remark(caller.partial),
            wanted=self._wanted,
            likeness=self._sum / max(self._count, 1),
            quiet_s=caller.quiet / SAMPLE_RATE,
            echo=1.0 if self._was_own else self._own,
            partials=self.partials,
            announced=caller.recurrence.recurs or begins_announcement(caller.partial, over=over),
            behind=caller.near.behind,
            asks=asks and not caller.near.distant,
        )

    def _settle(self, reply: Reply, outcome: str, why: str) -> None:
        duck = reply.turn.ducks[-1]
        if not duck.outcome or outcome == "cut":
            duck.outcome, duck.why, duck.took_ms = outcome, why, (now_ns() - duck.at_ns) / 1e6

    def end(self, why: str = "over") -> None:
        """The voice is over, or the reply is, or somebody else took the floor. Idempotent."""
        reply, self._reply = self._reply, None
        if self._hinted is not None:
            self._line.duck(self._hinted[0].turn.reply, False)
            self._hinted = None
        if reply is not None and self._ducked_at is not None:
            self._line.duck(reply.turn.reply, False)
            self._settle(reply, "restored", why)
        self._ducked_at = None
