"""How loud this call's caller is, and whether the sound now is the caller or somebody behind them, such as a television
or a second talker, who must not take the floor.

The level is learned from turns that were understood, which the caller must have spoken. Until then nobody counts as
far.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phone_daemon.stt.closeness import closeness

FAR_DB = 10.0
"""A talker who is softer than the caller by more than this is far. Someone who is 12 dB softer on average has louder
moments."""
SOFT_DB = 15.0
"""A voice's first frame may be softer than its loudest by up to this much."""
HEARD = 6
"""Number of 20 ms frames of which the second loudest counts: a voice's syllables are this far apart, and a "t" is one
loud frame."""
HELD = 30
"""The same while the caller speaks: they may drop their voice at the end of a sentence and are still the caller."""
NEAR_DB = 6.0
"""A voice whose loudest frames are softer than the caller's by less than this is the caller."""
JUDGED = 25
"""Frames of a softer voice that are judged as a whole; its words do not count before."""
AGAIN = (40, 60)
"""Frames after which its closeness is measured again, because more of a voice tells more: many begin with an "um" or a
"no", which sound distant. Of 330 pieces of second talkers and televisions for tuning, 10 % are as close as a voice at
the telephone after 25 frames, 6 % after 40, and 5 % after 60; of 20 soft interruptions at the telephone that last for
40 frames, 4 are not after 25, and none after 40."""
BEHIND_DB = 11.2
"""A softer voice is not the caller's if it is softer by more than this, measured halfway between its loudest frames and
its mean power. The loudest frames alone do not tell: those of a television that is 13 dB softer are only 8 to 10 dB
softer."""
TURNS = 5
"""The caller's level is the median over this many recent turns."""
DISTANT, FARTHER = 1.38, 0.2
"""A voice comes from across a room if it is less close than this (`closeness.py`), and by this much less than the
caller, who may use a speakerphone, or be in a noise. Of 86 soft interruptions and remarks on the tuning scenes none
is, of 68 televisions and second talkers 63 are."""
KNOWN = 5
"""Frames of a soft voice after which it may prove to be the caller's, who has turned away, or is unsure whether anybody
hears them."""
CLOSE, UNSURE, PER_DB, TURNED_DB = 1.25, 1.5, 0.7, 12.5
"""It is the caller's if it is softer than the caller was by no more than `TURNED_DB`, once its closeness is at least
`CLOSE` + (`UNSURE` + `PER_DB` x softer) / frames, where `softer` is by how many dB it is softer than `NEAR_DB` allows:
the fewer frames and the softer, the more it must differ from a voice across a room. Of 227 soft voices at the
telephone, in sentences and voices for tuning, 45 % are known after 0.2 s, 64 % after 0.3 s, and 83 % after half a
second; of 336 voices across rooms, 3 are mistaken."""
LONG, ENOUGH = 15, 1.52
"""After so many frames this is always enough. Of the pieces of second voices below, one in 70 is as close."""
CLOSEST_DB = 3.0
"""A voice from across a room whose loudest frames are softer than the caller's by less than this may be the caller's
all the same."""
LONGEST = 150
"""Frames of a turn from which its closeness is learned."""
LEAST = 15
"""Least number of speech frames from which a level is learned."""
PEAK = 0.95
"""The share of a turn's frames that are softer than its level."""


class _Heard(NamedTuple):
    """A frame of 20 ms."""

    level_db: float
    pcm: bytes


class _Learned(NamedTuple):
    """What a turn of the caller's told of them."""

    level_db: float
    closeness: float


class NearTalker:
    """The near talker of one call."""

    def __init__(self) -> None:
        self._recent: deque[_Heard] = deque(maxlen=HELD)
        self._turn: list[_Heard] = []
        self._voice: list[_Heard] = []
        """The voice that began most recently, from its first frame to the last that is judged."""
        self._closeness: float | None = None
        """That of the voice, once it is known; None: it is to be measured (again)."""
        self._frames = 0
        """Frames since that voice began."""
        self.close = False
        """Whether the present voice is the caller's by its closeness, though it is soft."""
        self._turns: deque[_Learned] = deque(maxlen=TURNS)
        self._usual: _Learned | None = None
        """The medians of `_turns`."""

    @property
    def latest_db(self) -> float:
        """The level of the latest 20 ms, in dB of full scale."""
        return self._recent[-1].level_db if self._recent else -math.inf

    @property
    def usual_db(self) -> float | None:
        """The caller's level, in dB of full scale; None if it is not yet known."""
        return None if self._usual is None else self._usual.level_db

    @property
    def may_be_near(self) -> bool:
        """Whether the last frame is loud enough to begin something that the caller says."""
        return self.usual_db is None or self.latest_db >= self.usual_db - SOFT_DB

    def hear(self, pcm: bytes, *, voice: bool) -> None:
        """Takes 20 ms; `voice`: whether they belong to a voice that has begun and has not paused."""
        heard = _Heard(level_db(pcm), pcm)
        self._recent.append(heard)
        self._frames += 1
        if len(self._voice) < AGAIN[-1]:
            self._voice.append(heard)
            if len(self._voice) in AGAIN:
                self._closeness = None
        if voice:
            self._turn.append(heard if len(self._turn) < LONGEST else _Heard(heard.level_db, b""))

    def is_far(self, *, speaking: bool, voice: int = 0) -> bool:
        """Whether the latest sound is too soft to be the caller. `speaking`: whether the caller was speaking until now;
        `voice`: for how many frames a voice has been heard, no matter whose."""
        usual = self.usual_db
        if usual is None:
            return False
        self.close = voice >= KNOWN and (self.close or (voice <= JUDGED and self._is_close(usual, voice)))
        return not self.close and _second_loudest(self._latest(HELD if speaking else HEARD)) < usual - FAR_DB

    def _is_close(self, usual: float, voice: int) -> bool:
        """Whether the voice that began `voice` frames ago is soft, and yet the caller's by its closeness."""
        # With the frames around its first one, in which a near voice is most distinct.
        frames = self._latest(voice + 2)
        softer = usual - _second_loudest(frames)
        if not NEAR_DB < softer <= TURNED_DB:
            return False
        close = CLOSE + (UNSURE + PER_DB * (softer - NEAR_DB)) / voice
        if voice >= LONG:
            close = min(close, ENOUGH)
        return closeness([heard.pcm for heard in frames]) >= close

    @property
    def behind(self) -> bool | None:
        """Whether the voice that began most recently is somebody behind the caller; None if that is not yet known."""
        usual = self.usual_db
        nearest_db = CLOSEST_DB if self.distant else NEAR_DB
        if usual is None or _second_loudest(self._latest(self._frames)) >= usual - nearest_db:
            return False
        if len(self._voice) < JUDGED:
            return None
        if self.distant:
            return True
        if self._closeness is not None and self._closeness >= ENOUGH and len(self._voice) >= AGAIN[0]:
            return False
        judged = self._voice[:JUDGED]
        mean_db = 10 * math.log10(sum(10 ** (heard.level_db / 10) for heard in judged) / JUDGED)
        return (_second_loudest(judged) + mean_db) / 2 < usual - BEHIND_DB

    @property
    def distant(self) -> bool | None:
        """Whether the voice that began most recently comes from farther away than the caller's, judging by what a room
        does to it; None if that is not yet known."""
        if len(self._voice) < JUDGED:
            return False if self.close else None
        if self._usual is None:
            return False
        if self._closeness is None:
            self._closeness = closeness([heard.pcm for heard in self._voice])
        return self._closeness < min(DISTANT, self._usual.closeness - FARTHER)

    def begin(self, frames: int = 0) -> None:
        """A voice began `frames` ago, and may be a turn of the caller's from now on."""
        self._frames = frames
        self._voice = self._latest(frames)
        self._closeness = None
        # From the onset: a voice's first syllables are often its loudest, while a VAD is not yet sure of them.
        self._turn = list(self._voice)

    def learn(self) -> None:
        """The latest speech was a turn of the caller's."""
        if len(self._turn) >= LEAST:
            levels = sorted(heard.level_db for heard in self._turn)
            close = closeness([heard.pcm for heard in self._turn[:LONGEST]])
            self._turns.append(_Learned(levels[int(PEAK * (len(levels) - 1))], close))
            level, close = map(_median, zip(*self._turns, strict=True))
            self._usual = _Learned(level, close)
        self._turn.clear()

    def forget(self) -> None:
        """The caller has not been heard for a long time: they may have become softer."""
        self._turns.clear()
        self._usual = None

    def _latest(self, frames: int) -> list[_Heard]:
        """The last `frames` frames, as far as they are kept."""
        return list(self._recent)[max(0, len(self._recent) - frames) :]


def level_db(pcm: bytes) -> float:
    """RMS of 16-bit `pcm` in dB of full scale."""
    values = np.frombuffer(pcm, "<i2").astype(np.float64)
    power = float(values @ values) / max(values.size, 1)
    return 10 * math.log10(power / 2**30 + 1e-12)


def _second_loudest(frames: Sequence[_Heard]) -> float:
    """Of the second loudest of `frames` the level in dB; of fewer than two, -inf."""
    return sorted([heard.level_db for heard in frames])[-2] if len(frames) > 1 else -math.inf


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
