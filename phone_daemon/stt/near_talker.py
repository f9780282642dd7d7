"""How loud this call's caller is, and whether what is heard now is them or somebody behind them: a television, a second
talker, who do not take the floor.

Learned from turns that were understood, so that it is the caller who teaches it. Until then nobody is far.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

FAR_DB = 10.0
"""Somebody is far who is softer than the caller by more. Who is softer by 12 dB on the whole has louder moments."""
SOFT_DB = 15.0
"""A voice's first frame is softer than its loudest by up to so much."""
HEARD = 6
"""Frames of 20 ms whose loudest but one counts: a voice's syllables are as far apart, and a "t" is one loud frame."""
HELD = 30
"""While the caller speaks: they may drop their voice at the end of a sentence, and are still them."""
NEAR_DB = 6.0
"""Whose loudest frames are softer than the caller's by less is the caller."""
JUDGED = 25
"""Frames of a softer voice that are judged as a whole: its words are not listened to before."""
BEHIND_DB = 11.2
"""Such a voice is not the caller's if it is softer by more: halfway between its loudest frames and its mean power. The
loudest frames alone do not tell: those of a television that is softer by 13 dB are softer by 8 to 10."""
TURNS = 5
"""The caller's level is the median of so many of their last turns."""
LEAST = 15
"""Frames of speech from which a level is learned."""
PEAK = 0.95
"""Of the frames of a turn, the share that is softer than its level."""


class NearTalker:
    """Of one call."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque([-math.inf] * HELD, HELD)
        self._turn: list[float] = []
        self._voice: list[float] = []
        """Levels of the voice that set in last, from its first frame."""
        self._frames = 0
        """Since then."""
        self._turns: deque[float] = deque(maxlen=TURNS)

    @property
    def usual_db(self) -> float | None:
        """The caller's level, in dB of full scale; None: not known yet."""
        return sorted(self._turns)[len(self._turns) // 2] if self._turns else None

    @property
    def may_be_near(self) -> bool:
        """Whether the last frame is loud enough for the beginning of something that the caller says."""
        return self.usual_db is None or self._levels[-1] >= self.usual_db - SOFT_DB

    def hear(self, pcm: bytes, *, voice: bool) -> None:
        """Takes 20 ms; `voice`: they are of a voice that has set in, and has not paused."""
        level = level_db(pcm)
        self._levels.append(level)
        self._frames += 1
        if len(self._voice) < JUDGED:
            self._voice.append(level)
        if voice:
            self._turn.append(level)

    def is_far(self, *, speaking: bool) -> bool:
        """Whether what was heard last is too soft to be the caller; `speaking`: the caller was, until now."""
        usual = self.usual_db
        recent = self._levels if speaking else list(self._levels)[-HEARD:]
        return usual is not None and sorted(recent)[-2] < usual - FAR_DB

    @property
    def behind(self) -> bool | None:
        """Whether the voice that set in last is somebody's behind the caller; None: that is not known yet."""
        usual = self.usual_db
        recent = sorted(list(self._levels)[max(0, HELD - self._frames) :])
        if usual is None or (len(recent) > 1 and recent[-2] >= usual - NEAR_DB):
            return False
        if len(self._voice) < JUDGED:
            return None
        mean_db = 10 * math.log10(sum(10 ** (level / 10) for level in self._voice) / JUDGED)
        return (sorted(self._voice)[-2] + mean_db) / 2 < usual - BEHIND_DB

    def begin(self, frames: int = 0) -> None:
        """A voice has set in `frames` ago, and may be a turn of the caller's from now on."""
        self._frames = frames
        self._voice = list(self._levels)[max(0, HELD - frames) :]
        # From the onset: a voice's first syllables are often its loudest, and a VAD is not sure of them yet.
        self._turn = list(self._voice)

    def learn(self) -> None:
        """What was heard was a turn of the caller's."""
        if len(self._turn) >= LEAST:
            self._turns.append(sorted(self._turn)[int(PEAK * (len(self._turn) - 1))])
        self._turn.clear()

    def forget(self) -> None:
        """The caller was not heard for long: they may have become softer."""
        self._turns.clear()


def level_db(pcm: bytes) -> float:
    """RMS of 16-bit `pcm` in dB of full scale."""
    values = np.frombuffer(pcm, "<i2").astype(np.float64)
    power = float(values @ values) / max(values.size, 1)
    return 10 * math.log10(power / 2**30 + 1e-12)
