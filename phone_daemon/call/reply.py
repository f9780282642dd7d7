"""One reply on its way from the agent to the line: tokens → phrases → speech → playout, all at once.

Three tasks form a pipeline: the agent still thinks while the voice speaks and the line plays. A reply may be begun
early, but nothing of it is played or reported before it is confirmed. Whatever fails is named in the turn's `faults`,
and the caller hears something all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from functools import partial

from phone_daemon.call.caller_side import Tell
from phone_daemon.call.paced_audio import Head, PacedAudio
from phone_daemon.clock import now_ns
from phone_daemon.events import (
    Action,
    ActionKind,
    AgentEvent,
    Speech,
    Token,
    ToolOutcome,
    ToolRun,
    Trouble,
    Understood,
    samples,
)
from phone_daemon.media.tones import attention_tone
from phone_daemon.telemetry.turn_record import ToolUse, Turn
from phone_daemon.tts.filler import Filler
from phone_daemon.tts.heard import Heard
from phone_daemon.tts.lead import Arrivals, Lead
from phone_daemon.tts.phrases import PhraseChunker, is_unfinished
from phone_daemon.tts.voice import TtsLost, Voice
from phone_daemon.wire.line import Line
from sidecars.log import Event

log = logging.getLogger(__name__)

APOLOGY = "I'm sorry, something went wrong on my side. Could you say that again, please?"
"""What a caller hears instead of a reply that failed before its first word."""

MAX_PHRASES = 64
"""The most phrases that wait to be spoken (some minutes of speech) before the agent must wait."""
TOOL_PATIENCE_S = 1.0
"""How much longer the filler waits while a tool runs."""
GRACE_S = 2.0
"""How long a part may take to stop, such as a stream that hangs while closing, before it is abandoned."""


class Reply:
    """Speaks what `stream` says, once it is confirmed, as reply `turn.reply` of `line`."""

    def __init__(
        self,
        stream: AsyncGenerator[AgentEvent, None],
        voice: Voice,
        line: Line,
        *,
        lead_s: float,
        lead: Lead,
        tell: Tell,
    ) -> None:
        self.turn = Turn(0)
        """Its numbers are set before the reply is confirmed."""
        self.actions: list[Action] = []
        """What is to be done once everything has been played, in order."""
        self.heard = Heard(voice.pace)
        self._stream = stream
        self._voice = voice
        self._unfinished = ""
        """The last phrase spoken, if its sentence is unfinished."""
        self._audio = PacedAudio(line, samples(lead_s))
        self._lead = lead
        self._tell = tell
        self._confirmed = asyncio.Event()
        self._untold: list[tuple[str, dict[str, object]]] = []
        """Reports that wait for the confirmation."""
        self.broken = False
        """Whether it ended because of a defect in the daemon."""
        self.tokens = 0
        """Pieces of text that the agent has produced."""
        self._chunker = PhraseChunker()
        self._phrases: asyncio.Queue[str | None] = asyncio.Queue()
        self._begun = 0
        """Characters of the agent's text whose phrases have begun to sound."""
        self._sounds = False
        """Whether audio of the reply itself is ready, or never will be."""
        self._filler = 0
        """Samples of the filler before it."""
        self._due: asyncio.TimerHandle | None = None
        self.thought = False
        """Whether the agent has finished its text."""
        self._tools: list[tuple[str, int]] = []
        """Running tools, each with its start (monotonic ns)."""
        self._expiry: asyncio.TimerHandle | None = None
        self._shown = 0
        self._taken = asyncio.Event()
        parts = (self._think, self._synthesize, self._push)
        self._tasks = [asyncio.create_task(part(), name=part.__name__) for part in parts]

    async def run(self) -> None:
        """Returns when all of it is in the line's queue, or when it was stopped."""
        try:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.cancel()
            await asyncio.wait(self._tasks, timeout=GRACE_S)
        for task in self._tasks:
            if not task.done():
                what = f"{task.get_name()} did not stop within {GRACE_S:g} s; abandoned"
                log.error(Event("reply.hung", reply=self.turn.reply, reason=what))
            elif not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def confirm(self) -> None:
        """Makes this the reply that the caller hears."""
        self._confirmed.set()
        for kind, data in self._untold:
            self._tell(kind, data)
        self._untold.clear()

    @property
    def confirmed(self) -> bool:
        return self._confirmed.is_set()

    def acknowledge_after(self, delay_s: float, take: Callable[[], Filler | None]) -> None:
        """Plays a filler first if nothing of the reply is there to be played `delay_s` from now."""
        self._due = asyncio.get_running_loop().call_later(max(delay_s, 0.0), self._acknowledge, take)

    def _acknowledge(self, take: Callable[[], Filler | None], *, deferred: bool = False) -> None:
        if self._tools and not self._sounds and not deferred:
            # Most agents announce what they are doing, so a filler would be one announcement too many.
            again = partial(self._acknowledge, take, deferred=True)
            self._due = asyncio.get_running_loop().call_later(TOOL_PATIENCE_S, again)
            return
        if self._sounds or (filler := take()) is None:
            return
        self._stamp("filler")
        self.turn.filler = filler.text.strip()
        self.heard.begin(filler.text, self._voice.spoken(filler.text))
        for speech in filler.speech:
            self.heard.add(speech)
            self._audio.put_nowait(speech)
            self._filler += len(speech.pcm) // 2
        self.heard.end()

    def cancel(self) -> None:
        """Stops all of it without waiting. Idempotent."""
        if self._due is not None:
            self._due.cancel()
        for task in self._tasks:
            task.cancel()

    @property
    def played(self) -> int:
        """Samples handed to RTP, as last told by the line."""
        return self._audio.played

    @property
    def itself_played(self) -> bool:
        """Whether the caller has heard any of it besides a filler."""
        return self._audio.played > self._filler

    def unsaid(self, played: int) -> str:
        """What remains unsaid of the agent's text once `played` samples have been played."""
        return " ".join(filter(None, (self.heard.owed(played), self.turn.agent[self._begun :].strip())))

    def unsaid_words(self, played: int) -> str:
        """Likewise, from the word at which it was cut."""
        return " ".join(filter(None, (self.heard.split(played)[1], self.turn.agent[self._begun :].strip())))

    def progress(self, played: int) -> None:
        """Notes that the line has played `played` samples of this reply."""
        self._audio.progress(played)
        if self._filler and self.itself_played:
            self._stamp("reply_first_audio")
        while (text := self.heard.phrase_begun(self._shown, played)) is not None:
            # The filler is the first phrase, before any of the reply.
            bridges = {"filler": True} if self._filler and not self._shown else {}
            self._shown += 1
            self._tell("agent", {"text": text, "reply": self.turn.reply, **bridges})

    async def stop_agent(self) -> None:
        """Closes the agent's stream, and returns once it is closed."""
        await _end(self._tasks[0])

    async def stop_voice(self) -> None:
        """Stops synthesis: returns when the engine has confirmed it."""
        # The ending task tells the engine, because the voice may already be speaking the next reply.
        await asyncio.gather(_end(self._tasks[1]), _end(self._tasks[2]))
        await self._voice.stopped()

    def _stamp(self, moment: str) -> None:
        self.turn.at_ns.setdefault(moment, now_ns())

    def _report(self, kind: str, data: dict[str, object]) -> None:
        if self.confirmed:
            self._tell(kind, data)
        else:
            self._untold.append((kind, data))

    def fault(self, part: str, error: object) -> None:
        """Notes that a part failed."""
        log.warning(Event("reply.fault", part=part, reason=error))
        self.turn.faults.append(f"{part}: {error}")
        self._report("fault", {"part": part, "error": str(error)})

    async def _think(self) -> None:
        try:
            try:
                async for event in self._stream:
                    if isinstance(event, ToolRun):
                        await self._confirmed.wait()  # What a tool does cannot be undone.
                    self._take(event)
                    while self._phrases.qsize() > MAX_PHRASES:
                        self._taken.clear()
                        await self._taken.wait()
            except Exception as error:
                self.fault("agent", error)
                if not self.turn.agent:
                    self._take(Token(APOLOGY))
            self._hand_on(self._chunker.flush())
            self._phrases.put_nowait(None)
            self.thought = True
            self._stamp("llm_end")
        finally:
            if self._expiry is not None:
                self._expiry.cancel()
            try:
                await self._stream.aclose()
            except Exception as error:
                self.fault("agent", error)
            while self._tools:
                self._ran(self._tools[0][0], "cancelled")

    def _take(self, event: AgentEvent) -> None:
        match event:
            case Token(text):
                self._stamp("llm_first_token")
                self.tokens += 1
                self.turn.agent += text
                self._hand_on(self._chunker.feed(text))
            case Action():
                self._act(event)
            case Understood(intent, slots):
                self.turn.intent, self.turn.slots = intent, dict(slots)
                self._report("understood", {"intent": intent, "slots": dict(slots)})
            case ToolRun(name, ToolOutcome.RUNNING):
                self._tools.append((name, now_ns()))
            case ToolRun(name, outcome, detail):
                self._ran(name, str(outcome))
                if detail:
                    self.fault(name, detail)
            case Trouble(error):
                self.fault("agent", error)

    def _ran(self, tool: str, outcome: str) -> None:
        end = now_ns()
        use = next((use for use in self._tools if use[0] == tool), (tool, end))
        self._tools = [other for other in self._tools if other is not use]
        self.turn.tools.append(ToolUse(tool, outcome, use[1], end))
        self.turn.actions.append(f"{tool} {outcome}")
        self._report("tool", {"name": tool, "outcome": outcome})

    def _act(self, action: Action) -> None:
        self.turn.actions.append(_told(action))
        self.actions.append(action)
        if action.kind is ActionKind.TAKE_MESSAGE:
            # Reported before the reply is heard, so that an interruption does not lose it.
            self._report("action", {"kind": str(action.kind), "argument": action.argument})

    def give_up_actions(self) -> tuple[Action, ...]:
        """Returns the actions that were due at the end of an interrupted reply, and notes them as cancelled."""
        left = tuple(action for action in self.actions if action.kind is not ActionKind.TAKE_MESSAGE)
        for action in left:
            self.turn.actions[self.turn.actions.index(_told(action))] += " cancelled"
        return left

    def _hand_on(self, phrases: list[str]) -> None:
        for phrase in phrases:
            self._stamp("first_phrase")
            self._phrases.put_nowait(phrase)
        if self._expiry is not None:
            self._expiry.cancel()
        wait = self._chunker.patience_s()
        self._expiry = None if wait is None else asyncio.get_running_loop().call_later(wait, self._expire)

    def _expire(self) -> None:
        self._hand_on(self._chunker.expire())

    async def _synthesize(self) -> None:
        end = 0
        while (phrase := await self._phrases.get()) is not None:
            self._taken.set()
            end += len(phrase)
            try:
                await self._speak(phrase, end)
            except TtsLost as error:
                self.fault("tts", error)
                try:
                    # The host restarts its engine. A phrase that is said twice is better than a phrase lost.
                    await self._speak(phrase, end)
                except TtsLost as again:
                    self.fault("tts", again)
                    self._sounds, self._begun = True, end
                    tone = attention_tone()
                    self.heard.silence(len(tone) // 2)
                    await self._audio.put(Speech(tone))
        self._sounds = True
        self._stamp("tts_end")
        await self._audio.end()

    async def _speak(self, phrase: str, end: int) -> None:
        """Speaks `phrase`, which ends at character `end` of the agent's text."""
        arrivals = Arrivals()
        head = Head()
        asked_ns = now_ns()
        try:
            async with contextlib.aclosing(self._voice.speak(phrase, self._unfinished)) as spoken:
                async for speech in spoken:
                    self._stamp("tts_first_audio")
                    if not arrivals.samples:
                        self._begin(phrase, end)
                        await self._audio.hold(head, self._lead)
                    arrivals.add(len(speech.pcm) // 2, now_ns() - asked_ns)
                    self.heard.add(speech)
                    await self._audio.put(speech)
                    asked_ns = now_ns()
        finally:
            head.whole.set()
        if not self._voice.recited:
            self._lead.learn(arrivals)
        self._unfinished = phrase if is_unfinished(phrase) else ""
        if not arrivals.samples:
            self._begin(phrase, end)
        self.heard.end()
        if self._voice.fault and f"tts: {self._voice.fault}" not in self.turn.faults:
            self.fault("tts", self._voice.fault)

    def _begin(self, phrase: str, end: int) -> None:
        """Counts `phrase` as being said, so that it is too late for a filler."""
        self._sounds, self._begun = True, end
        self.heard.begin(phrase, self._voice.spoken(phrase))

    async def _push(self) -> None:
        await self._confirmed.wait()
        await self._audio.push(self.turn.reply)


def _told(action: Action) -> str:
    """The action as the turn log shows it."""
    return f"{action.kind} {action.argument}".strip()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
