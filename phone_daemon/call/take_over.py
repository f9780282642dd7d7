"""A colleague in the agent's place: the caller hears them and they the caller, until they leave.

What the caller says meanwhile is still understood, for the captions and for the agent, who gets the call back.
"""

from __future__ import annotations

from phone_daemon.call.agent_side import AgentSide
from phone_daemon.call.caller_side import CallerSide, PendingTurn
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, Digit, Frame, SpeechEnded, SpeechStarted, samples
from phone_daemon.wire.line import Line

ANNOUNCED = "One moment, please. A colleague is joining us."
GIVEN_BACK = "I am back with you. Is there anything else I can do for you?"
CUSHION = bytes(2 * FRAME_BYTES)
"""Silence before the first sound, and after a gap: frames are late now and then."""
MOST_AHEAD = samples(0.12)
"""A frame that would wait longer is left out, or what was late once would be late for ever."""


class TakeOver:
    """One colleague's line, joined with the caller's from `begin` to the end of `run`."""

    def __init__(self, caller: Line, colleague: Line, caller_side: CallerSide, agent_side: AgentSide) -> None:
        self.reply = 0
        """The number under which the caller's line plays the colleague; 0: the agent has its last word."""
        self._colleague = colleague
        self._caller_side = caller_side
        self._agent_side = agent_side
        self._to_caller = _Way(caller)
        self._to_colleague = _Way(colleague)

    def begin(self) -> None:
        """The agent is silent: from here on the two hear each other."""
        self.reply = self._agent_side.lend()

    def hear(self, raw: Frame, frame: Frame) -> None:
        """Passes on the caller's next 20 ms as they came, `raw`, and listens to what they say, in `frame`."""
        self._to_caller.tick(raw.queued)
        self._to_colleague.play(1, raw.pcm)
        side = self._caller_side
        for event in side.hear(frame):
            match event:
                case SpeechStarted(onset=onset):
                    side.drop()
                    side.attend(onset)
                case SpeechEnded():
                    side.make_final(self._understood)
                    side.pending = PendingTurn()

    async def run(self) -> None:
        """Passes on the colleague's audio and keys; returns when they have left."""
        async for event in self._colleague.events():
            match event:
                case Frame(pcm=pcm, queued=queued):
                    self._to_colleague.tick(queued)
                    if self.reply:
                        self._to_caller.play(self.reply, pcm)
                case Digit(digit) if self.reply:
                    self._to_caller.line.send_digits(digit)
        if self.reply:
            self._to_caller.line.flush(self.reply)

    def end(self) -> None:
        """The caller has gone."""
        self._colleague.hang_up()

    def _understood(self, pending: PendingTurn) -> None:
        if pending.said:
            self._agent_side.overheard(pending)


class _Way:
    """From one line to the other, no further ahead than it must be."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._queued = 0
        """Samples that wait at the line."""

    def tick(self, queued: int) -> None:
        """The line has played 20 ms and told how much waited then; what was sent just now it may not know of."""
        self._queued = queued or max(self._queued - FRAME_SAMPLES, 0)

    def play(self, reply: int, pcm: bytes) -> None:
        if self._queued > MOST_AHEAD:
            return
        pcm = pcm if self._queued else CUSHION + pcm
        self._queued += len(pcm) // 2
        self.line.play(reply, pcm)
