"""A colleague takes the agent's place: the colleague and the caller hear each other until the colleague leaves.

What the caller says is still transcribed: for the captions, and for the agent, who gets the call back.
"""

from __future__ import annotations

from phone_daemon.call.agent_side import AgentSide
from phone_daemon.call.caller_side import CallerSide, PendingTurn
from phone_daemon.events import Digit, Frame, SpeechEnded, SpeechStarted
from phone_daemon.wire.audio_relay import AudioRelay
from phone_daemon.wire.line import Line


class TakeOver:
    """One colleague's line, connected with the caller's from `begin` to the end of `run`."""

    def __init__(self, caller: Line, colleague: Line, caller_side: CallerSide, agent_side: AgentSide) -> None:
        self.reply = 0
        """The reply number under which the caller's line plays the colleague; 0: the agent is still saying its last
        words."""
        self._caller = caller
        self._colleague = colleague
        self._caller_side = caller_side
        self._agent_side = agent_side
        self._to_caller = AudioRelay(caller.play)
        self._to_colleague = AudioRelay(colleague.play)

    def begin(self) -> None:
        """Connects the two, once the agent has fallen silent."""
        self.reply = self._agent_side.begin_take_over()

    def hear(self, raw: Frame, frame: Frame) -> None:
        """Passes on the caller's next 20 ms as received, `raw`, and transcribes `frame`."""
        self._to_caller.tick(raw.queued)
        self._to_colleague.play(1, raw)
        side = self._caller_side
        for event in side.hear(frame):
            match event:
                case SpeechStarted(onset=onset):
                    side.attend(onset)
                case SpeechEnded():
                    side.make_final(self._understood)
                    side.pending = PendingTurn()

    async def run(self) -> None:
        """Passes on the colleague's audio and keys, and returns when the colleague leaves."""
        async for event in self._colleague.events():
            match event:
                case Frame():
                    self._to_colleague.tick(event.queued)
                    if self.reply:
                        self._to_caller.play(self.reply, event)
                case Digit(digit) if self.reply:
                    self._caller.send_digits(digit)
        if self.reply:
            self._caller.flush(self.reply)

    def end(self) -> None:
        """The caller has gone."""
        self._colleague.hang_up()

    def _understood(self, pending: PendingTurn) -> None:
        if pending.said:
            self._agent_side.overheard(pending)
