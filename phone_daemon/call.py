"""One call: the only place where the stages meet.

Data circles one way: line → ears → turn → mind → mouth → line. The turn machine decides who has the floor; this
file does what it says. Whatever waits runs as a task of the call's own TaskGroup, and ends with it. Every limit is
counted in the caller's samples, so a call is the same at any speed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from phone_daemon.clock import now_ns
from phone_daemon.config import Settings
from phone_daemon.ears.listener import Listener
from phone_daemon.ears.stt import EarsLost, Recognizer
from phone_daemon.ears.utterance import Utterance
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
    Token,
    Transcript,
    samples,
)
from phone_daemon.media.recorder import Recorder
from phone_daemon.media.resample import Resampler
from phone_daemon.mind.agent import CallerTurn, Message, Mind
from phone_daemon.mind.dialplan import Dialplan
from phone_daemon.mouth.tts import Voice
from phone_daemon.orders import obey
from phone_daemon.reply import Reply
from phone_daemon.state import State as Store
from phone_daemon.telemetry import Telemetry
from phone_daemon.turn import cancel_chain
from phone_daemon.turn.barge_in import BargeIn, BargeInMode
from phone_daemon.turn.digits import DigitCollector
from phone_daemon.turn.machine import HAS_FLOOR, Command, Input, Machine, State
from phone_daemon.turn.record import BargeInSource, CancelReport, Turn
from phone_daemon.wire.line import Line
from sidecars.hosts.host import Host

log = logging.getLogger(__name__)

FINAL_WAIT_S = 3.0
"""A final transcript that takes longer is given up, and the caller is asked to say it again."""
DEAF = "I'm sorry, I could not hear you just now. Could you say that again, please?"
TIME_IS_UP = "I'm sorry, our time is up. Please call again. Goodbye."


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share."""

    settings: Settings
    ears: Host
    mouth: Host
    store: Store
    telemetry: Telemetry
    watch: Callable[[Note], None]


@dataclass(slots=True)
class Ask:
    """What the next reply answers."""

    stream: Callable[[], AsyncGenerator[MindEvent, None]]
    text: str = ""
    """What the caller said; empty when nothing was."""
    digits: bool = False


@dataclass(slots=True)
class Draft:
    """The caller's turn while it is being said; kept when the caller goes on before the reply is heard."""

    said: list[str] = field(default_factory=list)
    partials: int = 0
    at_ns: dict[str, int] = field(default_factory=dict)


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
        self._directory = self._settings.calls.directory / line.id
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        recognizer = Recognizer(services.ears, {"grammar": dialplan.name})
        rate = recognizer.sample_rate
        vad = self._settings.vad
        if policy.min_speech_s is not None:
            vad = replace(vad, min_speech_s=policy.min_speech_s)
        self._listener = Listener(vad, lambda: Utterance(recognizer, lambda: Resampler(SAMPLE_RATE, rate)))
        self._voice = Voice(services.mouth, dialplan.voice, lambda rate: Resampler(rate, SAMPLE_RATE))
        self._recorder = Recorder(self._directory / "call.wav") if self._settings.calls.record else None
        self._trace = services.telemetry.call(
            line.id, line.caller, line.called, dialplan.name, self._directory, now_ns()
        )
        self._history: list[Message] = []
        self._draft = Draft()
        self._turns = 0
        self._reply: Reply | None = None
        """The reply that has the floor; None once it was played out or cancelled."""
        self._owed: tuple[str, tuple[Action, ...]] | None = None
        """What an interrupted reply still had to say and do, should the interruption turn out to be noise."""
        self._last_words: list[Action] = []
        self._silenced: dict[int, asyncio.Future[Flushed]] = {}
        self._finalizing: Utterance | None = None
        self._ask: Ask | None = None
        self._silent = 0
        self._digits = DigitCollector()
        self._position = 0
        self._quiet_since = 0
        self._closed: LineClosed | None = None

    # ------------------------------------------------------------------------------------------------ life

    async def run(self) -> LineClosed:
        """Returns how the call ended. Cancelling it hangs up."""
        store = self._services.store
        store.register(
            self._line.id, {"caller": self._line.caller, "called": self._line.called, "dialplan": self._dialplan.name}
        )
        self._tell(
            "started", {"caller": self._line.caller, "called": self._line.called, "dialplan": self._dialplan.name}
        )
        try:
            async with asyncio.TaskGroup() as self._tasks:
                orders = self._tasks.create_task(obey(self, store, self._line.id))
                self._feed(Input.ANSWERED)
                async for event in self._line.events():
                    self._on(event)
                orders.cancel()
        finally:
            self._line.hang_up(EndReason.FAILED)
            if self._recorder is not None:
                self._recorder.close()
            await self._mind.close()
            self._voice.close()
            self._listener.close()
            end = self._closed or LineClosed(EndReason.FAILED)
            self._trace.end(end.reason, now_ns())
            store.unregister(self._line.id, end.reason)
            self._tell("ended", {"reason": str(end.reason), "code": end.code, "detail": end.detail})
        return end

    def _tell(self, kind: str, data: dict[str, object]) -> None:
        note = Note(self._line.id, kind, now_ns(), data)
        self._services.store.note(note)
        self._services.watch(note)

    # ------------------------------------------------------------------------------------------------ line

    def _on(self, event: LineEvent) -> None:
        match event:
            case Frame():
                self._on_frame(event)
            case Digit(digit):
                self._on_digit(digit)
            case PlayoutStarted():
                if self._reply is not None and event.reply == self._reply.turn.reply:
                    self._reply.turn.at_ns["rtp_first_audio"] = event.at_ns
                    self._feed(Input.FIRST_AUDIO)
            case PlayoutDone():
                if self._reply is not None and event.reply == self._reply.turn.reply:
                    self._played_out(self._reply, event)
            case Flushed():
                silenced = self._silenced.pop(event.reply, None)
                if silenced is not None and not silenced.done():
                    silenced.set_result(event)
            case SourceChanged(address, trusted):
                self._fault("line", f"RTP from {address} is {'used again' if trusted else 'not used: no SDP named it'}")
            case LineClosed():
                self._closed = event
                self._feed(Input.LINE_CLOSED)

    def _on_frame(self, frame: Frame) -> None:
        if self._recorder is not None:
            self._recorder.add(frame)
        self._position = frame.position + FRAME_SAMPLES
        if self._reply is not None and frame.reply == self._reply.turn.reply:
            self._reply.progress(frame.played)
        for event in self._listener.hear(frame):
            match event:
                case SpeechStarted():
                    self._speech_started(event)
                case SpeechEnded():
                    self._speech_ended(event)
        if self._machine.state is State.LISTENING:
            self._wait_for_caller()
        elif self._listener.attended_s >= self._settings.vad.max_speech_s:
            # Overheard while the agent speaks: what nobody will ask for must not grow.
            self._let_go(self._listener.swap())
            self._attend()

    def _wait_for_caller(self) -> None:
        """What the passing of time alone brings about while the floor is the caller's."""
        if self._silenced:
            return  # What was heard of the last reply is not known yet.
        if self._digits and (digits := self._digits.take(self._mind.wanted_digits(), self._position)):
            self._draft = Draft()
            self._silent = 0
            self._answer(Input.TYPED, CallerTurn(digits, digits=True))
        elif self._listener.speaking:
            if self._listener.attended_s >= self._settings.vad.max_speech_s:
                self._make_final(self._listener.swap())
                self._attend()
        elif self._position >= samples(self._settings.calls.limit_s):
            self._say(TIME_IS_UP, (Action(ActionKind.HANG_UP),), Input.TOLD)
        elif not self._digits and self._position - self._quiet_since >= samples(self._dialplan.no_input_s):
            self._silent += 1
            self._answer(Input.NO_INPUT, CallerTurn("", silent=self._silent))

    def _on_digit(self, digit: str) -> None:
        self._tell("digit", {"digit": digit})
        if self._policy.on_digit(self._machine.state):
            self._yield(BargeInSource.DTMF, None)
        self._digits.press(digit, self._position)

    # ------------------------------------------------------------------------------------------------ ears

    def _ns(self, position: int) -> int:
        """When the sample at `position` was said, by the sample clock."""
        return now_ns() - (self._position - position) * 1_000_000_000 // SAMPLE_RATE

    def _speech_started(self, event: SpeechStarted) -> None:
        self._draft.at_ns.setdefault("speech_onset", self._ns(event.onset))
        if self._policy.on_speech(self._machine.state):
            self._yield(BargeInSource.SPEECH, event.onset)
        else:
            if self._machine.state is State.LISTENING:
                if self._listener.attending:
                    self._let_go(self._listener.swap())
                self._attend(event.onset)
            self._feed(Input.SPEECH_STARTED)

    def _speech_ended(self, event: SpeechEnded) -> None:
        if self._machine.state is State.LISTENING:
            self._draft.at_ns["speech_end"] = self._ns(event.last)
            self._draft.at_ns["endpoint"] = now_ns()
        self._feed(Input.SPEECH_ENDED)

    def _attend(self, onset: int | None = None) -> None:
        self._tasks.create_task(self._follow(self._listener.attend(onset)))

    async def _follow(self, utterance: Utterance) -> None:
        async for partial in utterance.partials():
            if utterance is self._listener.utterance:
                self._on_partial(partial)

    def _on_partial(self, partial: Transcript) -> None:
        self._draft.partials += 1
        self._tell("partial", {"text": " ".join([*self._draft.said, partial.text])})
        if self._policy.on_words(self._machine.state, partial.text):
            self._yield(BargeInSource.SPEECH, self._listener.onset)

    def _make_final(self, utterance: Utterance) -> None:
        self._finalizing = utterance
        self._tasks.create_task(self._finalize(utterance, self._draft))

    async def _finalize(self, utterance: Utterance, draft: Draft) -> None:
        deaf = False
        try:
            async with asyncio.timeout(FINAL_WAIT_S):
                text = (await utterance.finalize()).text
        except (EarsLost, TimeoutError) as error:
            self._fault("ears", error or f"no final transcript within {FINAL_WAIT_S:g} s")
            text, deaf = "", True
        if text:
            draft.said.append(text)
            self._tell("final", {"text": text})
        if self._finalizing is not utterance:
            return
        self._finalizing = None
        if self._machine.state is not State.THINKING or draft is not self._draft:
            return
        draft.at_ns["stt_final"] = now_ns()
        if draft.said:
            self._silent = 0
            self._owed = None
            self._answer(Input.UNDERSTOOD, CallerTurn(" ".join(draft.said)))
        elif deaf:
            self._say(DEAF, (), Input.RESUME)
        elif self._owed is not None:
            self._say(*self._owed, Input.RESUME)
        else:
            self._draft = Draft()
            self._feed(Input.NOTHING)

    # ------------------------------------------------------------------------------------------------ turn

    def _feed(self, happened: Input) -> None:
        before = self._machine.state
        for command in self._machine.feed(happened):
            match command:
                case Command.GREET:
                    self._ask = Ask(self._mind.greet)
                    self._start_reply()
                case Command.LISTEN:
                    self._listen()
                case Command.FINALIZE:
                    self._make_final(self._listener.swap())
                    self._attend()
                case Command.REPLY:
                    self._start_reply()
                case Command.CANCEL:
                    pass  # `_yield` does it: it alone knows who took the floor, and when.
                case Command.ACT:
                    self._act()
                case Command.RELEASE:
                    self._release()
        if self._machine.state is not before:
            self._quiet_since = self._position
            self._tell("state", {"state": self._machine.state.name})

    def _listen(self) -> None:
        """The floor is the caller's: from here on a fresh utterance counts."""
        self._draft = Draft()
        self._let_go(self._listener.swap())
        if self._listener.speaking:
            self._attend(self._listener.onset)

    def _answer(self, happened: Input, turn: CallerTurn) -> None:
        self._ask = Ask(lambda: self._mind.reply(turn, self._history), turn.text, turn.digits)
        self._feed(happened)

    def _say(self, text: str, actions: tuple[Action, ...], happened: Input) -> None:
        """Says something of our own instead of the mind's."""

        async def stream() -> AsyncGenerator[MindEvent, None]:
            yield Token(text)
            for action in actions:
                yield action

        self._ask = Ask(stream, " ".join(self._draft.said))
        self._feed(happened)

    def _start_reply(self) -> None:
        assert self._ask is not None
        ask, self._ask, self._owed = self._ask, None, None
        turn = Turn(
            self._turns,
            reply=self._turns + 1,
            caller=ask.text,
            dtmf=ask.digits,
            partials=self._draft.partials,
            at_ns=dict(self._draft.at_ns),
        )
        self._turns += 1
        self._reply = Reply(
            turn, ask.stream(), self._voice, self._line, lead_s=self._settings.calls.lead_s, tell=self._tell
        )
        if not self._listener.attending:
            self._attend()
        self._tasks.create_task(self._run_reply(self._reply))

    async def _run_reply(self, reply: Reply) -> None:
        try:
            await reply.run()
        except Exception as error:
            log.exception("reply %d of call %s", reply.turn.reply, self._line.id)
            reply.fault("reply", error)
            # What was pushed is still played, and then the floor is the caller's again.
            self._line.finish(reply.turn.reply)

    def _yield(self, source: BargeInSource, onset: int | None) -> asyncio.Task[CancelReport] | None:
        """The caller takes the floor. Returns the cancel chain's task, or None when no reply had begun."""
        trigger_ns = now_ns()
        thinking = self._machine.state is State.THINKING
        reply, self._reply = self._reply, None
        old = self._listener.utterance
        chain: Coroutine[Any, Any, CancelReport] | None = None
        if reply is not None:
            number = reply.turn.reply
            silenced = self._silenced[number] = asyncio.get_running_loop().create_future()

            async def rtp_silent() -> int:
                flushed = await silenced
                self._conclude(reply, flushed.played, flushed.underruns, cut=not thinking)
                if flushed.played:
                    reply.turn.at_ns["playout_end"] = flushed.at_ns
                return flushed.at_ns

            async def listen_entered() -> int:
                return listens_ns

            chain = cancel_chain.cancel(
                lambda: self._line.flush(number),
                {
                    "rtp_silent": rtp_silent,
                    "tts_stopped": reply.stop_voice,
                    "llm_closed": reply.stop_mind,
                    "stt_closed": old.cancel,
                    "stt_cache_freed": old.released,
                    "listen_entered": listen_entered,
                },
                reply=number,
                source=source,
                trigger_ns=trigger_ns,
                onset_ns=None if onset is None else self._ns(onset),
                deadline_s=self._settings.calls.leg_deadline_s,
            )
        self._feed(Input.YIELD)
        self._listener.swap()
        self._attend(self._position if onset is None else onset)
        self._feed(Input.LISTENS)
        listens_ns = now_ns()
        if thinking:
            self._mind.retract()
        if chain is None or reply is None:
            self._let_go(old)
            return None
        return self._tasks.create_task(self._run_chain(chain, reply, cut=not thinking))

    async def _run_chain(self, chain: Coroutine[Any, Any, CancelReport], reply: Reply, *, cut: bool) -> CancelReport:
        report = await chain
        self._silenced.pop(report.reply, None)
        self._conclude(reply, reply.played, 0, cut=cut)
        turn = reply.turn
        turn.cancel = report
        if report.missed:
            self._fault("cancel chain", f"deadline missed by {', '.join(report.missed)}")
        self._trace.turn(turn)
        self._tell(
            "barge_in",
            {"source": str(report.source), "reply": turn.reply, "heard": turn.heard, "legs_ms": report.legs_ms()},
        )
        self._tell("turn", {"number": turn.number})
        return report

    def _conclude(self, reply: Reply, played: int, underruns: int, *, cut: bool) -> None:
        """Writes into the history what was heard of a reply: once, as soon as it is known.

        Not `cut`: the reply was dropped before any of it was heard, and its turn goes on.
        """
        turn = reply.turn
        if reply.concluded:
            return
        reply.concluded = True
        turn.underruns = underruns
        turn.heard, rest = reply.heard.split(played)
        if not cut:
            return
        if turn.caller:
            self._history.append(Message("caller", turn.caller))
        self._history.append(Message("agent", turn.heard, interrupted=bool(rest)))
        if rest:
            self._owed = rest, tuple(reply.actions)

    def _played_out(self, reply: Reply, event: PlayoutDone) -> None:
        self._reply = None
        turn = reply.turn
        turn.at_ns["playout_end"] = event.at_ns
        self._conclude(reply, event.played, event.underruns, cut=True)
        self._owed = None
        self._trace.turn(turn)
        self._tell("turn", {"number": turn.number})
        for action in reply.actions:
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

    # ------------------------------------------------------------------------------------------------ end

    def _release(self) -> None:
        """The line is gone: end what runs, and write down what was still being said."""
        for silenced in self._silenced.values():
            if not silenced.done():
                silenced.set_exception(ConnectionError("the line is closed"))
        if self._reply is not None:
            self._tasks.create_task(self._drop(self._reply))
        elif self._listener.attended_s and self._draft.at_ns:
            self._tasks.create_task(self._last_turn(self._listener.swap()))
        self._let_go(self._listener.swap())

    async def _drop(self, reply: Reply) -> None:
        """The caller hung up on a reply."""
        await asyncio.gather(reply.stop_mind(), reply.stop_voice())
        self._conclude(reply, reply.played, 0, cut=True)
        self._trace.turn(reply.turn)

    async def _last_turn(self, utterance: Utterance) -> None:
        """The caller hung up while speaking: what they said is still a turn."""
        draft = self._draft
        await self._finalize(utterance, draft)
        if draft.said:
            self._trace.turn(Turn(self._turns, caller=" ".join(draft.said), partials=draft.partials, at_ns=draft.at_ns))

    def _let_go(self, utterance: Utterance) -> None:
        async def cancel() -> None:
            with contextlib.suppress(EarsLost):
                await utterance.cancel()

        self._tasks.create_task(cancel())

    def _fault(self, part: str, error: object) -> None:
        log.warning("call %s: %s: %s", self._line.id, part, error)
        if self._reply is not None:
            self._reply.turn.faults.append(f"{part}: {error}")
        self._tell("fault", {"part": part, "error": str(error)})

    # ------------------------------------------------------------------------------------------------ operator

    async def interrupt(self) -> CancelReport | None:
        """Takes the floor from the agent, as a caller would; None when it has none."""
        chain = self._yield(BargeInSource.COMMAND, None) if self._machine.state in HAS_FLOOR else None
        return None if chain is None else await chain

    def say(self, text: str) -> bool:
        """Makes the agent say `text`, whatever it is saying now; False when the call is not at a point to speak."""
        if self._machine.state in HAS_FLOOR:
            self._yield(BargeInSource.COMMAND, None)
        if self._machine.state is not State.LISTENING:
            return False
        self._say(text, (), Input.TOLD)
        return True

    def hang_up(self, reason: EndReason) -> None:
        self._line.hang_up(reason)
