"""Ducking: lowers the agent's voice without silencing it, as a radio lowers the music under an announcer.

Pure, with integers only, so that a telephone line and a tape yield the same frames.
"""

from __future__ import annotations

from array import array

from phone_daemon.events import samples

DUCKED_DB = -18.0
"""How much softer a ducked reply is: quiet enough to talk over, loud enough to follow."""
RAMP = samples(0.040)
"""Samples from full volume to ducked and back. A shorter ramp clicks; a longer one sounds like fading."""
_SHIFT = 15
_GAINS = [round(2**_SHIFT * 10 ** (DUCKED_DB * step / RAMP / 20)) for step in range(RAMP + 1)]


class Gain:
    """One reply's gain, which changes gradually as samples are played."""

    def __init__(self, by: int = 1) -> None:
        """`by`: the frames' sample rate, as a multiple of 8 kHz."""
        self._by = by
        self.ducked = False
        """Whether the reply should be soft; `apply` gets there over `RAMP` samples at 8 kHz."""
        self._step = 0

    def apply(self, frame: bytes) -> bytes:
        """Returns the 16-bit `frame` with the gain applied."""
        way = RAMP if self.ducked else 0
        if self._step == way == 0:
            return frame
        pcm = array("h", frame)
        steps = range(self._step + 1, way) if way else range(self._step - 1, -1, -1)
        size = len(pcm) // self._by
        gains = [_GAINS[step] for step in steps[:size]]
        gains += [_GAINS[way]] * (size - len(gains))
        self._step = way if len(steps) <= size else steps[size - 1]
        if self._by > 1:
            gains = [gain for gain in gains for _ in range(self._by)]
        return array("h", [sample * gain >> _SHIFT for sample, gain in zip(pcm, gains, strict=True)]).tobytes()
