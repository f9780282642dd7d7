"""Who speaks when: what happens on the line moves the floor, and the two sides act on it.

The table in `floor.py` decides who has the floor, and this file carries out its commands. `caller_side.py` listens to
the caller, `agent_side.py` speaks, and `overheard.py` judges what the caller says over the agent. Every limit
is counted in the caller's samples, so a call is the same at any speed.
"""

from __future__ import annotations

import asyncio
from functools import partial

from phone_daemon.agent.agent import Agent, CallerTurn
from phone_daemon.call.actions import Actions
from phone_daemon.call.agent_side import AgentSide, BargeInEvent
from phone_daemon.call.ask import Ask, saying
from phone_daemon.call.backchannels import Backchannels
from phone_daemon.call.barge_in import BargeInPolicy
from phone_daemon.call.caller_side import CallerSide, PendingTurn, Spawn, Tell
from phone_daemon.call.digits import DigitCollector
from phone_daemon.call.ducking import Ducking
from phone_daemon.call.floor import HAS_FLOOR, Command, Floor, Input, State
from phone_daemon.call.overheard import Overheard
from phone_daemon.call.services import Services
from phone_daemon.call.take_over import TakeOver
from phone_daemon.call.wording import DEAF, NO_MATCH, TIME_IS_UP
from phone_daemon.clock import now_ns
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.events import (
    Action,
    ActionKind,
    Digit,
    Flushed,
    Frame,
    HoldChanged,
    LineClosed,
    LineEvent,
    PlayoutDone,
    PlayoutStarted,
    SpeechEnded,
    SpeechStarted,
    TransferFailed,
    samples,
)
from phone_daemon.media.echo import EchoCanceller
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport
from phone_daemon.tts.filler import Fillers
from phone_daemon.wire.line import Line


class TurnTaking:
    """One call's turns. `hear` takes each frame of its line, and `on` every other event."""

    def __init__(  # noqa: PLR0917
        self,
        line: Line,
        dialplan: Dialplan,
        agent: Agent,
        services: Services,
        caller_side: CallerSide,
        agent_side: AgentSide,
        policy: BargeInPolicy,
        fillers: Fillers,
        echo: EchoCanceller,
        spawn: Spawn,
        tell: Tell,
    ) -> None:
        self._dialplan = dialplan
        self._agent = agent
        self._open_voice = partial(services.open_voice, dialplan, line.id, wide=line.wide)
        self._settings = services.settings
        self.caller_side = caller_side
        caller_side.on_partial = self._on_partial
        self.agent_side = agent_side
        self._fillers = fillers
        self._echo = echo
        self._spawn = spawn
        self._tell = tell
        self.floor = Floor()
        self._policy = policy
        self._ducking = Ducking(line, caller_side, policy, lambda: None if echo.path is None else echo.likely)
        self._overheard = Overheard(
            self.floor, caller_side, agent_side, policy, self._ducking, tell=tell, take=self._take_floor
        )
        self._actions = Actions(line, dialplan, services, spawn, tell)
        self._backchannels = Backchannels(line, caller_side, agent_side, services, dialplan)
        self._early_after = samples(self._settings.turn.early_after_s)
        self.cancelling: asyncio.Task[CancelReport] | None = None
        """The cancel chain of the last barge-in; None when no reply had begun."""
        self._digits = DigitCollector()
        self._silent = 0
        """How many times in a row the caller said nothing when it was their turn."""
        self._quiet_since = self._told_until = 0
        self.held = False
        """Whether the caller waits on hold, by their own wish or an operator's."""
        self._ungreeted = False
        """Whether the call was put on hold before the greeting was heard to its end."""
        self.parking = False
        """An operator puts the caller on hold once the reply has been heard."""
        self.taken: TakeOver | None = None
        """A colleague speaks in the agent's place, or will as soon as the agent falls silent."""

    def greet(self) -> None:
        """The call is answered: the agent speaks first."""
        self._feed(Input.ANSWERED, self.agent_side.greeting())

    # ------------------------------------------------------------------------------------------------ line

    def on(self, event: LineEvent) -> None:
        """Handles any event of the line except a frame."""
        match event:
            case Digit(digit):
                self._on_digit(digit)
            case PlayoutStarted():
                reply = self.agent_side.reply
                if reply is not None and self.agent_side.has(event.reply):
                    reply.turn.at_ns["rtp_first_audio"] = event.at_ns
                    # From here on the caller's turn has its reply; what is said next is another turn.
                    self.caller_side.pending = PendingTurn()
                    self._feed(Input.FIRST_AUDIO)
                    if self._digits and self._policy.on_digit(self.floor.state):
                        self.barge_in(BargeInSource.DTMF, None)  # They had typed ahead.
            case PlayoutDone():
                if self.agent_side.has(event.reply):
                    self._played_out(event)
            case Flushed():
                self.agent_side.flushed(event)
            case HoldChanged(held):
                self.park(held)
            case TransferFailed(code, detail) if self.floor.state is State.CLOSING:
                self._feed(Input.STAYED, saying(self._actions.transfer_failed(code, detail)))
            case LineClosed():
                self._feed(Input.LINE_CLOSED)

    def hear(self, raw: Frame, frame: Frame) -> None:
        """Handles the caller's next 20 ms: `frame` with the echo cancelled, `raw` as it was received."""
        if self.taken is not None and self.taken.reply:
            self.taken.hear(raw, frame)
            return
        endpointing = self.caller_side.endpointing
        endpointing.overheard = self.floor.state not in (State.LISTENING, State.THINKING)
        endpointing.making = self.agent_side.speculative.making
        has_floor = self.floor.state is State.LISTENING
        for event in self.caller_side.hear(frame, doubted=self._echo.doubted, has_floor=has_floor):
            match event:
                case SpeechStarted(onset=onset):
                    self._speech_started(onset)
                case SpeechEnded():
                    self._speech_ended()
        if self.held and self.floor.state in HAS_FLOOR:
            self._ungreeted = self.floor.state is State.GREETING
            self.barge_in(BargeInSource.HOLD, None)  # By the time they are back, it would be stale.
        elif self._overheard.takes_floor():
            self.barge_in(BargeInSource.SPEECH, self.caller_side.onset)
        elif self.floor.state is State.LISTENING and self.taken is not None:
            self._step_aside(self.taken)
        elif self.floor.state is State.LISTENING:
            self._wait_for_caller()
        elif self.caller_side.attended_s >= self._settings.vad.max_speech_s:
            # Speech over the agent that will never be transcribed must not pile up.
            self.caller_side.drop()
            self.caller_side.attend()

    def _wait_for_caller(self) -> None:
        """Handles what the passing of time alone brings about while the caller has the floor."""
        if self.held or not self.agent_side.settled:
            return
        if self._ungreeted:
            self._ungreeted = False
            self._feed(Input.TOLD, self.agent_side.greeting())
            return
        if self._digits and (digits := self._digits.take(self._agent.wanted_digits(), self.caller_side.position)):
            self.caller_side.pending = PendingTurn()
            self._silent = 0
            self._feed(Input.TYPED, self.agent_side.answer(CallerTurn(digits, digits=True)))
        elif self.caller_side.position >= samples(self._settings.calls.limit_s):
            self._feed(Input.TOLD, saying(TIME_IS_UP, (Action(ActionKind.HANG_UP),), self.caller_side.pending.text))
        elif self.caller_side.speaking:
            self._backchannels.hear()
            if self.caller_side.attended_s >= self._settings.vad.max_speech_s:
                self.caller_side.make_final()
                self.caller_side.attend()
            elif self._settings.turn.early_start and not self._digits and self.caller_side.paused(self._early_after):
                self.agent_side.answer_early(self.caller_side.so_far)
        elif self._digits or self._overheard.queued:
            return
        elif self.caller_side.position - self._quiet_since >= samples(self._dialplan.no_input_s):
            self._silent += 1
            self.caller_side.near.forget()
            self._feed(Input.NO_INPUT, self.agent_side.answer(CallerTurn("", silent=self._silent)))

    def _on_digit(self, digit: str) -> None:
        self._tell("digit", {"digit": digit})
        if self.taken is not None and self.taken.reply:
            return
        if digit == "#" and not self._digits:
            return  # It ends nothing, because the digits were already known to be complete.
        # The agent will be asked how many digits it wants, and a speculative reply may have changed that.
        self.agent_side.speculative.drop()
        state = self.floor.state
        # Until the reply is audible, a key is typed ahead: what was said before it still gets its reply.
        if state is not State.THINKING and self._policy.on_digit(state):
            self.barge_in(BargeInSource.DTMF, None)
        self._digits.press(digit, self.caller_side.position)

    # ------------------------------------------------------------------------------------------------ caller

    def _speech_started(self, onset: int) -> None:
        reply = self.agent_side.reply
        if self._policy.on_speech(self.floor.state):
            self.barge_in(BargeInSource.SPEECH, onset)
            return
        if self._policy.by_evidence(self.floor.state) and reply is not None:
            self._ducking.begin(reply, onset, asked=self.agent_side.asks)
        elif self.floor.state is State.LISTENING or self._policy.by_words(self.floor.state):
            self.caller_side.pending.unasked = onset < self._told_until
            if self.caller_side.attending:
                self.caller_side.drop()
            self.caller_side.attend(onset)
        self._feed(Input.SPEECH_STARTED)

    def _speech_ended(self) -> None:
        self._overheard.end()
        self._feed(Input.SPEECH_ENDED)

    def _take_floor(self, onset: int | None, said: PendingTurn) -> None:
        """What the caller said over the agent was an interruption; `said` is their turn so far."""
        self.barge_in(BargeInSource.SPEECH, onset)
        self.caller_side.pending = said
        if onset is None:
            self._feed(Input.SPEECH_ENDED)

    def _go_on(self, remark: str) -> None:
        """A `remark` wants no answer: the agent resumes what it was saying, if it was interrupted."""
        rest = self.agent_side.resume_after(remark)
        if rest is None:
            before = self.caller_side.pending.remarks
            self._feed(Input.NOTHING)
            self.caller_side.pending.remarks = before  # Nothing answers them, so the next turn has them.
            self._overheard.remarked(remark, before)
        else:
            self._tell("remark", {"text": remark})
            self._feed(Input.RESUME, rest)

    def _on_partial(self) -> None:
        caller = self.caller_side
        self._ducking.partials = True
        if self._overheard.decides():
            self.barge_in(BargeInSource.SPEECH, caller.onset)
            return
        if self.floor.state is State.LISTENING and caller.so_far:
            caller.pending.partials += 1
            stable = " ".join(filter(None, [*caller.pending.said, caller.stable]))
            self._tell("partial", {"text": caller.so_far, "stable": stable})
            self.agent_side.speculative.review(caller.so_far)

    def _understood(self, pending: PendingTurn) -> None:
        """Acts on the final transcript of what the caller said."""
        if pending.turn is not None:
            pending.turn.caller = pending.text  # An operator answered before it was known.
            return
        if self.floor.state is State.CLOSED and pending.said:
            self.agent_side.log_unanswered(pending)
        if self.floor.state is not State.THINKING or pending is not self.caller_side.pending:
            return  # They went on speaking, so this is part of their present turn.
        recording = bool(pending.said) and not self._overheard.leave_callers_words(pending)
        if pending.said:
            self._silent = 0
        if pending.said and not recording:
            self.caller_side.near.learn()
        unasked = self.agent_side.was_telling or pending.unasked
        if recording or (unasked and self._policy.is_remark(pending.text)):
            self._go_on(pending.text)
        elif pending.said:
            turn = CallerTurn(pending.text, confidence=pending.confidence, others=pending.others)
            self._feed(Input.UNDERSTOOD, self.agent_side.answer(turn))
        elif pending.deaf:
            self._feed(Input.RESUME, saying(DEAF))
        elif (rest := self.agent_side.resume()) is not None:
            self._feed(Input.RESUME, rest)
        elif pending.partials:
            self._feed(Input.RESUME, saying(NO_MATCH))  # They did say something, and must not be met with silence.
        else:
            self._feed(Input.NOTHING)

    # ------------------------------------------------------------------------------------------------ floor

    def _feed(self, happened: Input, about: object = None) -> None:
        """Gives an input to the table, and carries out its commands, which act on what the input is `about`."""
        if happened not in (Input.SPEECH_STARTED, Input.SPEECH_ENDED):
            # A speculative reply that was not claimed does not answer what comes next.
            self.agent_side.speculative.drop()
        before = self.floor.state
        for command in self.floor.feed(happened):
            match command, about:
                case Command.LISTEN, _:
                    self.listen()
                case Command.FINALIZE, _:
                    self.caller_side.make_final(self._understood)
                    self.caller_side.attend()
                case Command.REPLY, Ask():
                    self._reply(about)
                case ((Command.CANCEL | Command.WITHDRAW), BargeInEvent()):
                    self._interrupt(about, heard=command is Command.CANCEL)
                case Command.ACT, list():
                    self._actions.end(about)
                case Command.LAST_WORDS, _:
                    if self.caller_side.attending and "speech_onset" in self.caller_side.pending.at_ns:
                        self.caller_side.make_final(self._understood)
                case Command.RELEASE, _:
                    if self.taken is not None:
                        self.taken.end()
                    self._spawn(self.agent_side.release())
                    self.caller_side.drop()
                case _:
                    raise AssertionError(f"{happened.name} about {about!r:.80}: {command.name} cannot be done")
        if self.floor.state is not before:
            self._quiet_since = self.caller_side.position
            if self.floor.state is State.LISTENING and self._fillers.missing:
                # Now, while the voice has nothing else to do.
                self._spawn(self._fillers.prepare(self._open_voice))
            if self.floor.state is State.LISTENING and self._backchannels.missing:
                self._spawn(self._backchannels.prepare())
            self._tell("state", {"state": self.floor.state.name})

    def listen(self) -> None:
        """The caller has the floor, and a fresh utterance listens."""
        self.caller_side.pending = PendingTurn()
        self.caller_side.drop()
        if self.caller_side.speaking:
            self.caller_side.pending.at_ns["speech_onset"] = self.caller_side.ns(self.caller_side.onset)
            self.caller_side.attend(self.caller_side.onset)
        self._ducking.end()

    def _reply(self, ask: Ask) -> None:
        self.caller_side.pending.turn = self.agent_side.start(ask, self.caller_side.pending)
        self.caller_side.expect(self._agent.expects())
        if not self.caller_side.attending:
            self.caller_side.attend()

    def _step_aside(self, taken: TakeOver) -> None:
        """The agent has finished or was interrupted, so the colleague begins to speak."""
        self.listen()
        taken.begin()
        self._tell("take_over", {"taken": True})

    def barge_in(self, source: BargeInSource, onset: int | None) -> None:
        """The caller takes the floor, or an operator does."""
        onset_ns = None if onset is None else self.caller_side.ns(onset)
        self._feed(Input.BARGE_IN, BargeInEvent(source, now_ns(), onset, onset_ns))

    def _interrupt(self, event: BargeInEvent, heard: bool) -> None:
        """Silences the line, then lets a fresh utterance listen, then stops everything that produced the reply."""
        caller, agent = self.caller_side, self.agent_side
        agent.silence()
        self._ducking.end("over")
        if heard:
            caller.pending = PendingTurn()
            if event.onset_ns is not None:
                caller.pending.at_ns["speech_onset"] = event.onset_ns
        else:
            agent.withdraw()
            caller.expect(self._agent.expects())
        caller.pending.turn = None
        utterance = caller.restart()
        self.caller_side.attend(self.caller_side.position if event.onset is None else event.onset)
        self.cancelling = agent.cancel(event, heard, utterance, now_ns())

    def _played_out(self, event: PlayoutDone) -> None:
        self._told_until = 0 if self.agent_side.asks else self.caller_side.position
        self._ducking.end()
        reply = self.agent_side.played_out(event)
        if last := self._actions.begin(reply.actions):
            self._feed(Input.FAREWELL, last)
        else:
            self._feed(Input.PLAYED_OUT)
            self.caller_side.pending.unasked = self.caller_side.onset < self._told_until
        if self.parking:
            self.parking = False
            self.park(True)
            self._actions.play_music()

    # ------------------------------------------------------------------------------------------------ operator

    def tell(self, text: str, actions: tuple[Action, ...] = ()) -> None:
        """Has the agent say `text` while the floor is the caller's. `actions` are carried out once it is heard."""
        if self.caller_side.speaking:
            self.caller_side.make_final(self._understood)
            self.caller_side.attend()
        self._feed(Input.TOLD, saying(text, actions, self.caller_side.pending.text))

    def park(self, held: bool) -> None:
        """Notes that the caller is on hold, or is back."""
        if held is not self.held:
            self.held, self._quiet_since = held, self.caller_side.position
            self._tell("hold", {"held": held})
