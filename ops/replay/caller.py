"""A recorded caller: hears the agent one frame at a time, and decides when to act.

Time is counted in frames heard, 20 ms each, from the answer. Pure: the same caller works over SIP and on the sample
clock. What it hears is divided into spells of voice: a frame is voiced if its RMS is at least `VOICED_RMS`, and a spell
is over after `PAUSE_S` of silence (the gaps within and between sentences are shorter). "The previous cue" below means
the start of the call if there is none:

- `agent_speaking`: the first frame of a spell that begins after the previous cue has begun.
- `agent_finished`: the end of the `PAUSE_S` of silence after a spell of which at least one frame was heard `YIELD_S`
  or more after the previous cue was over. An agent that was just interrupted falls silent sooner than that, and has
  not answered yet.
- `said`: the previous cue is over (its last sample, or its last digit).
- A bare time counts from the answer.
"""

from __future__ import annotations

import math

import numpy as np

from ops.replay.fixture import Anchor, Cue, Fixture
from phone_daemon.events import FRAME_BYTES, PTIME_S
from phone_daemon.wire.tape import DIGIT_S, Act, HangUp, Press, Say

PAUSE_S = 0.5
YIELD_S = 0.3
PATIENCE_S = 60.0
"""How long a caller waits for the next cue's moment, or, after the last cue, for the agent to hang up."""
VOICED_RMS = 80.0
"""Of 32768: below the quietest vowel of a synthetic voice, above the noise of µ-law."""


class _Ear:
    """Spells of the agent's voice, in frames heard."""

    def __init__(self) -> None:
        self.frame = 0
        self.began = -1
        """First frame of the last spell; -1 if there was none yet."""
        self.voiced = -1
        """Last voiced frame."""
        self.over = True

    def hear(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        if samples.size and float(np.sqrt(np.mean(samples * samples))) >= VOICED_RMS:
            if self.over:
                self.began, self.over = self.frame, False
            self.voiced = self.frame
        elif not self.over and self.frame - self.voiced >= _frames(PAUSE_S):
            self.over = True
        self.frame += 1


class RecordedCaller:
    """Plays a fixture's cues in order, each at its moment."""

    def __init__(self, fixture: Fixture) -> None:
        self._cues = fixture.cues
        self._ear = _Ear()
        self._next = 0
        self._before_began = 0
        """A spell that begins at this frame or later has begun after the previous cue."""
        self._before_over = 0
        """Frame at which the previous cue is over."""
        self.hung_up = False
        """Whether the caller ended the call."""
        self.gave_up = ""
        """What the caller waited for in vain before hanging up."""

    def hear(self, agent_pcm: bytes) -> list[Act]:
        """Takes the next 20 ms that the caller hears (empty: silence); returns what the caller begins to do now.

        There is at most one action per frame, and none before the last one is over or after hanging up.
        """
        self._ear.hear(agent_pcm)
        if self.hung_up or self._ear.frame < self._before_over:
            return []
        cue = self._cues[self._next] if self._next < len(self._cues) else None
        if cue is not None and self._due(cue):
            act, length = _act(cue)
            self._next += 1
            self._before_began = self._ear.frame
            self._before_over = self._ear.frame + length
        elif self._ear.frame - self._before_over >= _frames(PATIENCE_S):
            self.gave_up = f"the call was not over {PATIENCE_S:g} s after the last cue"
            if cue is not None:
                waited = f"{cue.anchor} + {cue.delay_s:g} s"
                self.gave_up = f"cue[{self._next + 1}] waited {PATIENCE_S:g} s in vain for {waited}"
            act = HangUp()
        else:
            return []
        self.hung_up = isinstance(act, HangUp)
        return [act]

    @property
    def progress(self) -> float:
        """Fraction of the cues that have begun, 0 to 1."""
        return self._next / len(self._cues) if self._cues else 1.0

    def _due(self, cue: Cue) -> bool:
        since = self._since(cue.anchor)
        return since is not None and self._ear.frame - since >= _frames(cue.delay_s)

    def _since(self, anchor: Anchor) -> int | None:
        """The frame from which a cue counts; None until the event that it waits for has happened."""
        ear = self._ear
        match anchor:
            case Anchor.ANSWERED:
                return 0
            case Anchor.SAID:
                return self._before_over
            case Anchor.AGENT_SPEAKING:
                return ear.began if ear.began >= self._before_began else None
            case Anchor.AGENT_FINISHED:
                answered = ear.voiced >= self._before_over + _frames(YIELD_S)
                return ear.voiced + 1 + _frames(PAUSE_S) if ear.over and answered else None


def _act(cue: Cue) -> tuple[Act, int]:
    """What the caller does at a cue, and how many frames it takes."""
    if cue.hang_up:
        return HangUp(), 0
    if cue.press:
        return Press(cue.press), len(cue.press) * _frames(DIGIT_S)
    return Say(cue.pcm), math.ceil(len(cue.pcm) / FRAME_BYTES)


def _frames(seconds: float) -> int:
    return round(seconds / PTIME_S)
