"""The agent's side of a call: one reply at a time, how it ends, and how much of it the history says was heard."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from phone_daemon.agent.agent import Agent, CallerTurn, Message
from phone_daemon.call import cancel_chain
from phone_daemon.call.ask import Ask, Stream, preceded, saying
from phone_daemon.call.caller_side import PendingTurn, Spawn, Tell
from phone_daemon.call.reply import Reply
from phone_daemon.call.speculative_reply import SpeculativeReply
from phone_daemon.clock import now_ns
from phone_daemon.events import Action, AgentEvent, Flushed, PlayoutDone
from phone_daemon.media.tones import attention_tone
from phone_daemon.settings.settings import CallSettings
from phone_daemon.stt.utterance import Utterance
from phone_daemon.telemetry.trace import CallTrace
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport, Turn
from phone_daemon.tts.filler import Fillers
from phone_daemon.tts.lead import Lead
from phone_daemon.tts.voice import Voice
from phone_daemon.wire.line import Line
from sidecars.log import Event

log = logging.getLogger(__name__)

_SENTENCE = re.compile(r"(?<=[.!?…])\s")
RESUMING = "As I was saying: "
LONG_BREAK_S = 4.0
"""After a longer break, the agent first leads the caller back to what it was saying."""


async def _failing(error: Exception) -> AsyncGenerator[AgentEvent, None]:
    raise error
    yield


@dataclass(frozen=True, slots=True)
class BargeInEvent:
    """The caller or an operator takes the floor."""

    source: BargeInSource
    trigger_ns: int
    """When that was decided (monotonic ns)."""
    onset: int | None = None
    """Position of the interruption's first sample; None: nobody spoke."""
    onset_ns: int | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """A reply that has been silenced, until the line confirms it."""

    reply: Reply
    ask: Ask
    source: BargeInSource
    heard: bool
    """Whether the caller has heard any of it; if not, it counts as never given."""
    silent_ns: asyncio.Future[int]


@dataclass(frozen=True, slots=True)
class _Rest:
    """What an interrupted reply still has to say and do, in case the interruption turns out to be noise."""

    ask: Ask
    retract: bool = False
    """Whether the agent must take back its answer and be asked again, because the caller heard only a filler."""
    words: Ask | None = None
    """The rest from the exact word, if the agent was telling something and had asked nothing."""
    since_ns: int = field(default_factory=now_ns)
    """When the reply was broken off."""


def asked(reply: Reply, played: int) -> bool:
    """Whether `reply` has asked something by the end of the sentence at `played`; any word is an answer to a
    question."""
    return "?" in reply.heard.text(played) + _SENTENCE.split(reply.unsaid_words(played), maxsplit=1)[0]


def _rest(cut: _Cut, played: int, actions: tuple[Action, ...]) -> _Rest | None:
    reply, ask = cut.reply, cut.ask
    unsaid = reply.unsaid(played)
    if not cut.heard:
        return _Rest(ask)
    if not reply.turn.agent or not (reply.thought or reply.itself_played):
        return _Rest(ask, retract=ask.retractable)
    question = "?" in reply.turn.heard + _SENTENCE.split(unsaid, maxsplit=1)[0]
    if not reply.thought and ask.continuation is not None:
        more = Ask(ask.continuation, retractable=True, continuation=ask.continuation)
        return _Rest(more, words=None if question else more)
    if not unsaid and not actions:
        return None
    return _Rest(saying(unsaid, actions), words=None if question else saying(reply.unsaid_words(played), actions))


class AgentSide:
    """Starts and stops replies, and records how much of each was heard."""

    def __init__(  # noqa: PLR0917
        self,
        agent: Agent,
        line: Line,
        voice: Voice,
        lead: Lead,
        fillers: Fillers,
        settings: CallSettings,
        trace: CallTrace,
        spawn: Spawn,
        tell: Tell,
    ) -> None:
        self.reply: Reply | None = None
        """The reply that has the floor; None once it has been played out or cancelled."""
        self.resuming = RESUMING
        """Said before resuming a reply that was broken off long ago; empty: nothing."""
        self.history: list[Message] = []
        self.speculative = SpeculativeReply(
            lambda text: self._begin(self._answering(CallerTurn(text))),
            lambda turn: agent.stands(turn, self.history),
            agent.retract,
        )
        self._rest: _Rest | None = None
        self._ask: Ask | None = None
        """The request that `reply` answers."""
        self._agent = agent
        self._line = line
        self._voice = voice
        self._lead = lead
        self._fillers = fillers
        self._settings = settings
        self._trace = trace
        self._spawn = spawn
        self._tell = tell
        self._turns = 0
        self._backchannels = 0
        self._cut: dict[int, _Cut] = {}

    @property
    def settled(self) -> bool:
        """Whether the history is complete, that is, whether it is known how much was heard of each reply that was cut
        short."""
        return not self._cut

    def has(self, reply: int) -> bool:
        """Whether `reply` is the one that has the floor."""
        return self.reply is not None and self.reply.turn.reply == reply

    @property
    def asks(self) -> bool:
        """Whether the reply has asked something, or is asking it in the current sentence."""
        return self.reply is not None and asked(self.reply, self.reply.played)

    # ------------------------------------------------------------------------------------------------ begin

    def greeting(self) -> Ask:
        """What is said when the call is answered."""
        return Ask(self._agent.greet)

    def answer(self, turn: CallerTurn) -> Ask:
        """The agent's answer to `turn`, already begun if it was expected."""
        begun = self.speculative.claim(turn) if turn.text and not turn.digits else None
        continuation = self._answering(CallerTurn(""))
        return Ask(
            self._answering(turn), turn.text, turn.digits, retractable=True, continuation=continuation, begun=begun
        )

    def answer_early(self, text: str) -> None:
        """Begins the answer to `text`, in case it is all that the caller says. Does nothing while the agent may have to
        take back an earlier answer, because it can take back only its last one."""
        if self._rest is None or not self._rest.retract:
            self.speculative.begin(text)

    def _answering(self, turn: CallerTurn) -> Stream:
        return lambda: self._agent.reply(turn, self.history)

    def _begin(self, stream: Stream) -> Reply:
        """Begins to think and synthesize a reply, which is not played, reported, or numbered until it is started."""
        try:
            events = stream()
        except Exception as error:
            events = _failing(error)
        settings = self._settings
        reply = Reply(events, self._voice, self._line, lead_s=settings.lead_s, lead=self._lead, tell=self._tell)
        self._spawn(self._run(reply)).add_done_callback(lambda _: reply.cancel())
        return reply

    def start(self, ask: Ask, pending: PendingTurn) -> Turn:
        """Gives the floor to the reply to the pending turn, and returns the record of both."""
        reply, ask.begun = ask.begun or self._begin(ask.stream), None
        turn = reply.turn
        turn.number, turn.reply = self._turns, self._next_reply
        turn.caller, turn.dtmf, turn.partials = ask.text, ask.digits, pending.partials
        turn.remarks = [*pending.remarks, *turn.remarks]
        turn.backchannels = pending.backchannels
        turn.remark, turn.endpoint = ask.remark, {} if ask.digits else pending.endpoint
        turn.at_ns = {**pending.at_ns, **turn.at_ns}
        turn.faults[:0] = [f"stt: {fault}" for fault in pending.faults]
        self._turns += 1
        self._rest = None
        self._ask = ask
        self.reply = reply
        self.speculative.account(turn)
        reply.confirm()
        if ask.text and ask.retractable:
            waited_s = (now_ns() - turn.at_ns["endpoint"]) / 1e9 if "endpoint" in turn.at_ns and not ask.digits else 0.0
            reply.acknowledge_after(self._fillers.patience_s() - waited_s, self._fillers.take)
        return turn

    async def _run(self, reply: Reply) -> None:
        try:
            await reply.run()
        except Exception as error:
            log.exception(Event("reply.failed", call=self._line.id, reply=reply.turn.reply))
            reply.broken = True
            reply.fault("reply", error)
            if not reply.confirmed:
                return
            # What was pushed is still played, and then the floor is the caller's again.
            self._line.play(reply.turn.reply, attention_tone())
            self._line.finish(reply.turn.reply)

    # ------------------------------------------------------------------------------------------------ end

    def played_out(self, event: PlayoutDone) -> Reply:
        """The reply was heard to its end."""
        reply, self.reply = self.reply, None
        assert reply is not None
        reply.turn.at_ns["playout_end"] = event.at_ns
        self._conclude(reply, event.played, event.underruns)
        self._log(reply.turn)
        return reply

    def silence(self) -> None:
        """Silences the line at its next tick, which is the first step of a barge-in."""
        if self.reply is not None:
            self._line.flush(self.reply.turn.reply)

    def withdraw(self) -> None:
        """Makes the agent forget the reply, of which nobody has heard anything."""
        if self.reply is not None and self._ask is not None and self._ask.retractable:
            self._agent.retract()

    def cancel(
        self, event: BargeInEvent, heard: bool, utterance: Utterance, listening_ns: int
    ) -> asyncio.Task[CancelReport] | None:
        """Stops everything that produces the silenced reply. Returns the cancel chain's task; None if no reply had
        begun.

        `heard`: whether the caller has heard any of it; if not, the reply counts as never given. `utterance`: the one
        that listened until now; `listening_ns`: when a fresh one began to listen.
        """
        reply, self.reply = self.reply, None
        if reply is None:
            utterance.close()
            return None
        assert self._ask is not None
        number = reply.turn.reply
        cut = _Cut(reply, self._ask, event.source, heard, asyncio.get_running_loop().create_future())
        self._cut[number] = cut

        async def rtp_silent() -> int:
            return await cut.silent_ns

        async def listen_entered() -> int:
            return listening_ns

        legs: dict[str, cancel_chain.Leg] = {
            "rtp_silent": rtp_silent,
            "tts_stopped": reply.stop_voice,
            "llm_closed": reply.stop_agent,
            "stt_closed": utterance.cancel,
            "stt_cache_freed": utterance.released,
            "listen_entered": listen_entered,
        }
        chain = self._spawn(self._end(cut, legs, event))
        chain.add_done_callback(lambda _: utterance.close())
        return chain

    async def _end(self, cut: _Cut, legs: dict[str, cancel_chain.Leg], event: BargeInEvent) -> CancelReport:
        reply, turn = cut.reply, cut.reply.turn
        report = turn.cancel = await cancel_chain.run(
            legs, turn.reply, event.source, event.trigger_ns, event.onset_ns, self._settings.leg_deadline_s
        )
        reply.cancel()  # Again, for whatever missed its deadline and hangs in its own cleanup.
        if self._cut.pop(turn.reply, None) is not None:  # The line did not confirm that it is silent.
            self._conclude(reply, reply.played, 0, cut)
        if report.missed:
            reply.fault("cancel chain", f"deadline missed by {', '.join(report.missed)}")
        told = {"source": str(report.source), "reply": turn.reply, "heard": turn.heard, "legs_ms": report.legs_ms()}
        self._tell("barge_in", told)
        self._log(turn)
        return report

    def flushed(self, event: Flushed) -> None:
        """The line has confirmed that a reply is silent."""
        cut = self._cut.pop(event.reply, None)
        if cut is None:
            return
        if event.played:
            cut.reply.turn.at_ns["playout_end"] = event.at_ns
        self._conclude(cut.reply, event.played, event.underruns, cut)
        if not cut.silent_ns.done():
            cut.silent_ns.set_result(event.at_ns)

    def _conclude(self, reply: Reply, played: int, underruns: int, cut: _Cut | None = None) -> None:
        """Adds what was heard of a reply to the history as soon as it is known, and keeps the rest for `resume`."""
        turn = reply.turn
        turn.underruns = underruns
        turn.heard, unsaid = reply.heard.text(played), reply.unsaid(played)
        if cut is None or cut.heard:
            if turn.caller:
                self.history.append(Message("caller", turn.caller))
            interrupted = cut is not None and (bool(unsaid) or not reply.thought)
            self.history.append(Message("agent", turn.heard, interrupted=interrupted))
        if cut is not None:
            actions = reply.give_up_actions()
            if cut.source is BargeInSource.SPEECH and self.reply is None:
                self._rest = _rest(cut, played, actions)

    @property
    def was_telling(self) -> bool:
        """Whether the interrupted reply has more to say and had asked nothing, so that a remark does not answer it."""
        return self._rest is not None and self._rest.words is not None

    def resume(self) -> Ask | None:
        """What the reply still has to say and do after an interruption by noise; None if nothing is left. A statement
        resumes at the exact word. A question, or anything interrupted long ago, restarts at its phrase, because half a
        phrase means nothing to the listener.
        """
        rest, self._rest = self._rest, None
        if rest is None:
            return None
        if rest.retract:
            self._agent.retract()
        if rest.words is None:
            return rest.ask
        return rest.words if now_ns() - rest.since_ns < LONG_BREAK_S * 1e9 else preceded(self.resuming, rest.ask)

    def resume_after(self, remark: str) -> Ask | None:
        """Like `resume`, after a mere `remark`."""
        ask = self.resume()
        if ask is not None:
            ask.remark = remark
        return ask

    def _log(self, turn: Turn) -> None:
        self._trace.turn(turn)
        self._tell("turn", {"number": turn.number})

    @property
    def _next_reply(self) -> int:
        return self._turns + self._backchannels + 1

    def number_backchannel(self) -> int:
        """Returns a reply number for a backchannel; the next reply gets a later one."""
        self._backchannels += 1
        return self._next_reply - 1

    def begin_take_over(self) -> int:
        """Reserves a reply number for a colleague who speaks in the agent's place; the agent's next reply gets a later
        one."""
        turn = Turn(self._turns, reply=self._next_reply, actions=["take_over"], at_ns={"rtp_first_audio": now_ns()})
        self._turns += 1
        self._rest = None
        self._log(turn)
        return turn.reply

    def overheard(self, pending: PendingTurn) -> None:
        """Notes what the caller said to a colleague, so that the agent knows it when it gets the call back."""
        self.history.append(Message("caller", pending.text))
        self.log_unanswered(pending)
        self._turns += 1

    def log_unanswered(self, pending: PendingTurn) -> None:
        """Logs a turn to which no reply began."""
        faults = [f"stt: {fault}" for fault in pending.faults]
        turn = Turn(self._turns, caller=pending.text, partials=pending.partials, at_ns=pending.at_ns, faults=faults)
        turn.endpoint = pending.endpoint
        self._log(turn)

    async def release(self) -> None:
        """Ends the current reply, and those whose silence the closed line can no longer confirm."""
        for cut in self._cut.values():
            if not cut.silent_ns.done():
                cut.silent_ns.set_exception(ConnectionError("the line is closed"))
        reply, self.reply = self.reply, None
        if reply is not None:
            self._conclude(reply, reply.played, 0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.leg_deadline_s):
                    await asyncio.gather(reply.stop_agent(), reply.stop_voice())
            reply.cancel()
            self._log(reply.turn)
