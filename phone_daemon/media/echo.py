"""Echo cancellation: finds the agent's own voice when the caller's line returns it, cancels it, and silences what
remains.

A speakerphone, an analog adapter, or a hybrid returns what we play, 0 to 600 ms later and 0 to 45 dB weaker. Until an
echo is found (`echo_delay.py`), nothing is touched: a clean line's audio stays as it came, to the bit. Then WebRTC's
AEC3 cancels the echo (`pywebrtc-audio`, which always runs it at 16 kHz: a wideband line costs the same CPU, and is 8 ms
late instead of 11), with our audio shifted by the delay that was found. AEC3 converges in less than a second, and does
not make a caller who speaks over the agent softer, but what it leaves of the echo is still speech to a VAD. So each
frame is compared with the expected level of the echo, and a frame that the echo explains is silenced.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import FRAME_SAMPLES, SAMPLE_RATE, WIDE_RATE, Frame, WideFrame, samples
from phone_daemon.media.echo_delay import LAGS, EchoDelay, Samples
from phone_daemon.media.half_band import Halver

LOOP_DB = -6.0
"""An echo louder than this comes from a line that returns our own audio."""
LOOP_FRAMES = 12
"""Number of frames in which a loop must be seen before it is certain (a second, because every fourth frame is
examined)."""
EARLY = samples(0.010)
"""Our audio reaches the canceller this long before its echo, for a response that begins before its peak."""
SPAN = samples(0.030)
"""An echo that comes at most this much later than our audio reaches the canceller is left to the canceller, which
adapts."""
PRIMED = 25
"""Past frames that a new canceller hears first (half a second, 13 ms of CPU), so that it has converged."""
FADING = 0.6
"""The share of the echo's power that remains one frame later, for a room with a reverberation time (RT60) of 0.5 s."""
GONE = 500
"""Frames of our voice (10 s) without any echo, after which the echo is considered gone."""
DOUBT = 16
"""Frames (320 ms) for which a possible echo is kept from being taken for the caller's speech."""
LOOKED = 4
"""Frames after which a caller can be told from an echo that has moved, if they are louder than it."""
CALM = 5
"""Frames (100 ms) after which a suspicion is dropped."""
DOUBTFUL = 0.8
"""A correlation that stands out by this much may become an echo's."""
MARGIN_DB = 8.0
"""A frame that is louder than the usual residual echo by this much may be the caller."""
CALLER_DB = 6.0
"""A frame that is louder by this much more certainly is the caller."""
QUIETEST_DB, NOISE_RISE_DB = 10.0, 0.05
"""The line's noise is at least this loud (-80 dBFS), and is assumed to rise by no more than this per frame (2.5
dB/s)."""
SPREAD_DB = 4.0
"""An echo's level varies by this much from frame to frame, because the line's effect on a spectrum depends on the
vowel."""
SILENCED_DB = -30.0
"""Gain applied to a frame that is only echo."""
SETTLING = 8
"""Frames (160 ms) after an echo is found in which a VAD that heard its beginning may still take it for speech."""
OPEN = 10
"""Frames (200 ms) for which nothing is silenced once the caller has spoken over the agent, because words have soft
ends."""

LOOPS = "the line returns our own audio"
"""The message to the operator about a line that loops back."""


class Canceller(Protocol):
    """An echo canceller that takes and returns frames of 20 ms."""

    def process(self, near: NDArray[np.int16], far: NDArray[np.int16], /) -> NDArray[np.int16]: ...


@dataclass(frozen=True, slots=True)
class EchoPath:
    """An echo, as it was found."""

    delay_ms: int
    level_db: float
    """Its level relative to what we played."""


def webrtc(rate: int) -> Canceller:
    """AEC3, at 8 or 16 kHz. Raises `ImportError` if the package is missing."""
    from pywebrtc_audio import AudioProcessor  # noqa: PLC0415  (most calls have no echo)

    return AudioProcessor(sample_rate=rate, echo_cancellation=True)


class EchoCanceller:
    """One call's echo canceller. Everything is counted in frames, so the result does not depend on the speed of the
    call."""

    def __init__(
        self, canceller: Callable[[int], Canceller] = webrtc, *, off: bool = False, rate: int = SAMPLE_RATE
    ) -> None:
        """`off`: do not even look for echoes. `rate`: the sampling rate for which `canceller` is made.

        At `WIDE_RATE` it cleans `WideFrame`s, but still finds and judges echoes at 8 kHz.
        """
        self.path: EchoPath | None = None
        """The echo that is being cancelled; None if there is none."""
        self.failed = off
        """Whether nothing is cancelled, because it was not asked for, or the canceller has failed or is missing."""
        self.news: list[EchoPath | str] = []
        """Unreported news: an echo, or what is wrong with the line or the canceller."""
        self.likely = 0.0
        """How much of the caller's last frame is explained by echo, 0 to 1."""
        self._make = functools.partial(canceller, rate)
        self._canceller: Canceller | None = None
        self._delay = EchoDelay()
        self._next = 0
        self._past = _Past()
        self._wide = _Past(WIDE_RATE) if rate == WIDE_RATE else None
        self._halver = Halver()
        self._lag = self._shift = 0
        self._envelope = 0.0
        """Power of what we played, with the decay of its echo up to now."""
        self._told = self._told_loop = False
        self._loudest: deque[float] = deque([0.0] * (LAGS // FRAME_SAMPLES), LAGS // FRAME_SAMPLES)
        """Power of what we played in the last frames, any of which an echo may repeat."""
        self._noise_db = QUIETEST_DB
        self._level_db = self._residual_db = 0.0
        """Level of the echo relative to what we played, and of what the canceller leaves relative to the echo."""
        self._unseen = self._loop = self._open = self._doubts = self._calm = self._settling = 0

    @property
    def doubted(self) -> bool:
        """Whether what the caller's line sends now may be an echo that has not been found yet."""
        return 0 < self._doubts <= DOUBT or (self._settling > 0 and not self._open)

    def clean(self, frame: Frame) -> Frame:
        """`frame` without the agent's echo; the same frame as long as there is none."""
        if self.failed:
            return frame
        for _ in range(min((frame.position - self._next) // FRAME_SAMPLES, len(self._loudest))):
            self._remember(None, np.zeros(FRAME_SAMPLES, np.float32), None)
            self._delay.feed(self._past.heard(), None, look=False)
        self._next = frame.position + FRAME_SAMPLES
        caller = np.frombuffer(frame.pcm, "<i2").astype(np.float32)
        agent = np.frombuffer(frame.agent, "<i2").astype(np.float32) if frame.agent else None
        self._remember(frame, caller, agent)
        try:
            cleaned = self._clean(caller, agent)
        except Exception as error:
            # Third-party code: whatever it raises, the call continues without it.
            self._forget()
            self.failed = True
            self.news.append(f"the agent's echo is not cancelled, so it may hear itself: {error}")
            return frame
        if cleaned is None:
            return frame
        pcm, *wide = (each.tobytes() for each in cleaned)
        return replace(frame, pcm=pcm, wide=wide[0]) if isinstance(frame, WideFrame) else replace(frame, pcm=pcm)

    def _remember(self, frame: Frame | None, caller: Samples, agent: Samples | None) -> None:
        self._past.add(caller, agent)
        if self._wide is not None and isinstance(frame, WideFrame):
            played = None if agent is None else np.frombuffer(frame.wide_agent, "<i2")
            self._wide.add(np.frombuffer(frame.wide, "<i2"), played)
        elif self._wide is not None:
            self._wide.add(None, None)
        self._noise_db = max(min(_db(_power(caller)), self._noise_db + NOISE_RISE_DB), QUIETEST_DB)
        self._loudest.append(0.0 if agent is None else _power(agent))

    def _clean(self, caller: Samples, agent: Samples | None) -> tuple[NDArray[np.int16], ...] | None:
        """The frame's audio without its echo, as `_cancel` returns it; None if the frame needs no change."""
        if self.path is None:
            self._delay.feed(caller, agent)
            self._doubts = self._doubts + 1 if self._delay.standing >= DOUBTFUL else 0
            if self._delay.lag is None:
                return None
            self._found(self._delay.lag)
        else:
            # Looking costs as much as cancelling, so once the echo is known, every fourth frame is enough.
            self._delay.feed(caller, agent, look=self._doubts > 0 or self._next // FRAME_SAMPLES % 4 == 0)
            if self._delay.lag is not None and self._delay.lag != self._lag:
                self._moved(self._delay.lag)
        self._follow()
        if self.path is None or max(self._loudest) <= 1:
            self._open, self.likely = 0, 0.0
            return None
        return self._judged(caller)

    def _found(self, lag: int) -> None:
        """Takes in a new echo: how loud it is relative to what we played."""
        self._adapt_to(lag)
        powers = [(self._past.played(lag, ago), self._past.heard(ago)) for ago in range(PRIMED - 1, -1, -1)]
        ratios, envelope = [], 0.0
        for played, heard in powers:
            envelope = max(_power(played), FADING * envelope)
            ratios.append((envelope, _db(_power(heard)) - _db(envelope)))
        self._envelope = envelope
        # Only the loud frames count: in the others the line's own noise is louder than the echo.
        loud = [ratio for power, ratio in ratios if power > max(1.0, 0.1 * max(ratios)[0])]
        self._level_db = sum(loud) / len(loud) if loud else 0.0
        self._unseen = self._open = self._doubts = 0
        self.path = EchoPath(round(1000 * lag / SAMPLE_RATE), round(self._level_db, 1))
        if not self._told:
            self._told = True
            self.news.append(self.path)

    def _moved(self, lag: int) -> None:
        """The echo comes earlier or later than before."""
        if 0 <= lag - self._shift <= SPAN:
            self._lag = lag
        else:
            self._adapt_to(lag)

    def _adapt_to(self, lag: int) -> None:
        """Creates a canceller for an echo at `lag`, and feeds it the last half second."""
        self._lag, self._shift = lag, max(0, lag - EARLY)
        self._canceller = self._make()
        for ago in range(PRIMED - 1, 0, -1):
            self._cancel(ago)
        self._residual_db = -MARGIN_DB + 2
        self._settling = SETTLING

    def _cancel(self, ago: int = 0) -> tuple[NDArray[np.int16], ...]:
        """What the canceller leaves of the frame `ago` frames ago: at 8 kHz, and of a wideband line also at 16 kHz."""
        assert self._canceller is not None
        past = self._wide or self._past
        near, far = past.heard(ago), past.played(self._shift, ago)
        left = self._canceller.process(near.astype(np.int16), far.astype(np.int16))
        if self._wide is None:
            return (left,)
        halved, wide = self._halver.feed(left.tobytes())
        return np.frombuffer(halved, np.int16), np.frombuffer(wide, np.int16)

    def _follow(self) -> None:
        """Tracks how loud the echo is expected to be now, and whether it is gone."""
        power = _power(self._past.played(self._lag))
        self._envelope = max(power, FADING * self._envelope)
        if power > 1:
            self._unseen = 0 if self._delay.standing >= 1 else self._unseen + 1
        if self._unseen >= GONE:
            self._forget()

    def _forget(self) -> None:
        self._delay.forget()
        self.path, self.likely, self._doubts, self._settling, self._open = None, 0.0, 0, 0, 0

    def _judged(self, caller: Samples) -> tuple[NDArray[np.int16], ...]:
        """The frame with its echo cancelled, and silenced as far as the residual echo explains it."""
        self._settling = max(0, self._settling - 1)
        cleaned = self._cancel()
        expected_db = _db(self._envelope) + self._level_db
        raw_db, left_db = _db(_power(caller)), _db(_power(cleaned[0].astype(np.float32)))
        over = (left_db - max(expected_db + self._residual_db + MARGIN_DB, self._noise_db + CALLER_DB)) / CALLER_DB
        anywhere_db = _db(max(self._loudest)) + self._level_db + SPREAD_DB
        if over < 1:
            self._open, self._calm = max(0, self._open - 1), self._calm + 1
            self._doubts = 0 if self._calm >= CALM else self._doubts
        elif self._open == 0 and self._may_have_moved(raw_db - anywhere_db):
            self._doubts, self._calm = self._doubts + 1, 0
        else:
            self._open, self._doubts = OPEN, 0
        if over < 0 and self._envelope > 1:
            self._learn(raw_db, left_db, expected_db)
        self.likely = 0.0 if self._open else min(max(1 - over, 0.0), 1.0)
        gain = 10 ** (SILENCED_DB * self.likely / 20)
        return tuple((each * gain).astype(np.int16) for each in cleaned)

    def _may_have_moved(self, louder_db: float) -> bool:
        """Whether a frame that is not the expected echo may be an echo at another time, judging by its level and a new
        look.

        `louder_db`: relative to the loudest that an echo may be now.
        """
        if self._doubts == 0:
            self._delay.look_anew()
        if louder_db >= CALLER_DB or self._doubts >= DOUBT:
            return False
        return self._doubts < LOOKED or louder_db < 0 or self._delay.recent >= DOUBTFUL

    def _learn(self, raw_db: float, left_db: float, expected_db: float) -> None:
        """Learns from a frame of pure echo how loud the echo is, and what the canceller leaves of it."""
        off_db = raw_db - expected_db
        # An echo that is missing (because its packets came late, or never) says nothing about how loud it is.
        if self._delay.standing >= 1 and self._envelope > 0.1 * max(self._loudest) and off_db > -2 * MARGIN_DB:
            self._level_db += 0.1 * min(max(off_db, -3.0), 3.0)
            self._loop = self._loop + 1 if self._level_db > LOOP_DB else 0
            if self._loop == LOOP_FRAMES and not self._told_loop:
                self._told_loop = True
                self.news.append(LOOPS)
        self._residual_db += 0.08 * (min(max(left_db - expected_db, -30.0), -6.0) - self._residual_db)


class _Past:
    """The recent audio, heard and played, at one rate: as much as a new canceller needs. Lags are at 8 kHz."""

    def __init__(self, rate: int = SAMPLE_RATE) -> None:
        self._by = rate // SAMPLE_RATE
        self._frame = self._by * FRAME_SAMPLES
        self._caller = np.zeros(PRIMED * self._frame, np.float32)
        self._agent = np.zeros(self._by * LAGS + PRIMED * self._frame, np.float32)

    def add(self, caller: NDArray[np.generic] | None, agent: NDArray[np.generic] | None) -> None:
        """Adds 20 ms; None means silence."""
        for past, new in ((self._agent, agent), (self._caller, caller)):
            past[: -self._frame] = past[self._frame :]
            past[-self._frame :] = 0 if new is None else new

    def heard(self, ago: int = 0) -> Samples:
        """The frame `ago` frames ago."""
        end = self._caller.size - ago * self._frame
        return self._caller[end - self._frame : end]

    def played(self, lag: int, ago: int = 0) -> Samples:
        """What we played `lag` samples before that frame."""
        end = self._agent.size - self._by * lag - ago * self._frame
        return self._agent[end - self._frame : end]


def _power(audio: Samples) -> float:
    return float(audio @ audio) / audio.size


def _db(power: float) -> float:
    return 10 * math.log10(power + 1e-3)
