"""While a voice that begins over the agent's is judged, the agent goes on at a lower volume.

first hint ──► duck ──► onset ──► words: cut; a remark, a noise: restore, and watch the voice until it ends

A hint is any sound that begins, or a single window of sound that may be speech. A hint that comes to nothing only makes
the agent softer for an instant.
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
"""How long the agent speaks softly after a hint that comes to nothing."""
ECHO_FRAMES = 8
"""The likelihood of echo is smoothed over this many frames (160 ms), because an instant of doubt is no echo."""


class Ducking:
    """Lowers and restores the agent's volume in one call. At most one voice is judged at a time."""

    def __init__(
        self, line: Line, caller: CallerSide, policy: BargeInPolicy, echo: Callable[[], float | None] = lambda: None
    ) -> None:
        """`echo`: how likely what is heard now is the agent's own voice, 0 to 1; None: the line does not return it."""
        self._line = line
        self._caller = caller
        self._policy = policy
        self._echo = echo
        self._reply: Reply | None = None
        """The reply over which the voice began; None while no voice is judged."""
        self._onset: int
        self._ducked_at: int | None = None
        self._hinted: tuple[Reply, int, int] | None = None
        """After a hint: the softened reply, since when it is soft, and when the last hint was."""
        self._wanted: bool
        self._growing: Growing
        self._sum: float
        self._count: int
        self._own: float
        """`echo`, smoothed, since the voice began."""
        self._was_own: bool
        """Whether the voice was judged to be the agent's own."""
        self.partials = False
        """Whether the recognizer gives partial transcripts."""

    @property
    def judging(self) -> bool:
        """Whether a voice is being judged, or was judged and has not ended."""
        return self._reply is not None

    @property
    def wanted(self) -> bool:
        """Whether the present or last voice cannot be a mere remark, because the agent had asked something."""
        return self._wanted

    def hint(self, reply: Reply) -> None:
        """Softens `reply` for an instant if a voice may be beginning. Called with every frame while none is judged."""
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
        """A voice begins at `onset`, over `reply`; `asked`: the reply has asked something, or is about to."""
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
        # A fresh utterance makes its first partial at once, from the audio that it gets first.
        self._caller.drop()
        self._caller.attend(onset)

    def hear(self) -> None:
        """Called with every frame in which a voice is judged."""
        caller, reply = self._caller, self._reply
        assert reply is not None, "no voice is judged"
        self._own += ((self._echo() or 0.0) - self._own) / ECHO_FRAMES
        if self._was_own and self._own < ECHO / 2 and not caller.quiet:
            # The echo is over, but a voice goes on: it must be the caller's.
            self.begin(reply, caller.position, asked=self._wanted)
        if not caller.quiet:
            self._sum, self._count = self._sum + caller.probability, self._count + 1

    def judge(self) -> Verdict:
        """Whether they want the floor, as far as is known. If they do not, the agent returns to full volume."""
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
        partial = "" if over else caller.partial  # Once the voice is over, its final transcript decides.
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
        """Ends the judgment: the voice or the reply is over, or the floor was taken. Idempotent."""
        reply, self._reply = self._reply, None
        if self._hinted is not None:
            self._line.duck(self._hinted[0].turn.reply, False)
            self._hinted = None
        if reply is not None and self._ducked_at is not None:
            self._line.duck(reply.turn.reply, False)
            self._settle(reply, "restored", why)
        self._ducked_at = None
