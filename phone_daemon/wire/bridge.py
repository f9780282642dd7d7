"""Connects a caller whose side does not support REFER (a browser, a WebSocket) with a colleague, inside the daemon.

For the agent the call is over, as after any transfer. The two talk through the daemon until either hangs up, and
nothing of it is recorded.
"""

from __future__ import annotations

from phone_daemon.events import Digit, EndReason, Frame, LineClosed, LineEvent, PlayoutDone
from phone_daemon.wire import protocol
from phone_daemon.wire.audio_relay import AudioRelay
from phone_daemon.wire.sip_line import SipLine

BRIEFING, VOICE = 1, 2
"""Reply numbers on the colleague's line."""


class Bridge:
    """Between `caller`, in whose call the agent has said its last word, and `colleague`, who has just answered."""

    def __init__(self, caller: SipLine, colleague: SipLine) -> None:
        self._caller = caller
        self._colleague = colleague
        self._reply = caller.newest_reply + 1
        self._to_caller = AudioRelay(lambda reply, pcm, _: caller.tell(protocol.Play(reply, pcm)))
        self._to_colleague = AudioRelay(colleague.play)
        self.joined = False
        """Whether the two were ever connected: a colleague may hang up during the briefing."""

    async def run(self, briefing: bytes) -> None:
        """Plays `briefing` to the colleague, then connects the two; returns when either has hung up."""
        if briefing:
            self._colleague.play(BRIEFING, briefing)
            self._colleague.finish(BRIEFING)
        else:
            self._join()
        try:
            async for event in self._colleague.events():
                match event:
                    case PlayoutDone(reply=reply) if reply == BRIEFING:
                        self._join()
                    case Frame() if self.joined:
                        self._to_colleague.tick(event.queued)
                        self._to_caller.play(self._reply, event)
                    case Digit(digit) if self.joined:
                        self._caller.tell(protocol.SendDigits(digit))
        finally:
            self._colleague.hang_up()
        if self.joined:
            self._caller.tell(protocol.HangUp(EndReason.TRANSFERRED))

    def _join(self) -> None:
        if self._caller.closed is None:
            self.joined = True
            self._caller.tell(protocol.Music(b""))
            self._caller.hand_over(self._from_caller)
        else:
            self._colleague.hang_up()

    def _from_caller(self, event: LineEvent) -> None:
        match event:
            case Frame():
                self._to_caller.tick(event.queued)
                self._to_colleague.play(VOICE, event)
            case Digit(digit):
                self._colleague.send_digits(digit)
            case LineClosed():
                self._colleague.hang_up()
