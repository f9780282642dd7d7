"""The agent's side of a call: one reply at a time, how it ends, and what the history says was heard of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from phone_daemon.agent.agent import Message
from phone_daemon.call import cancel_chain
from phone_daemon.call.caller_side import Draft, Spawn, Tell
from phone_daemon.call.reply import Reply
from phone_daemon.clock import now_ns
from phone_daemon.events import Action, Flushed, MindEvent, PlayoutDone, Token
from phone_daemon.media.tones import attention_tone
from phone_daemon.settings.settings import CallSettings
from phone_daemon.stt.utterance import Utterance
from phone_daemon.telemetry.trace import CallTrace
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport, Turn
from phone_daemon.tts.filler import Fillers
from phone_daemon.tts.lead import Lead
from phone_daemon.tts.voice import Voice
from phone_daemon.wire.line import Line

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Ask:
    """What a reply answers."""

    stream: Callable[[], AsyncGenerator[MindEvent, None]]
    text: str = ""
    """What the caller said; empty when nothing was."""
    digits: bool = False
    ours: bool = False
    """It is answered by the call itself, not by the mind."""
    go_on: Callable[[], AsyncGenerator[MindEvent, None]] | None = None
    """How the mind goes on with its answer, when a mere noise broke it off before it had been thought to its end."""
    begun: Reply | None = None
    """The reply, when it was begun early; for one start."""


def saying(text: str, actions: tuple[Action, ...] = (), caller: str = "") -> Ask:
    """Words of the call's own, in answer to what the `caller` said."""

    async def stream() -> AsyncGenerator[MindEvent, None]:
        yield Token(text)
        for action in actions:
            yield action

    return Ask(stream, caller, ours=True)


async def _failing(error: Exception) -> AsyncGenerator[MindEvent, None]:
    raise error
    yield


@dataclass(frozen=True, slots=True)
class _Cut:
    """A reply that was told to be silent, until the line confirms it."""

    reply: Reply
    ask: Ask
    source: BargeInSource
    heard: bool
    """Whether the caller has heard some of it; otherwise it counts as never given."""
    silent_ns: asyncio.Future[int]


class Speaking:
    """Starts replies, stops them, and writes down what became of each."""

    def __init__(  # noqa: PLR0917
        self,
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
        """The reply that has the floor; None once it was played out or cancelled."""
        self.history: list[Message] = []
        self.owed: Ask | None = None
        """What an interrupted reply still had to say and do, should the interruption turn out to be noise."""
        self._ask: Ask | None = None
        """What `reply` answers."""
        self._line = line
        self._voice = voice
        self._lead = lead
        self._fillers = fillers
        self._settings = settings
        self._trace = trace
        self._spawn = spawn
        self._tell = tell
        self._turns = 0
        self._cut: dict[int, _Cut] = {}

    @property
    def settled(self) -> bool:
        """Whether the history is complete: it is known what was heard of every reply that was cut short."""
        return not self._cut

    def has(self, reply: int) -> bool:
        """Whether `reply` is the one that has the floor."""
        return self.reply is not None and self.reply.turn.reply == reply

    def begin(self, stream: Callable[[], AsyncGenerator[MindEvent, None]]) -> Reply:
        """Has a reply thought and spoken, of which nothing is heard, told or numbered unless it is started."""
        try:
            events = stream()
        except Exception as error:
            events = _failing(error)
        settings = self._settings
        reply = Reply(events, self._voice, self._line, lead_s=settings.lead_s, lead=self._lead, tell=self._tell)
        self._spawn(self._run(reply)).add_done_callback(lambda _: reply.cancel())
        return reply

    def start(self, ask: Ask, draft: Draft) -> Turn:
        """Gives the floor to the reply to `draft`; returns their turn."""
        reply, ask.begun = ask.begun or self.begin(ask.stream), None
        turn = reply.turn
        turn.number, turn.reply = self._turns, self._turns + 1
        turn.caller, turn.dtmf, turn.partials = ask.text, ask.digits, draft.partials
        turn.at_ns = {**draft.at_ns, **turn.at_ns}
        turn.faults[:0] = [f"ears: {fault}" for fault in draft.faults]
        self._turns += 1
        self.owed = None
        self._ask = ask
        self.reply = reply
        reply.confirm()
        if ask.text and not ask.ours:
            waited_s = (now_ns() - turn.at_ns["endpoint"]) / 1e9 if "endpoint" in turn.at_ns and not ask.digits else 0.0
            reply.acknowledge_after(self._fillers.patience_s() - waited_s, self._fillers.take)
        return turn

    async def _run(self, reply: Reply) -> None:
        try:
            await reply.run()
        except Exception as error:
            log.exception("reply %d of call %s", reply.turn.reply, self._line.id)
            reply.broken = True
            reply.fault("reply", error)
            if not reply.confirmed:
                return
            # What was pushed is still played, and then the floor is the caller's again.
            self._line.play(reply.turn.reply, attention_tone())
            self._line.finish(reply.turn.reply)

    def played_out(self, event: PlayoutDone) -> Reply:
        """The reply was heard to its end."""
        reply, self.reply = self.reply, None
        assert reply is not None
        reply.turn.at_ns["playout_end"] = event.at_ns
        self._conclude(reply, event.played, event.underruns)
        self._log(reply.turn)
        return reply

    def interrupt(  # noqa: PLR0917
        self,
        source: BargeInSource,
        trigger_ns: int,
        onset_ns: int | None,
        heard: bool,
        utterance: Utterance,
        listen: Callable[[], int],
    ) -> asyncio.Task[CancelReport] | None:
        """Runs the cancel chain: the flush is on its way when this returns. None when no reply had begun.

        `heard`: the caller has heard some of it; otherwise the reply counts as never given. `utterance` is the one
        that listened until now, `listen` puts a fresh one in its place and returns when that was.
        """
        reply, self.reply = self.reply, None
        if reply is None:
            listen()
            return None
        assert self._ask is not None
        number = reply.turn.reply
        cut = self._cut[number] = _Cut(reply, self._ask, source, heard, asyncio.get_running_loop().create_future())

        async def rtp_silent() -> int:
            return await cut.silent_ns

        async def listen_entered() -> int:
            return listening_ns

        chain = cancel_chain.cancel(
            lambda: self._line.flush(number),
            {
                "rtp_silent": rtp_silent,
                "tts_stopped": reply.stop_voice,
                "llm_closed": reply.stop_mind,
                "stt_closed": utterance.cancel,
                "stt_cache_freed": utterance.released,
                "listen_entered": listen_entered,
            },
            reply=number,
            source=source,
            trigger_ns=trigger_ns,
            onset_ns=onset_ns,
            deadline_s=self._settings.leg_deadline_s,
        )
        listening_ns = listen()
        following = self._spawn(self._follow(chain, cut))
        following.add_done_callback(lambda _: utterance.close())
        return following

    async def _follow(self, chain: Coroutine[Any, Any, CancelReport], cut: _Cut) -> CancelReport:
        report = await chain
        reply, turn = cut.reply, cut.reply.turn
        reply.cancel()  # Once more: what missed its deadline hangs in its own clean-up.
        self._cut.pop(report.reply, None)
        self._conclude(reply, reply.played, 0, cut)
        turn.cancel = report
        if report.missed:
            reply.fault("cancel chain", f"deadline missed by {', '.join(report.missed)}")
        told = {"source": str(report.source), "reply": turn.reply, "heard": turn.heard, "legs_ms": report.legs_ms()}
        self._tell("barge_in", told)
        self._log(turn)
        return report

    def flushed(self, event: Flushed) -> None:
        """The line confirms that a reply is silent."""
        cut = self._cut.pop(event.reply, None)
        if cut is None:
            return
        if event.played:
            cut.reply.turn.at_ns["playout_end"] = event.at_ns
        self._conclude(cut.reply, event.played, event.underruns, cut)
        if not cut.silent_ns.done():
            cut.silent_ns.set_result(event.at_ns)

    def _conclude(self, reply: Reply, played: int, underruns: int, cut: _Cut | None = None) -> None:
        """Writes into the history what was heard of a reply: once, as soon as it is known."""
        if reply.concluded:
            return
        reply.concluded = True
        turn = reply.turn
        turn.underruns = underruns
        turn.heard, rest = reply.heard.text(played), reply.owed(played)
        if cut is None or cut.heard:
            if turn.caller:
                self.history.append(Message("caller", turn.caller))
            interrupted = cut is not None and (bool(rest) or not reply.thought)
            self.history.append(Message("agent", turn.heard, interrupted=interrupted))
        if cut is None:
            return
        left = reply.give_up_actions()
        if cut.source is not BargeInSource.SPEECH or self.reply is not None:
            return
        begun = bool(turn.agent) and (reply.thought or reply.itself_played)
        if not cut.heard or not begun:
            self.owed = cut.ask  # Not a word of it was heard: at most a filler.
        elif not reply.thought and cut.ask.go_on is not None:
            self.owed = Ask(cut.ask.go_on, go_on=cut.ask.go_on)
        elif rest or left:
            self.owed = saying(rest, left)

    def _log(self, turn: Turn) -> None:
        self._trace.turn(turn)
        self._tell("turn", {"number": turn.number})

    def log_unanswered(self, draft: Draft) -> None:
        """The caller was gone before a reply could begin."""
        faults = [f"ears: {fault}" for fault in draft.faults]
        self._log(Turn(self._turns, caller=draft.text, partials=draft.partials, at_ns=draft.at_ns, faults=faults))

    async def release(self) -> None:
        """The line is gone: ends the reply that runs, and those whose silence nobody will confirm any more."""
        for cut in self._cut.values():
            if not cut.silent_ns.done():
                cut.silent_ns.set_exception(ConnectionError("the line is closed"))
        reply, self.reply = self.reply, None
        if reply is not None:
            self._conclude(reply, reply.played, 0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.leg_deadline_s):
                    await asyncio.gather(reply.stop_mind(), reply.stop_voice())
            reply.cancel()
            self._log(reply.turn)
