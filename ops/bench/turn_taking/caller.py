"""The caller of a scene: hears the agent 20 ms at a time, and answers with what their line sends next."""

from __future__ import annotations

import numpy as np

from ops.bench.turn_taking.scene import Scene
from phone_daemon.events import FRAME_BYTES, PTIME_S
from phone_daemon.wire.tape import Act, HangUp, Say

VOICED = 80.0
"""RMS, of 32768, of a frame in which the agent is audible."""
TURN_PAUSE_S = 0.4
"""The agent has finished after this much silence."""
AFTER_S = 3.0
"""After their sound is over, callers listen for this long to an agent who should have stopped."""
DONE_S = 1.6
"""An agent who should continue is done after this much silence."""
LONGEST_S = 60.0


def ticks(seconds: float) -> int:
    return round(seconds / PTIME_S)


class SceneCaller:
    """First lets the agent greet, and asks for a long answer if the scene needs one; then plays the scene."""

    def __init__(self, scene: Scene, *, silent: bool = False) -> None:
        """`silent`: the caller only asks; this shows how the reply sounds when nothing happens."""
        self._scene = scene
        self._echo = None if silent or scene.echo_loss_db is None else 10 ** (-scene.echo_loss_db / 20)
        self._sound = b"" if silent else scene.pcm()
        self._opening = scene.opening() if scene.when == "reply" else b""
        self._sending = bytearray()
        self._heard: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        self.levels: list[float] = []
        """RMS of the audio heard, by tick."""
        self.reply_at: int | None = None
        """The tick in which the reply was first heard; in scenes without one, the tick after the question."""
        self.began_at: int | None = None
        """The tick in which sending the scene's sound began."""
        self._asked_at: int | None = None

    @property
    def now(self) -> int:
        return len(self.levels)

    @property
    def onset_at(self) -> int:
        """The tick in which the sound itself begins."""
        return (self.began_at or 0) + int(self._scene.onset_s / PTIME_S)

    @property
    def over_at(self) -> int:
        """The tick in which the sound itself is over."""
        return (self.began_at or 0) + -int(-self._scene.end_s // PTIME_S)

    def hear(self, agent: bytes) -> list[Act]:
        frame = np.frombuffer(agent.ljust(FRAME_BYTES, b"\0"), "<i2").astype(np.float64)
        self._heard.append(frame)
        self.levels.append(float(np.sqrt(np.mean(frame**2))))
        self._act()
        if self._done():
            return [HangUp()]
        sent = np.frombuffer(bytes(self._sending[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0"), "<i2").astype(np.float64)
        del self._sending[:FRAME_BYTES]
        back = self.now - 1 - ticks(self._scene.echo_delay_s)
        if self._echo is not None and back >= 0:
            sent = sent + self._echo * self._heard[back]
        return [Say(np.clip(np.round(sent), -32768, 32767).astype("<i2").tobytes())]

    def _act(self) -> None:
        if self._asked_at is None:
            if self._finished():
                self._asked_at = self.now + ticks(len(self._opening) / 16000)
                self._sending += self._opening
                if not self._opening:
                    self.reply_at = self.now
        elif self.reply_at is None:
            if self.now > self._asked_at and self.levels[-1] >= VOICED:
                self.reply_at = self.now - 1
        elif self.began_at is None:
            lead = self._scene.onset_s if self._scene.when == "reply" else 0.0
            if self.now >= self.reply_at + ticks(self._scene.at_s - lead):
                self.began_at = self.now
                self._sending += self._sound

    def _finished(self) -> bool:
        """Whether the agent has spoken and fallen silent."""
        pause = ticks(TURN_PAUSE_S)
        return self.now > pause and max(self.levels) >= VOICED and max(self.levels[-pause:]) < VOICED

    def _done(self) -> bool:
        if self.now >= ticks(LONGEST_S):
            return True
        if self.began_at is None or self.now < self.over_at:
            return False
        if self._scene.when == "reply" and self._scene.wants == "go on":
            return max(self.levels[-ticks(DONE_S) :]) < VOICED
        return self.now >= self.over_at + ticks(AFTER_S)
