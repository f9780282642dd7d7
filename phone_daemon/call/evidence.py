"""Judges a voice that begins while the agent speaks, by what is known of it. Pure: values in, a verdict out.

The first 300 ms of a voice's sound do not tell whether somebody wants the floor: a logistic model of the spectrum (18
mel bands every 10 ms) separated remarks from interruptions, by voices that it was not trained on, with an area under
the curve of only 0.65. The first words do tell: they are known some 300 ms after the onset, and "stop" is not taken for
"uh-huh".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

DECIDE_S = 0.35
"""How long the agent speaks softly because of a remark or a noise."""
UNDECIDED_S = 1.5
"""How long at most, while somebody clearly speaks and it is not yet known what they want."""
CLEAR = 0.7
"""Mean probability of speech above which it is certainly a voice."""
LONGEST_REMARK_S = 1.3
"""Somebody who speaks for longer than this, in words that are not a remark, wants the floor, whatever the words."""
WORDLESS_S = 0.7
"""If recognition gives no partials, a clear voice that lasts this long takes the floor."""
QUIET_S = 0.2
"""For an interruption, a voice is over once it has paused for this long."""
DOUBT = 0.9
"""A claim to the floor (`language/remarks.py`) that is no stronger than this is no evidence."""
SURE = 0.11
"""Evidence that takes the floor, in claimed words times seconds: two words that nobody says in passing, though nobody
takes the floor with them either, must last for 0.1 s, because of "oh, okay" a partial may say "I will ask", and the
next one no longer; a weaker claim must last longer. With a `DOUBT` of 0.6 the agent stops 10 ms sooner, at 187
interruptions for tuning, and at 5 instead of 2 of 164 other sounds."""
ECHO = 0.5
"""Likelihood above which it is the agent's own voice, returned by the line."""


class Verdict(Enum):
    WAIT = auto()
    CUT = auto()
    """They want the floor."""
    RESTORE = auto()
    """As far as is known, they do not: the agent goes on at full volume, and keeps listening."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a voice over the agent's."""

    since_s: float
    """Seconds since the voice began."""
    ducked_s: float | None
    """How long the agent has spoken softly; None at full volume."""
    text: str
    """The words recognized so far."""
    wordy: bool
    """Whether `text` has been more than a remark for long enough to be sure of it (`Growing`)."""
    remark: bool
    """Whether `text` is one of the dialplan's remarks."""
    wanted: bool
    """Whether any words are an answer, because the agent has asked something, or the dialplan has no remarks."""
    likeness: float
    """Mean probability of speech since it began, 0 to 1."""
    quiet_s: float
    """Seconds since its last speech."""
    echo: float = 0.0
    """Likelihood that it is the agent's own voice, 0 to 1."""
    partials: bool = True
    """Whether the recognizer gives partial transcripts."""
    announced: bool = False
    """Whether `text` begins like a queue's announcement, or the same sound was heard before in this call."""
    behind: bool | None = False
    """Whether it is somebody behind the caller; None if it is soft enough for that, but too short to tell."""
    asks: bool = False
    """Whether `text` has words that ask for the floor, which people near the caller seldom say."""


class Growing:
    """Evidence for a claim to the floor, which grows for as long as the claim lasts, and the faster the stronger it is.
    It starts again when the claim is taken back."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._at_s: float | None = None

    def after(self, s: float, claim: float) -> bool:
        """Whether there is enough evidence at `s` seconds, given the present `claim` in words. Called repeatedly."""
        if claim <= DOUBT:
            self._sum, self._at_s = 0.0, None
            return False
        if self._at_s is not None:
            self._sum += (claim - DOUBT) * (s - self._at_s)
        self._at_s = s
        return self._sum >= SURE


def judge(seen: Evidence) -> tuple[Verdict, str]:  # noqa: PLR0911 (a list of reasons, the first of which counts)
    """Returns what to do, and why."""
    if seen.echo > ECHO:
        return _unless_ducked(seen, "echo")
    if seen.announced:
        return _unless_ducked(seen, "announcement")
    if seen.behind is not False and not seen.asks:
        return _unless_ducked(seen, "behind") if seen.behind else (Verdict.WAIT, "")
    if seen.wordy or (seen.wanted and seen.text):
        return Verdict.CUT, "words"
    over = seen.quiet_s >= QUIET_S
    clear = seen.likeness >= CLEAR and not over
    if clear and seen.wanted:
        return Verdict.CUT, "speech"
    if clear and not seen.partials and seen.since_s >= WORDLESS_S:
        return Verdict.CUT, "speech"
    if clear and seen.text and not seen.remark and seen.since_s >= LONGEST_REMARK_S:
        return Verdict.CUT, "length"
    if seen.ducked_s is not None and (seen.ducked_s >= _patience(seen, clear) or (over and seen.text)):
        return Verdict.RESTORE, "remark" if seen.text else "noise"
    return Verdict.WAIT, ""


def _patience(seen: Evidence, clear: bool) -> float:
    return UNDECIDED_S if clear and seen.partials and not seen.remark else DECIDE_S


def _unless_ducked(seen: Evidence, why: str) -> tuple[Verdict, str]:
    return (Verdict.WAIT if seen.ducked_s is None else Verdict.RESTORE), why
