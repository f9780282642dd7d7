"""One call: the only place where the stages meet.

Data circles one way: line → ears → turn → mind → mouth → line. The turn machine decides who has the floor; this
file does what it says, with the caller's side in `caller_side.py` and the agent's in `agent_side.py`. Whatever waits runs
as a task of the call's own TaskGroup and ends with it. Every limit is counted in the caller's samples, so a call is
the same at any speed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from phone_daemon.agent.agent import CallerTurn, Mind
from phone_daemon.call.agent_side import Ask, Speaking, saying
from phone_daemon.call.barge_in import BargeIn, BargeInMode
from phone_daemon.call.caller_side import Draft, Hearing
from phone_daemon.call.commands import obey
from phone_daemon.call.digits import DigitCollector
from phone_daemon.call.early_reply import EarlyStart
from phone_daemon.call.floor import HAS_FLOOR, Command, Input, Machine, State
from phone_daemon.call.reply import Reply
from phone_daemon.clock import now_ns
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.events import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    Action,
    ActionKind,
    Digit,
    EndReason,
    Flushed,
    Frame,
    LineClosed,
    LineEvent,
    MindEvent,
    Note,
    PlayoutDone,
    PlayoutStarted,
    SourceChanged,
    SpeechEnded,
    SpeechStarted,
    samples,
)
from phone_daemon.media.recorder import Recorder
from phone_daemon.settings.settings import Settings
from phone_daemon.state.store import State as Store
from phone_daemon.stt.listener import Listener
from phone_daemon.stt.session import Recognizer
from phone_daemon.stt.utterance import Utterance
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport
from phone_daemon.tts.filler import Fillers
from phone_daemon.tts.filler import Store as FillerStore
from phone_daemon.tts.lead import Lead
from phone_daemon.tts.voice import Voice
from phone_daemon.wire.line import Line
from sidecars.host.host import Host
from sidecars.resample import Resampler

log = logging.getLogger(__name__)

DEAF = "I'm sorry, I could not hear you just now. Could you say that again, please?"
NO_MATCH = "Sorry, I did not catch that."
TIME_IS_UP = "I'm sorry, our time is up. Please call again. Goodbye."
OVERTIME_S = 60.0
"""A call that cannot be told that its time is up, because its agent goes on and on, is hung up so much later."""
END_S = 6.0
"""What runs when the line is gone has this long to end: more than a last final transcript takes."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share."""

    settings: Settings
    ears: Host
    mouth: Host
    store: Store
    telemetry: Telemetry
    watch: Callable[[Note], None]
    lead: Lead = field(default_factory=Lead)
    fillers: FillerStore = field(default_factory=dict)


class Call:
    """Runs one answered line to its end."""

    def __init__(self, line: Line, dialplan: Dialplan, mind: Mind, services: Services) -> None:
        self._line = line
        self._dialplan = dialplan
        self._mind = mind
        self._services = services
        self._settings = services.settings
        self._machine = Machine()
        policy = dialplan.barge_in
        self._policy = BargeIn(BargeInMode(policy.mode), policy.min_words, policy.greeting, policy.digits)
        directory = self._settings.calls.directory / line.id
        self._recorder, self._unrecorded = self._record(directory)
        self._tasks = asyncio.TaskGroup()

        vad = self._settings.vad
        if policy.min_speech_s is not None:
            vad = replace(vad, min_speech_s=policy.min_speech_s)
        recognizer = Recognizer(services.ears, {"grammar": dialplan.name}, line.id)
        listener = Listener(
            vad,
            lambda expected: Utterance(recognizer, lambda rate: Resampler(SAMPLE_RATE, rate), expected),
        )
        turn = self._settings.turn
        self._hearing = Hearing(
            listener, samples(turn.stable_s), samples(turn.unfinished_s), self._tasks.create_task, self._tell
        )

        self._voice = self._open_voice()
        self._fillers = Fillers(
            dialplan.fillers, dialplan.filler_after_s, services.fillers, repr(sorted(dialplan.voice.items()))
        )
        self._trace = services.telemetry.call(line.id, line.caller, line.called, dialplan.name, directory, now_ns())
        self._speaking = Speaking(
            line,
            self._voice,
            services.lead,
            self._fillers,
            self._settings.calls,
            self._trace,
            self._tasks.create_task,
            self._tell,
        )
        self._early_after = samples(turn.early_after_s)
        self._starts_early = dialplan.agent != "script" if turn.early_start is None else turn.early_start
        self._early = EarlyStart(self._begin_early, mind.retract)

        self._ask: Ask | None = None
        """What the next reply answers."""
        self._retractable = False
        """Whether the mind has begun a reply of which nothing was heard, but for a filler."""
        self._last_words: list[Action] = []
        self._digits = DigitCollector()
        self._silent = 0
        """How often in a row the caller said nothing."""
        self._position = 0
        self._quiet_since = 0
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
                self._tasks.create_task(obey(self, store, line.id))
                if self._unrecorded:
                    self._tell("fault", {"part": "recorder", "error": self._unrecorded})
                self._feed(Input.ANSWERED)
                async for event in line.events():
                    self._on(event)
                # Ends `obey` once it has answered what was asked already.
                store.unregister(line.id, self._end.reason)
                patience.reschedule(asyncio.get_running_loop().time() + END_S)
        except TimeoutError:
            if not patience.expired():
                raise
            log.error("call %s: something still ran %g s after its end, and was stopped", line.id, END_S)
        finally:
            line.hang_up(EndReason.FAILED)
            self._voice.close()
            self._hearing.close()
            if self._recorder is not None:
                self._recorder.close()
                if self._recorder.fault:
                    self._tell("fault", {"part": "recorder", "error": self._recorder.fault})
            end = self._end
            self._trace.end(end.reason, now_ns())
            store.unregister(line.id, end.reason)
            early = self._early
            drafts = {"kept": early.kept, "dropped": early.dropped, "wasted_tokens": early.wasted_tokens}
            about = {"reason": str(end.reason), "code": end.code, "detail": end.detail}
            self._tell("ended", {**about, "early_start": drafts})
            try:
                async with asyncio.timeout(END_S):
                    await self._mind.close()
            except Exception as error:
                log.error("call %s: the mind did not close: %r", line.id, error)
        return end

    def _open_voice(self) -> Voice:
        return Voice(
            self._services.mouth, self._dialplan.voice, lambda rate: Resampler(rate, SAMPLE_RATE), self._line.id
        )

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
            log.exception("whoever watches call %s failed", self._line.id)

    # ------------------------------------------------------------------------------------------------ line

    def _on(self, event: LineEvent) -> None:
        speaking = self._speaking
        match event:
            case Frame():
                self._on_frame(event)
            case Digit(digit):
                self._on_digit(digit)
            case PlayoutStarted():
                if speaking.reply is not None and speaking.has(event.reply):
                    speaking.reply.turn.at_ns["rtp_first_audio"] = event.at_ns
                    # From here on the caller's turn has its reply; what is said next is another turn.
                    self._hearing.draft = Draft()
                    self._feed(Input.FIRST_AUDIO)
                    if self._digits and self._policy.on_digit(self._machine.state):
                        self._yield(BargeInSource.DTMF, None)  # They had typed ahead.
            case PlayoutDone():
                if speaking.has(event.reply):
                    self._played_out(event)
            case Flushed():
                speaking.flushed(event)
            case SourceChanged(address, trusted):
                what = "is used again" if trusted else "is not used: no SDP named it"
                self._tell("fault", {"part": "line", "error": f"RTP from {address} {what}"})
            case LineClosed() if self._closed is None:
                self._closed = event
                self._feed(Input.LINE_CLOSED)

    def _on_frame(self, frame: Frame) -> None:
        if self._recorder is not None:
            self._recorder.add(frame)
        self._position = frame.position + FRAME_SAMPLES
        if self._speaking.reply is not None and self._speaking.has(frame.reply):
            self._speaking.reply.progress(frame.played)
            if self._speaking.reply.itself_played:
                self._retractable = False
        for event in self._hearing.hear(frame):
            match event:
                case SpeechStarted(onset=onset):
                    self._speech_started(onset)
                case SpeechEnded():
                    self._speech_ended()
        if self._policy.on_words(self._machine.state, self._hearing.stable):
            self._yield(BargeInSource.SPEECH, self._hearing.onset)
        elif self._machine.state is State.LISTENING:
            self._wait_for_caller()
        elif self._hearing.attended_s >= self._settings.vad.max_speech_s:
            # Overheard while the agent speaks: what nobody will ask for must not grow.
            self._hearing.drop()
            self._attend()
        if self._position >= samples(self._settings.calls.limit_s + OVERTIME_S):
            self._line.hang_up()

    def _wait_for_caller(self) -> None:
        """What the passing of time alone brings about while the floor is the caller's."""
        if not self._speaking.settled:
            return
        if self._digits and (digits := self._digits.take(self._mind.wanted_digits(), self._position)):
            self._hearing.draft = Draft()
            self._silent = 0
            self._answer(Input.TYPED, CallerTurn(digits, digits=True))
        elif self._position >= samples(self._settings.calls.limit_s):
            self._reply(Input.TOLD, saying(TIME_IS_UP, (Action(ActionKind.HANG_UP),), self._hearing.draft.text))
        elif self._hearing.speaking:
            if self._hearing.attended_s >= self._settings.vad.max_speech_s:
                self._hearing.make_final()
                self._attend()
            elif self._starts_early and not self._digits and self._hearing.paused(self._early_after):
                self._early.begin(self._hearing.so_far)
        elif not self._digits and self._position - self._quiet_since >= samples(self._dialplan.no_input_s):
            self._silent += 1
            self._answer(Input.NO_INPUT, CallerTurn("", silent=self._silent))

    def _on_digit(self, digit: str) -> None:
        self._tell("digit", {"digit": digit})
        if digit == "#" and not self._digits:
            return  # It ends nothing: often what was typed was known to be complete before its `#`.
        self._early.drop()  # The mind is about to be asked how many digits it wants, where it stood before.
        state = self._machine.state
        # While nothing is heard yet a key is typed ahead: what was said before it still gets its reply.
        if state is not State.THINKING and self._policy.on_digit(state):
            self._yield(BargeInSource.DTMF, None)
        self._digits.press(digit, self._position)

    # ------------------------------------------------------------------------------------------------ ears

    def _speech_started(self, onset: int) -> None:
        if self._policy.on_speech(self._machine.state):
            self._yield(BargeInSource.SPEECH, onset)
            return
        if self._machine.state is State.LISTENING or self._policy.by_words(self._machine.state):
            if self._hearing.attending:
                self._hearing.drop()
            self._attend(onset)
        self._feed(Input.SPEECH_STARTED)

    def _speech_ended(self) -> None:
        state = self._machine.state
        if state is not State.THINKING and self._policy.by_words(state):
            # Each remark counts by itself, and a short one is often over before its words are known.
            self._hearing.make_final(self._overheard)
            self._attend()
        self._feed(Input.SPEECH_ENDED)

    def _overheard(self, draft: Draft) -> None:
        """What the caller remarked while the agent spoke is known, and whether it was meant to interrupt."""
        if draft is not self._hearing.draft:
            return
        if not self._policy.on_words(self._machine.state, draft.text):
            self._hearing.draft = Draft()
            return
        speaking = self._hearing.speaking
        self._yield(BargeInSource.SPEECH, self._hearing.onset if speaking else None)
        self._hearing.draft = draft
        if not speaking:
            self._feed(Input.SPEECH_ENDED)

    def _attend(self, onset: int | None = None) -> None:
        self._hearing.attend(onset, self._on_partial)

    def _on_partial(self) -> None:
        hearing = self._hearing
        if self._machine.state is State.LISTENING and hearing.so_far:
            hearing.draft.partials += 1
            stable = " ".join(filter(None, [*hearing.draft.said, hearing.stable]))
            self._tell("partial", {"text": hearing.so_far, "stable": stable})
            self._early.review(hearing.so_far)

    def _understood(self, draft: Draft) -> None:
        """The last word on what the caller said has come."""
        if draft.turn is not None:
            draft.turn.caller = draft.text  # An operator answered before it was known.
            return
        if self._machine.state is State.CLOSED and draft.said:
            self._speaking.log_unanswered(draft)
        if self._machine.state is not State.THINKING or draft is not self._hearing.draft:
            return  # They went on speaking, and it is part of what they say now.
        if draft.said:
            self._silent = 0
            self._answer(Input.UNDERSTOOD, CallerTurn(draft.text, confidence=draft.confidence))
        elif draft.deaf:
            self._reply(Input.RESUME, saying(DEAF))
        elif (owed := self._speaking.owed) is not None:
            if self._retractable and not owed.ours:
                self._retract()  # They have heard a filler, and it is asked again.
            self._reply(Input.RESUME, owed)
        elif draft.partials:
            self._reply(Input.RESUME, saying(NO_MATCH))  # Something was said, and silence would be no answer to it.
        else:
            self._feed(Input.NOTHING)

    # ------------------------------------------------------------------------------------------------ turn

    def _feed(self, happened: Input) -> None:
        if happened not in (Input.SPEECH_STARTED, Input.SPEECH_ENDED):
            self._early.drop()  # Unless it was claimed, what is next is not the answer to what was said.
        before = self._machine.state
        for command in self._machine.feed(happened):
            match command:
                case Command.GREET:
                    self._ask = Ask(self._mind.greet)
                    self._start_reply()
                case Command.LISTEN:
                    self._listen()
                case Command.FINALIZE:
                    self._hearing.make_final(self._understood)
                    self._attend()
                case Command.REPLY:
                    self._start_reply()
                case Command.CANCEL:
                    pass  # `_yield` does it: it alone knows who took the floor, and when.
                case Command.ACT:
                    self._act()
                case Command.RELEASE:
                    self._release(before)
        if self._machine.state is not before:
            self._quiet_since = self._position
            if self._machine.state is State.LISTENING and self._fillers.missing:
                # Now, because the voice has nothing else to say.
                self._tasks.create_task(self._fillers.prepare(self._open_voice))
            self._tell("state", {"state": self._machine.state.name})

    def _listen(self) -> None:
        """The floor is the caller's: from here on a fresh utterance counts."""
        self._hearing.draft = Draft()
        self._hearing.drop()
        if self._hearing.speaking:
            self._hearing.draft.at_ns["speech_onset"] = self._hearing.ns(self._hearing.onset)
            self._attend(self._hearing.onset)

    def _answer(self, happened: Input, turn: CallerTurn) -> None:
        begun = self._early.claim(turn.text) if happened is Input.UNDERSTOOD else None
        go_on = self._asking(CallerTurn(""))
        self._reply(happened, Ask(self._asking(turn), turn.text, turn.digits, begun=begun, go_on=go_on))

    def _begin_early(self, text: str) -> Reply:
        return self._speaking.begin(self._asking(CallerTurn(text)))

    def _asking(self, turn: CallerTurn) -> Callable[[], AsyncGenerator[MindEvent, None]]:
        return lambda: self._mind.reply(turn, self._speaking.history)

    def _reply(self, happened: Input, ask: Ask) -> None:
        self._ask = ask
        self._feed(happened)

    def _start_reply(self) -> None:
        assert self._ask is not None
        ask, self._ask = self._ask, None
        draft = self._hearing.draft
        draft.turn = self._speaking.start(ask, draft)
        self._early.account(draft.turn)
        self._retractable = self._machine.state is State.THINKING and not ask.ours
        self._hearing.expect(self._mind.expects())
        if not self._hearing.attending:
            self._attend()

    def _yield(self, source: BargeInSource, onset: int | None) -> asyncio.Task[CancelReport] | None:
        """The caller takes the floor. Returns the cancel chain's task, or None when no reply had begun."""
        heard = self._machine.state is not State.THINKING
        unheard = not heard and self._speaking.reply is not None and self._retractable

        def listen() -> int:
            self._feed(Input.YIELD)
            if unheard:
                self._retract()
            self._hearing.restart()
            self._attend(self._position if onset is None else onset)
            self._feed(Input.LISTENS)
            return now_ns()

        onset_ns = None if onset is None else self._hearing.ns(onset)
        if heard:
            self._hearing.draft = Draft() if onset_ns is None else Draft(at_ns={"speech_onset": onset_ns})
        self._hearing.draft.turn = None
        old = self._hearing.utterance
        chain = self._speaking.interrupt(source, now_ns(), onset_ns, heard, old, listen)
        if chain is None:
            self._hearing.let_go(old)
        return chain

    def _retract(self) -> None:
        """The mind forgets the reply that nobody has heard."""
        self._retractable = False
        self._mind.retract()
        self._hearing.expect(self._mind.expects())

    def _played_out(self, event: PlayoutDone) -> None:
        reply = self._speaking.played_out(event)
        self._retractable = False
        for action in reply.actions:
            if action.kind is not ActionKind.TAKE_MESSAGE:
                self._tell("action", {"kind": str(action.kind), "argument": action.argument})
            if action.kind is ActionKind.SEND_DTMF:
                self._line.send_digits(action.argument)
        self._last_words = [a for a in reply.actions if a.kind in (ActionKind.HANG_UP, ActionKind.TRANSFER)]
        self._feed(Input.FAREWELL if self._last_words else Input.PLAYED_OUT)

    def _act(self) -> None:
        for action in self._last_words:
            if action.kind is ActionKind.TRANSFER:
                self._line.transfer(action.argument)
            else:
                self._line.hang_up()

    def _release(self, before: State) -> None:
        """The line is gone: end what runs, and write down what was still being said."""
        self._tasks.create_task(self._speaking.release())
        if before is State.LISTENING and self._hearing.attending and "speech_onset" in self._hearing.draft.at_ns:
            self._hearing.make_final(self._understood)
        else:
            self._hearing.drop()

    # ------------------------------------------------------------------------------------------------ operator

    async def interrupt(self) -> CancelReport | None:
        """Takes the floor from an agent who is heard, as a caller would; None when there is nothing to hear."""
        heard = self._machine.state in HAS_FLOOR - {State.THINKING}
        chain = self._yield(BargeInSource.COMMAND, None) if heard else None
        return None if chain is None else await chain

    def say(self, text: str) -> bool:
        """Makes the agent say `text`, whatever it is saying now; False when the call is not at a point to speak."""
        if self._machine.state in HAS_FLOOR:
            self._yield(BargeInSource.COMMAND, None)
        if self._machine.state is not State.LISTENING:
            return False
        if self._hearing.speaking:
            self._hearing.make_final(self._understood)
            self._attend()
        self._reply(Input.TOLD, saying(text, caller=self._hearing.draft.text))
        return True

    def hang_up(self, reason: EndReason) -> None:
        """Ends the call."""
        self._line.hang_up(reason)
