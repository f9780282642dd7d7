"""The operator's side of a call: what a person can do in a call that they watch."""

from __future__ import annotations

from phone_daemon.call.caller_side import Spawn, Tell
from phone_daemon.call.floor import HAS_FLOOR, State
from phone_daemon.call.take_over import TakeOver
from phone_daemon.call.turn_taking import TurnTaking
from phone_daemon.call.wording import BACK_AGAIN, COLLEAGUE_JOINS, COLLEAGUE_LEFT, ONE_MOMENT, PUTTING_THROUGH
from phone_daemon.events import Action, ActionKind, EndReason
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport
from phone_daemon.wire.line import Line


class OperatorSide:
    """What an operator does in one call."""

    def __init__(self, turns: TurnTaking, line: Line, spawn: Spawn, tell: Tell, *, announce: bool) -> None:
        """`announce`: whether the caller is told that a colleague takes over."""
        self._turns = turns
        self._line = line
        self._spawn = spawn
        self._tell = tell
        self._announce = announce

    async def interrupt(self) -> CancelReport | None:
        """Takes the floor from a speaking agent, as a caller would; None if there is nothing to hear."""
        if not self._turns.floor.heard:
            return None
        self._turns.barge_in(BargeInSource.COMMAND, None)
        return None if self._turns.cancelling is None else await self._turns.cancelling

    def say(self, text: str, actions: tuple[Action, ...] = ()) -> bool:
        """Makes the agent say `text`, in place of whatever it is saying; False if the agent cannot speak now. `actions`
        are carried out once it has been heard.
        """
        turns = self._turns
        if turns.taken is not None:
            return False
        if turns.floor.state in HAS_FLOOR:
            turns.barge_in(BargeInSource.COMMAND, None)
        if turns.floor.state is not State.LISTENING:
            return False
        turns.tell(text, actions)
        return True

    def send_digits(self, digits: str) -> None:
        """Sends DTMF to the caller's side."""
        self._line.send_digits(digits)

    def hold(self, held: bool) -> bool:
        """Puts the caller on hold, after telling them, or takes them back; False if the agent cannot speak now."""
        turns = self._turns
        if held:
            turns.parking = self.say(ONE_MOMENT)
            return turns.parking
        turns.parking, was_held = False, turns.held
        turns.park(False)
        self._line.stop_music()
        return self.say(BACK_AGAIN) if was_held else True

    def transfer(self, uri: str) -> bool:
        """Transfers the caller, after telling them; False if the agent cannot speak now."""
        return self.say(PUTTING_THROUGH, (Action(ActionKind.TRANSFER, uri),))

    def hang_up(self, reason: EndReason) -> None:
        """Ends the call."""
        self._line.hang_up(reason)

    @property
    def can_take_over(self) -> bool:
        """Whether the call is live and no colleague has it."""
        turns = self._turns
        return turns.taken is None and turns.floor.state not in (State.IDLE, State.CLOSING, State.CLOSED)

    def take_over(self, colleague: Line) -> None:
        """Lets a colleague speak with the caller in the agent's place, until they leave."""
        assert self.can_take_over
        turns = self._turns
        if turns.held:
            turns.park(False)
            self._line.stop_music()
        turns.parking = False
        if self._announce:
            self.say(COLLEAGUE_JOINS)
        elif turns.floor.state in HAS_FLOOR:
            turns.barge_in(BargeInSource.COMMAND, None)
        turns.taken = TakeOver(self._line, colleague, turns.caller_side, turns.agent_side)
        self._spawn(self._until_given_back(turns.taken))

    async def _until_given_back(self, taken: TakeOver) -> None:
        await taken.run()
        turns = self._turns
        turns.taken = None
        if taken.reply and turns.floor.state is State.LISTENING:
            turns.listen()
            self._tell("take_over", {"taken": False})
            self.say(COLLEAGUE_LEFT)
