"""Decides whether a sound comes from the caller or from somebody behind them, such as a television or a second talker,
who must not take the floor.

The caller's level is learned from turns that were understood, which the caller must have spoken. Until then, nobody
counts as far away.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phone_daemon.stt.closeness import closeness

FAR_DB = 10.0
"""A talker who is softer than the caller by more than this counts as far away. It is less than 12 dB because someone
who is 12 dB softer on average has louder moments."""
SOFT_DB = 15.0
"""How much softer than its loudest frame a voice's first frame may be."""
HEARD = 6
"""The number of 20 ms frames of which the second loudest counts. A voice's syllables are this far apart; the loudest
may be a "t", which is a single loud frame."""
HELD = 30
"""The same number while the caller speaks, who may drop their voice at the end of a sentence."""
NEAR_DB = 6.0
"""A voice is the caller's if its loudest frames are softer than the caller's by less than this."""
JUDGED = 25
"""A softer voice is judged as a whole after this many frames; its words do not count before that."""
AGAIN = (40, 60)
"""The numbers of frames after which its closeness is measured again, because longer voices are judged more reliably:
many begin with an "um" or a "no", which sound distant. Of 330 pieces of second talkers and televisions for tuning, 10 %
seem to be at the telephone after 25 frames, 6 % after 40, and 5 % after 60. Of 20 soft interruptions at the telephone
that last for 40 frames, 4 do not seem to be there after 25 frames, and all do after 40."""
BEHIND_DB = 11.2
"""A softer voice is not the caller's if it is softer by more than this, measured halfway between its loudest frames and
its mean power. The loudest frames alone are not enough: those of a television that is 13 dB softer are only 8 to 10 dB
softer."""
TURNS = 5
"""The caller's level is the median over this many recent turns."""
DISTANT, FARTHER = 1.38, 0.2
"""A voice comes from across a room if its closeness (`closeness.py`) is below the first value, and below the caller's
by the second, since the caller may use a speakerphone or be in noise. In the tuning scenes this holds for none of 86
soft interruptions and remarks, and for 63 of 68 televisions and second talkers."""
KNOWN = 5
"""The number of frames after which a soft voice may prove to be the caller's, who may have turned away, or be unsure
whether anybody hears them."""
CLOSE, UNSURE, PER_DB, TURNED_DB = 1.25, 1.5, 0.7, 12.5
"""Such a voice is the caller's if it is softer than the caller was by at most `TURNED_DB`, and its closeness is at
least `CLOSE` + (`UNSURE` + `PER_DB` x softer) / frames, where `softer` is how far below `NEAR_DB` it is, in dB. So a
shorter or softer voice must differ more from a voice across a room. Of 227 soft voices at the telephone, in sentences
and voices for tuning, 45 % are recognized after 0.2 s, 64 % after 0.3 s, and 83 % after half a second; of 336 voices
across rooms, 3 are mistaken for the caller's."""
LONG, ENOUGH = 15, 1.52
"""After the first value in frames, a closeness of the second is always enough. Of the pieces of second voices, one in
70 is as close."""
CLOSEST_DB = 3.0
"""A voice from across a room may still be the caller's if its loudest frames are softer than the caller's by less than
this."""
LONGEST = 150
"""The most frames of a turn from which its closeness is learned."""
LEAST = 15
"""Least number of speech frames from which a level is learned."""
PEAK = 0.95
"""The share of a turn's frames that are softer than its level."""


class _Heard(NamedTuple):
    """A frame of 20 ms."""

    level_db: float
    pcm: bytes


class _Learned(NamedTuple):
    """What was learned from one of the caller's turns."""

    level_db: float
    closeness: float


class NearTalker:
    """The near talker of one call."""

    def __init__(self) -> None:
        self._recent: deque[_Heard] = deque(maxlen=HELD)
        self._turn: list[_Heard] = []
        self._voice: list[_Heard] = []
        """The frames of the voice that began most recently, up to the last that is judged."""
        self._closeness: float | None = None
        """The closeness of that voice; None if it has yet to be measured, or measured again."""
        self._frames = 0
        """Frames since that voice began."""
        self.close = False
        """Whether the current voice, although soft, is the caller's according to its closeness."""
        self._turns: deque[_Learned] = deque(maxlen=TURNS)
        self._usual: _Learned | None = None
        """The medians of `_turns`."""

    @property
    def latest_db(self) -> float:
        """The level of the latest 20 ms, in dB relative to full scale."""
        return self._recent[-1].level_db if self._recent else -math.inf

    @property
    def usual_db(self) -> float | None:
        """The caller's level, in dB relative to full scale; None if it is not yet known."""
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
        """Whether the voice that began `voice` frames ago is soft but, according to its closeness, the caller's."""
        # Includes the frames around its first one, in which a near voice is most distinct.
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
        """Whether the voice that began most recently comes from farther away than the caller's, judging by the effect
        of a room on it; None if that is not yet known."""
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
        """Learns from the latest speech, which was a turn of the caller's."""
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
    """The level of the second loudest of `frames` in dB; -inf if there are fewer than two."""
    return sorted([heard.level_db for heard in frames])[-2] if len(frames) > 1 else -math.inf


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
