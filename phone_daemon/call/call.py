"""One call: the only place where the stages meet.

Data circles one way: line → speech-to-text → floor → agent → text-to-speech → line. The table in `floor.py` decides
who has the floor; this file does what it says, with the caller's side in `caller_side.py` and the agent's in
`agent_side.py`. Whatever waits runs as a task of the call's own TaskGroup and ends with it. Every limit is counted in
the caller's samples, so a call is the same at any speed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from phone_daemon.agent.agent import Agent, CallerTurn, Message
from phone_daemon.call.agent_side import AgentSide, Ask, BargeInEvent, saying
from phone_daemon.call.barge_in import BargeInPolicy
from phone_daemon.call.caller_side import CallerSide, PendingTurn
from phone_daemon.call.commands import serve_commands
from phone_daemon.call.digits import DigitCollector
from phone_daemon.call.ducking import Ducking
from phone_daemon.call.echo_news import tell_echo
from phone_daemon.call.evidence import Verdict
from phone_daemon.call.floor import HAS_FLOOR, Command, Floor, Input, State
from phone_daemon.call.take_over import ANNOUNCED, GIVEN_BACK, TakeOver
from phone_daemon.clock import now_ns
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.policy import Policy
from phone_daemon.events import (
    FRAME_SAMPLES,
    Action,
    ActionKind,
    Digit,
    EndReason,
    Flushed,
    Frame,
    HoldChanged,
    LineClosed,
    LineEvent,
    Note,
    PlayoutDone,
    PlayoutStarted,
    SourceChanged,
    SpeechEnded,
    SpeechStarted,
    TransferFailed,
    samples,
)
from phone_daemon.language.announcements import is_announcement
from phone_daemon.media.echo import EchoCanceller
from phone_daemon.media.hold_music import melody
from phone_daemon.media.recorder import Recorder
from phone_daemon.settings.settings import Settings
from phone_daemon.state.store import State as Store
from phone_daemon.stt.utterance import Utterance
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport
from phone_daemon.tts.filler import Fillers
from phone_daemon.tts.filler import Store as FillerStore
from phone_daemon.tts.lead import Lead
from phone_daemon.tts.voice import TtsLost, Voice
from phone_daemon.wire.line import Line
from sidecars.host.host import Host
from sidecars.log import Event

log = logging.getLogger(__name__)

DEAF = "I'm sorry, I could not hear you just now. Could you say that again, please?"
NO_MATCH = "Sorry, I did not catch that."
TIME_IS_UP = "I'm sorry, our time is up. Please call again. Goodbye."
BUSY = "I'm sorry, the line is busy. Is there anything else I can do for you?"
NOT_PUT_THROUGH = "I'm sorry, I could not put you through. Is there anything else I can do for you?"
ONE_MOMENT = "One moment, please."
BACK_AGAIN = "Thank you for waiting. I am back."
PUTTING_THROUGH = "One moment, I am putting you through."
BUSY_CODES = (486, 600)
"""SIP: Busy Here, Busy Everywhere."""
OVERTIME_S = 60.0
"""A call that cannot be told that its time is up, because its agent goes on and on, is hung up so much later."""
LONG_WORD = 7
"""Letters."""
END_S = 6.0
"""What runs when the line is gone has this long to end: more than a last final transcript takes."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share."""

    settings: Settings
    stt: Host
    tts: Host
    store: Store
    telemetry: Telemetry
    watch: Callable[[Note], None]
    lead: Lead = field(default_factory=Lead)
    fillers: FillerStore = field(default_factory=dict)


def _vocabulary(dialplan: Dialplan) -> frozenset[str]:
    """Words that callers say to a dialplan, without the short ones, which the recognizer makes up more often."""
    return frozenset(word for phrase in dialplan.phrases() for word in phrase.split() if len(word) >= LONG_WORD)


class Call:
    """Runs one answered line to its end."""

    def __init__(self, line: Line, dialplan: Dialplan, agent: Agent, services: Services) -> None:
        self._line = line
        self._dialplan = dialplan
        self._agent = agent
        self._services = services
        self._settings = services.settings
        self._floor = Floor()
        policy = dialplan.barge_in
        self._policy = BargeInPolicy(policy, self._own_policy, _vocabulary(dialplan))
        directory = self._settings.calls.directory / line.id
        self._recorder, self._unrecorded = self._record(directory)
        self._echo = EchoCanceller(off=not self._settings.echo.cancel)
        self._tasks = asyncio.TaskGroup()

        vad = self._settings.vad
        if policy.min_speech_s is not None:
            vad = replace(vad, min_speech_s=policy.min_speech_s)
        turn = self._settings.turn
        self._caller_side = CallerSide(
            lambda expected: Utterance(services.stt, {"grammar": dialplan.name}, call=line.id, expected=expected),
            vad,
            turn,
            spawn=self._tasks.create_task,
            tell=self._tell,
            on_partial=self._on_partial,
        )

        self._ducking = Ducking(line, self._caller_side, self._policy, lambda: self._echo.likely)
        self._voice = self._open_voice()
        self._fillers = Fillers(
            dialplan.fillers, dialplan.filler_after_s, services.fillers, repr(sorted(dialplan.voice.items()))
        )
        self._trace = services.telemetry.call(line.id, line.caller, line.called, dialplan.name, directory, now_ns())
        self._agent_side = AgentSide(
            agent,
            line,
            self._voice,
            services.lead,
            self._fillers,
            self._settings.calls,
            self._trace,
            self._tasks.create_task,
            self._tell,
        )
        if not str(dialplan.voice.get("language", "en")).startswith("en"):
            self._agent_side.resuming = ""
        self._early_after = samples(turn.early_after_s)
        self._starts_early = dialplan.agent != "script" if turn.early_start is None else turn.early_start
        self._cancelling: asyncio.Task[CancelReport] | None = None
        """The cancel chain of the last barge-in; None when no reply had begun."""
        self._digits = DigitCollector()
        self._silent = 0
        """How often in a row the caller said nothing."""
        self._position = 0
        self._quiet_since = self._told_until = 0
        self._held = False
        self._parking = False
        """An operator lets the caller wait as soon as they have been told."""
        self._taken: TakeOver | None = None
        """A colleague speaks in the agent's place, or will as soon as the agent has had its last word."""
        self._closed: LineClosed | None = None

    # ------------------------------------------------------------------------------------------------ life

    async def run(self) -> LineClosed:
        """Returns how the call ended. Cancelling it hangs up."""
        line, store = self._line, self._services.store
        who: dict[str, object] = {"caller": line.caller, "called": line.called, "dialplan": self._dialplan.name}
        store.register(line.id, who)
        self._tell("started", who)
        try:
            async with asyncio.timeout(None) as patience, self._tasks:
                self._tasks.create_task(serve_commands(self, store, line.id))
                if self._unrecorded:
                    self._tell("fault", {"part": "recorder", "error": self._unrecorded})
                self._feed(Input.ANSWERED, self._agent_side.greeting())
                async for event in line.events():
                    self._on(event)
                # Ends `serve_commands` once it has answered what was asked already.
                store.unregister(line.id, self._end.reason)
                patience.reschedule(asyncio.get_running_loop().time() + END_S)
        except TimeoutError:
            if not patience.expired():
                raise
            log.error(Event("call.hung", call=line.id, reason=f"something ran {END_S:g} s after its end; stopped"))
        finally:
            line.hang_up(EndReason.FAILED)
            self._voice.close()
            self._caller_side.close()
            if self._recorder is not None:
                self._recorder.close()
                if self._recorder.fault:
                    self._tell("fault", {"part": "recorder", "error": self._recorder.fault})
            end = self._end
            self._trace.end(end.reason, now_ns())
            store.unregister(line.id, end.reason)
            early = self._agent_side.speculative
            drafts = {"kept": early.kept, "dropped": early.dropped, "wasted_tokens": early.wasted_tokens}
            about = {"reason": str(end.reason), "code": end.code, "detail": end.detail}
            self._tell("ended", {**about, "early_start": drafts})
            try:
                async with asyncio.timeout(END_S):
                    await self._agent.close()
            except Exception as error:
                log.error(Event("agent.close_failed", call=line.id, reason=repr(error)))
        return end

    @property
    def state(self) -> State:
        """Who has the floor."""
        return self._floor.state

    @property
    def history(self) -> Sequence[Message]:
        """What was said and heard so far."""
        return self._agent_side.history

    def _open_voice(self) -> Voice:
        return Voice(self._services.tts, self._dialplan.voice, self._line.id)

    def _own_policy(self) -> Policy | None:
        """What the dialplan says of replies such as the one that is heard."""
        reply = self._agent_side.reply
        intent = None if reply is None else self._dialplan.script.intents.get(reply.turn.intent)
        return None if intent is None else intent.barge_in

    @property
    def _end(self) -> LineClosed:
        return self._closed or LineClosed(EndReason.FAILED)

    def _record(self, directory: Path) -> tuple[Recorder | None, str]:
        """The recorder, and why there is none: a call that cannot be written down is answered all the same."""
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return (Recorder(directory / "call.wav") if self._settings.calls.record else None), ""
        except OSError as error:
            return None, f"this call leaves no files: {error}"

    def _tell(self, kind: str, data: dict[str, object]) -> None:
        note = Note(self._line.id, kind, now_ns(), data)
        self._services.store.note(note)
        try:
            self._services.watch(note)
        except Exception:
            log.exception(Event("call.observer_failed", call=self._line.id))

    # ------------------------------------------------------------------------------------------------ line

    def _on(self, event: LineEvent) -> None:
        agent_side = self._agent_side
        match event:
            case Frame():
                self._on_frame(event)
            case Digit(digit):
                self._on_digit(digit)
            case PlayoutStarted():
                if agent_side.reply is not None and agent_side.has(event.reply):
                    agent_side.reply.turn.at_ns["rtp_first_audio"] = event.at_ns
                    # From here on the caller's turn has its reply; what is said next is another turn.
                    self._caller_side.pending = PendingTurn()
                    self._feed(Input.FIRST_AUDIO)
                    if self._digits and self._policy.on_digit(self._floor.state):
                        self._barge_in(BargeInSource.DTMF, None)  # They had typed ahead.
            case PlayoutDone():
                if agent_side.has(event.reply):
                    self._played_out(event)
            case Flushed():
                agent_side.flushed(event)
            case SourceChanged(address, trusted):
                what = "is used again" if trusted else "is not used: no SDP named it"
                self._tell("fault", {"part": "line", "error": f"RTP from {address} {what}"})
            case HoldChanged(held):
                self._park(held)
            case TransferFailed(code, detail) if self._floor.state is State.CLOSING:
                self._line.stop_music()
                self._tell("transfer_failed", {"code": code, "detail": detail})
                self._feed(Input.STAYED, saying(BUSY if code in BUSY_CODES else NOT_PUT_THROUGH))
            case LineClosed() if self._closed is None:
                self._closed = event
                if self._taken is not None:
                    self._taken.end()
                self._feed(Input.LINE_CLOSED)

    def _on_frame(self, raw: Frame) -> None:
        frame = self._echo.clean(raw)
        if self._echo.news:
            reply = self._agent_side.reply
            tell_echo(self._echo.news, self._line.id, None if reply is None else reply.turn, self._tell)
        if self._recorder is not None:
            self._recorder.add(raw if self._settings.echo.record_raw else frame)
        self._position = frame.position + FRAME_SAMPLES
        if self._agent_side.reply is not None and self._agent_side.has(frame.reply):
            self._agent_side.reply.progress(frame.played)
        if self._position >= samples(self._settings.calls.limit_s + OVERTIME_S):
            self._line.hang_up()
        if self._taken is not None and self._taken.reply:
            self._taken.hear(raw, frame)
            return
        endpointing = self._caller_side.endpointing
        endpointing.overheard = self._floor.state not in (State.LISTENING, State.THINKING)
        endpointing.making = self._agent_side.speculative.making
        for event in self._caller_side.hear(frame, doubted=self._echo.doubted):
            match event:
                case SpeechStarted(onset=onset):
                    self._speech_started(onset)
                case SpeechEnded():
                    self._speech_ended()
        self._trace.origin_ns = self._caller_side.clock.ns(0)
        if self._held and self._floor.state in HAS_FLOOR:
            self._barge_in(BargeInSource.HOLD, None)  # What nobody hears now would be stale when they are back.
        elif self._takes_floor():
            self._barge_in(BargeInSource.SPEECH, self._caller_side.onset)
        elif self._floor.state is State.LISTENING and self._taken is not None:
            self._step_aside(self._taken)
        elif self._floor.state is State.LISTENING:
            self._wait_for_caller()
        elif self._caller_side.attended_s >= self._settings.vad.max_speech_s:
            # Overheard while the agent speaks: what nobody will ask for must not grow.
            self._caller_side.drop()
            self._caller_side.attend()

    def _takes_floor(self) -> bool:
        """Whether what the caller says while the agent speaks takes the floor by now."""
        if self._ducking.judging:
            return self._ducking.judge() is Verdict.CUT
        reply = self._agent_side.reply
        if self._policy.by_evidence(self._floor.state) and not self._caller_side.speaking:
            if reply is not None:
                self._ducking.hint(reply)
            return False  # Words that somebody far away says.
        return self._policy.on_words(self._floor.state, self._caller_side.stable)

    def _wait_for_caller(self) -> None:
        """What the passing of time alone brings about while the floor is the caller's."""
        if self._held or not self._agent_side.settled:
            return
        if self._digits and (digits := self._digits.take(self._agent.wanted_digits(), self._position)):
            self._caller_side.pending = PendingTurn()
            self._silent = 0
            self._feed(Input.TYPED, self._agent_side.answer(CallerTurn(digits, digits=True)))
        elif self._position >= samples(self._settings.calls.limit_s):
            self._feed(Input.TOLD, saying(TIME_IS_UP, (Action(ActionKind.HANG_UP),), self._caller_side.pending.text))
        elif self._caller_side.speaking:
            if self._caller_side.attended_s >= self._settings.vad.max_speech_s:
                self._caller_side.make_final()
                self._caller_side.attend()
            elif self._starts_early and not self._digits and self._caller_side.paused(self._early_after):
                self._agent_side.speculative.begin(self._caller_side.so_far)
        elif not self._digits and self._position - self._quiet_since >= samples(self._dialplan.no_input_s):
            self._silent += 1
            self._caller_side.near.forget()
            self._feed(Input.NO_INPUT, self._agent_side.answer(CallerTurn("", silent=self._silent)))

    def _on_digit(self, digit: str) -> None:
        self._tell("digit", {"digit": digit})
        if self._taken is not None and self._taken.reply:
            return
        if digit == "#" and not self._digits:
            return  # It ends nothing: often what was typed was known to be complete before its `#`.
        # The agent is about to be asked how many digits it wants, where it stood before.
        self._agent_side.speculative.drop()
        state = self._floor.state
        # While nothing is heard yet a key is typed ahead: what was said before it still gets its reply.
        if state is not State.THINKING and self._policy.on_digit(state):
            self._barge_in(BargeInSource.DTMF, None)
        self._digits.press(digit, self._position)

    # ------------------------------------------------------------------------------------------------ caller

    def _speech_started(self, onset: int) -> None:
        reply = self._agent_side.reply
        if self._policy.on_speech(self._floor.state):
            self._barge_in(BargeInSource.SPEECH, onset)
            return
        if self._policy.by_evidence(self._floor.state) and reply is not None:
            self._ducking.begin(reply, onset, asked=self._agent_side.asks)
        elif self._floor.state is State.LISTENING or self._policy.by_words(self._floor.state):
            self._caller_side.pending.unasked = onset < self._told_until
            if self._caller_side.attending:
                self._caller_side.drop()
            self._caller_side.attend(onset)
        self._feed(Input.SPEECH_STARTED)

    def _speech_ended(self) -> None:
        state = self._floor.state
        judged = self._ducking.judging
        wanted = judged and self._ducking.wanted
        self._ducking.end()
        if judged or (state is not State.THINKING and self._policy.by_words(state, alone=True)):
            # Each remark counts by itself, and a short one is often over before its words are known.
            self._caller_side.make_final(partial(self._overheard, wanted))
            self._caller_side.attend()
        self._feed(Input.SPEECH_ENDED)

    def _overheard(self, wanted: bool, pending: PendingTurn) -> None:
        """What the caller remarked while the agent spoke is known, and whether it was meant to interrupt.

        `wanted`: the agent had asked something.
        """
        if pending is not self._caller_side.pending:
            return
        answered = wanted and bool(pending.said) and self._policy.by_words(self._floor.state)
        takes = answered or self._policy.on_words(self._floor.state, pending.text)
        if not takes or is_announcement(pending.text):
            self._caller_side.pending = PendingTurn()
            if pending.said and self._agent_side.reply is not None:
                self._remarked(pending.text, self._agent_side.reply.turn.remarks)
            return
        speaking = self._caller_side.speaking
        self._barge_in(BargeInSource.SPEECH, self._caller_side.onset if speaking else None)
        self._caller_side.pending = pending
        if not speaking:
            self._feed(Input.SPEECH_ENDED)

    def _go_on(self, remark: str) -> None:
        """Nobody wants an answer to a `remark`: the agent takes up what it broke off, if it did."""
        rest = self._agent_side.resume_after(remark)
        if rest is None:
            self._feed(Input.NOTHING)
            self._remarked(remark, self._caller_side.pending.remarks)
        else:
            self._tell("remark", {"text": remark})
            self._feed(Input.RESUME, rest)

    def _remarked(self, text: str, remarks: list[str]) -> None:
        """The caller said `text` and did not want the floor: it goes into the `remarks` of a turn."""
        remarks.append(text)
        self._tell("remark", {"text": text})

    def _on_partial(self) -> None:
        caller = self._caller_side
        self._ducking.partials = True
        if self._floor.state is State.LISTENING and caller.so_far:
            caller.pending.partials += 1
            stable = " ".join(filter(None, [*caller.pending.said, caller.stable]))
            self._tell("partial", {"text": caller.so_far, "stable": stable})
            self._agent_side.speculative.review(caller.so_far)

    def _understood(self, pending: PendingTurn) -> None:
        """The last word on what the caller said has come."""
        if pending.turn is not None:
            pending.turn.caller = pending.text  # An operator answered before it was known.
            return
        if self._floor.state is State.CLOSED and pending.said:
            self._agent_side.log_unanswered(pending)
        if self._floor.state is not State.THINKING or pending is not self._caller_side.pending:
            return  # They went on speaking, and it is part of what they say now.
        if pending.said:
            self._silent = 0
            self._caller_side.near.learn()
        agent_side = self._agent_side
        unasked = agent_side.was_telling or pending.unasked
        if is_announcement(pending.text) or (unasked and self._policy.is_remark(pending.text)):
            self._go_on(pending.text)
        elif pending.said:
            turn = CallerTurn(pending.text, confidence=pending.confidence, others=pending.others)
            self._feed(Input.UNDERSTOOD, self._agent_side.answer(turn))
        elif pending.deaf:
            self._feed(Input.RESUME, saying(DEAF))
        elif (rest := self._agent_side.resume()) is not None:
            self._feed(Input.RESUME, rest)
        elif pending.partials:
            self._feed(Input.RESUME, saying(NO_MATCH))  # Something was said, and silence would be no answer to it.
        else:
            self._feed(Input.NOTHING)

    # ------------------------------------------------------------------------------------------------ floor

    def _feed(self, happened: Input, about: object = None) -> None:
        """Something happened, and this is what comes of it. What it is `about` is what the commands are about."""
        if happened not in (Input.SPEECH_STARTED, Input.SPEECH_ENDED):
            # Unless it was claimed: what is next is not the answer to what was said.
            self._agent_side.speculative.drop()
        before = self._floor.state
        for command in self._floor.feed(happened):
            match command, about:
                case Command.LISTEN, _:
                    self._listen()
                case Command.FINALIZE, _:
                    self._caller_side.make_final(self._understood)
                    self._caller_side.attend()
                case Command.REPLY, Ask():
                    self._reply(about)
                case ((Command.CANCEL | Command.WITHDRAW), BargeInEvent()):
                    self._interrupt(about, heard=command is Command.CANCEL)
                case Command.ACT, list():
                    self._act(about)
                case Command.LAST_WORDS, _:
                    if self._caller_side.attending and "speech_onset" in self._caller_side.pending.at_ns:
                        self._caller_side.make_final(self._understood)
                case Command.RELEASE, _:
                    self._tasks.create_task(self._agent_side.release())
                    self._caller_side.drop()
                case _:
                    raise AssertionError(f"{happened.name} about {about!r:.80}: {command.name} cannot be done")
        if self._floor.state is not before:
            self._quiet_since = self._position
            if self._floor.state is State.LISTENING and self._fillers.missing:
                # Now, because the voice has nothing else to say.
                self._tasks.create_task(self._fillers.prepare(self._open_voice))
            self._tell("state", {"state": self._floor.state.name})

    def _listen(self) -> None:
        """The floor is the caller's: from here on a fresh utterance counts."""
        self._caller_side.pending = PendingTurn()
        self._caller_side.drop()
        if self._caller_side.speaking:
            self._caller_side.pending.at_ns["speech_onset"] = self._caller_side.ns(self._caller_side.onset)
            self._caller_side.attend(self._caller_side.onset)
        self._ducking.end()

    def _reply(self, ask: Ask) -> None:
        self._caller_side.pending.turn = self._agent_side.start(ask, self._caller_side.pending)
        self._caller_side.expect(self._agent.expects())
        if not self._caller_side.attending:
            self._caller_side.attend()

    def _barge_in(self, source: BargeInSource, onset: int | None) -> None:
        """The caller takes the floor, or an operator does."""
        onset_ns = None if onset is None else self._caller_side.ns(onset)
        self._feed(Input.BARGE_IN, BargeInEvent(source, now_ns(), onset, onset_ns))

    def _interrupt(self, event: BargeInEvent, heard: bool) -> None:
        """Silence first; then a fresh utterance listens; then what made the reply is ended, all of it at once."""
        caller, agent = self._caller_side, self._agent_side
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
        self._caller_side.attend(self._position if event.onset is None else event.onset)
        self._cancelling = agent.cancel(event, heard, utterance, now_ns())

    def _played_out(self, event: PlayoutDone) -> None:
        self._told_until = 0 if self._agent_side.asks else self._position
        self._ducking.end()
        reply = self._agent_side.played_out(event)
        for action in reply.actions:
            if action.kind is not ActionKind.TAKE_MESSAGE:
                self._tell("action", {"kind": str(action.kind), "argument": action.argument})
            if action.kind is ActionKind.SEND_DTMF:
                self._line.send_digits(action.argument)
        last = [action for action in reply.actions if action.kind in (ActionKind.HANG_UP, ActionKind.TRANSFER)]
        if last:
            self._feed(Input.FAREWELL, last)
        else:
            self._feed(Input.PLAYED_OUT)
            self._caller_side.pending.unasked = self._caller_side.onset < self._told_until
        if self._parking:
            self._parking = False
            self._park(True)
            self._line.play_music(self._dialplan.hold_music or melody())

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            if action.kind is ActionKind.TRANSFER and action.briefing:
                self._tasks.create_task(self._consult(action))
            elif action.kind is ActionKind.TRANSFER:
                self._line.transfer(action.argument)
            else:
                self._line.hang_up()

    async def _consult(self, action: Action) -> None:
        """Has a colleague told who is there, and joined with the caller, who hears music meanwhile."""
        self._line.play_music(self._dialplan.hold_music or melody())
        voice, briefing = self._open_voice(), b""
        try:
            briefing = b"".join([piece.pcm async for piece in voice.speak(action.briefing)])
        except TtsLost as error:
            self._tell("fault", {"part": "tts", "error": f"a colleague was told nothing: {error}"})
        finally:
            voice.close()
        self._line.consult(action.argument, briefing)

    # ------------------------------------------------------------------------------------------------ operator

    async def interrupt(self) -> CancelReport | None:
        """Takes the floor from an agent who is heard, as a caller would; None when there is nothing to hear."""
        if not self._floor.heard:
            return None
        self._barge_in(BargeInSource.COMMAND, None)
        return None if self._cancelling is None else await self._cancelling

    def say(self, text: str, actions: tuple[Action, ...] = ()) -> bool:
        """Makes the agent say `text`, whatever it is saying now; False when the call is not at a point to speak.

        `actions` are done once it has been heard.
        """
        if self._taken is not None:
            return False
        if self._floor.state in HAS_FLOOR:
            self._barge_in(BargeInSource.COMMAND, None)
        if self._floor.state is not State.LISTENING:
            return False
        if self._caller_side.speaking:
            self._caller_side.make_final(self._understood)
            self._caller_side.attend()
        self._feed(Input.TOLD, saying(text, actions, self._caller_side.pending.text))
        return True

    def send_digits(self, digits: str) -> None:
        """Sends DTMF to the caller's side."""
        self._line.send_digits(digits)

    def hold(self, held: bool) -> bool:
        """Lets the caller wait once told so, or takes them back; False when the call is not at a point to speak."""
        if held:
            self._parking = self.say(ONE_MOMENT)
            return self._parking
        self._parking, was_held = False, self._held
        self._park(False)
        self._line.stop_music()
        return self.say(BACK_AGAIN) if was_held else True

    @property
    def can_be_taken_over(self) -> bool:
        """The call goes on, and no colleague has it already."""
        return self._taken is None and self._floor.state not in (State.IDLE, State.CLOSING, State.CLOSED)

    def take_over(self, colleague: Line) -> None:
        """Has a colleague speak with the caller, in the agent's place, until they leave."""
        assert self.can_be_taken_over
        if self._held:
            self._park(False)
            self._line.stop_music()
        self._parking = False
        if self._settings.web.announce:
            self.say(ANNOUNCED)
        elif self._floor.state in HAS_FLOOR:
            self._barge_in(BargeInSource.COMMAND, None)
        self._taken = TakeOver(self._line, colleague, self._caller_side, self._agent_side)
        self._tasks.create_task(self._until_given_back(self._taken))

    def _step_aside(self, taken: TakeOver) -> None:
        """The agent has had its last word, or was interrupted in it: the floor is the colleague's."""
        self._listen()
        taken.begin()
        self._tell("take_over", {"taken": True})

    async def _until_given_back(self, taken: TakeOver) -> None:
        await taken.run()
        self._taken = None
        if taken.reply and self._floor.state is State.LISTENING:
            self._listen()
            self._tell("take_over", {"taken": False})
            self.say(GIVEN_BACK)

    def _park(self, held: bool) -> None:
        if held is not self._held:
            self._held, self._quiet_since = held, self._position
            self._tell("hold", {"held": held})

    def transfer(self, uri: str) -> bool:
        """Hands the caller over once told so; False when the call is not at a point to speak."""
        return self.say(PUTTING_THROUGH, (Action(ActionKind.TRANSFER, uri),))

    def hang_up(self, reason: EndReason) -> None:
        """Ends the call."""
        self._line.hang_up(reason)
