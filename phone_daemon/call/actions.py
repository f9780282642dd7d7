"""What a reply does besides speaking, once it has been heard: it presses keys, transfers, plays hold music, or hangs
up."""

from __future__ import annotations

from phone_daemon.call.caller_side import Spawn, Tell
from phone_daemon.call.services import Services
from phone_daemon.call.wording import BUSY, NOT_PUT_THROUGH
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.events import Action, ActionKind
from phone_daemon.media.hold_music import melody
from phone_daemon.tts.voice import TtsLost
from phone_daemon.wire.line import Line

BUSY_CODES = (486, 600)
"""SIP: Busy Here, Busy Everywhere."""


class Actions:
    """The actions of one call's replies."""

    def __init__(self, line: Line, dialplan: Dialplan, services: Services, spawn: Spawn, tell: Tell) -> None:
        self._line = line
        self._dialplan = dialplan
        self._services = services
        self._spawn = spawn
        self._tell = tell

    def begin(self, actions: list[Action]) -> list[Action]:
        """Reports the `actions` of a reply, carries out those after which the call continues, and returns the rest."""
        for action in actions:
            if action.kind is not ActionKind.TAKE_MESSAGE:
                self._tell("action", {"kind": str(action.kind), "argument": action.argument})
            if action.kind is ActionKind.SEND_DTMF:
                self._line.send_digits(action.argument)
        return [action for action in actions if action.kind in (ActionKind.HANG_UP, ActionKind.TRANSFER)]

    def end(self, actions: list[Action]) -> None:
        """Hangs up or transfers, as the final `actions` say."""
        for action in actions:
            if action.kind is ActionKind.TRANSFER and action.briefing:
                self._spawn(self._consult(action))
            elif action.kind is ActionKind.TRANSFER:
                self.play_music()  # Otherwise they would hear nothing while it rings.
                self._line.transfer(action.argument)
            else:
                self._line.hang_up()

    def play_music(self) -> None:
        """Plays music to the caller from now on."""
        self._line.play_music(self._dialplan.hold_music or melody())

    async def _consult(self, action: Action) -> None:
        """Calls a colleague, tells them who is calling, and connects them with the caller, who hears music
        meanwhile."""
        self.play_music()
        voice, briefing = self._services.open_voice(self._dialplan, self._line.id), b""
        try:
            briefing = b"".join([piece.pcm async for piece in voice.speak(action.briefing)])
        except TtsLost as error:
            self._tell("fault", {"part": "tts", "error": f"a colleague was told nothing: {error}"})
        finally:
            voice.close()
        self._line.consult(action.argument, briefing)

    def transfer_failed(self, code: int, detail: str) -> str:
        """The transfer failed with SIP status `code`; returns what to tell the caller."""
        self._line.stop_music()
        self._tell("transfer_failed", {"code": code, "detail": detail})
        return BUSY if code in BUSY_CODES else NOT_PUT_THROUGH
