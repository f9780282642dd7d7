"""The caller's side of a call: audio → a turn's worth of words, whatever becomes of the recogniser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from phone_daemon.clock import now_ns
from phone_daemon.events import SAMPLE_RATE, Frame, SpeechEnded, SpeechStarted
from phone_daemon.stt.listener import Listener
from phone_daemon.stt.session import EarsLost
from phone_daemon.stt.stabilizer import Stabilizer
from phone_daemon.stt.unfinished import calls_for_more
from phone_daemon.stt.utterance import Utterance
from phone_daemon.telemetry.turn_record import Turn

FINAL_WAIT_S = 3.0
"""A final transcript that takes longer is given up."""

Tell = Callable[[str, dict[str, object]], None]
Spawn = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]


@dataclass(slots=True)
class Draft:
    """The caller's turn while it is being said; kept when the caller goes on before the reply is heard."""

    said: list[str] = field(default_factory=list)
    confidence: float = 1.0
    """Of the part that the engine is least sure of, 0 to 1."""
    partials: int = 0
    at_ns: dict[str, int] = field(default_factory=dict)
    deaf: str = ""
    """Why some of it could not be understood; empty: all of it was."""
    faults: list[str] = field(default_factory=list)
    """What went wrong while it was heard, `deaf` included; each once."""
    turn: Turn | None = None
    """The turn that it belongs to, once a reply has begun."""

    @property
    def text(self) -> str:
        return " ".join(self.said)


class Hearing:
    """Keeps the utterance that listens, and the draft of the turn that it belongs to."""

    def __init__(self, listener: Listener, window: int, grace: int, spawn: Spawn, tell: Tell) -> None:
        """`window`: samples for which a word of a partial transcript must stand to count as stable; `grace`: samples
        of silence on top of the usual that are granted to a caller who has broken off in the middle of a sentence."""
        self.draft = Draft()
        self.partial = ""
        """What the utterance that listens is understood to be so far."""
        self._window = window
        self._grace = grace
        self._words = Stabilizer(window)
        self._since = 0
        """Where `partial` was told."""
        self._listener = listener
        self._spawn = spawn
        self._tell = tell
        self._finalizing: asyncio.Task[None] | None = None

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks."""
        return self._listener.speaking

    @property
    def onset(self) -> int:
        """Where the caller's speech began."""
        return self._listener.onset

    @property
    def attending(self) -> bool:
        """Whether the utterance is being fed."""
        return self._listener.attending

    @property
    def attended_s(self) -> float:
        """How long the utterance has been fed."""
        return self._listener.attended_s

    @property
    def utterance(self) -> Utterance:
        """The one that listens."""
        return self._listener.utterance

    @property
    def so_far(self) -> str:
        """The draft's words, and those of the utterance that listens."""
        return " ".join(filter(None, [*self.draft.said, self.partial]))

    @property
    def stable(self) -> str:
        """The words of the utterance that will most likely stand."""
        return self._words.stable

    def paused(self, patience: int) -> bool:
        """Whether the caller has fallen silent, and what they said been understood, `patience` samples ago or earlier.

        They may go on, for the endpoint is still to come; but not if what they said calls for more.
        """
        finalizing = self._finalizing is not None and not self._finalizing.done()
        if not self.partial or finalizing or not self.attending or calls_for_more(self.partial):
            return False
        return min(self._listener.quiet, self._listener.position - self._since) >= patience

    def hear(self, frame: Frame) -> list[SpeechStarted | SpeechEnded]:
        """Takes the caller's next 20 ms, and stamps the draft with what begins and ends in them."""
        events = self._listener.hear(frame)
        if self.attending and self.partial:
            self._words.feed(self.partial, self._listener.position)
        for event in events:
            match event:
                case SpeechStarted(onset=onset):
                    self.draft.at_ns.setdefault("speech_onset", self.ns(onset))
                case SpeechEnded(last=last):
                    self.draft.at_ns |= {"speech_end": self.ns(last), "endpoint": now_ns()}
        return events

    def ns(self, position: int) -> int:
        """When the sample at `position` was said, by the sample clock (monotonic ns)."""
        return now_ns() - (self._listener.position - position) * 1_000_000_000 // SAMPLE_RATE

    def attend(self, onset: int | None, on_partial: Callable[[], None]) -> None:
        """Feeds the utterance from now on, first of all with the pre-roll before `onset` if there is one."""
        self._spawn(self._follow(self._listener.attend(onset), on_partial))

    async def _follow(self, utterance: Utterance, on_partial: Callable[[], None]) -> None:
        async for partial in utterance.partials():
            if utterance is self._listener.utterance:
                self.partial, self._since = partial.text, self._listener.position
                self._words.feed(partial.text, self._listener.position)
                self._listener.wait(self._grace if calls_for_more(partial.text) else 0)
                on_partial()

    def restart(self) -> Utterance:
        """Puts the spare utterance in place of the one that listens, and gives that back."""
        self.partial, self._words = "", Stabilizer(self._window)
        self._listener.wait(0)
        return self._listener.swap()

    def expect(self, expected: str) -> None:
        """What the caller says from the next restart on most likely comes from the phrases called `expected`."""
        self._listener.expect(expected)

    def drop(self) -> None:
        """What the utterance heard is not wanted: a fresh one takes its place."""
        self.let_go(self.restart())

    def let_go(self, utterance: Utterance) -> None:
        """Ends an utterance without waiting for it."""
        utterance.close()

    def make_final(self, then: Callable[[Draft], None] = lambda draft: None) -> None:
        """Asks for the utterance's last word while a fresh one takes its place.

        `then` is told the draft, unless another utterance was made final meanwhile.
        """
        words = self._words
        utterance = self.restart()
        self._finalizing = self._spawn(self._finalize(utterance, words, self.draft, then, self._finalizing))
        self._finalizing.add_done_callback(lambda _: self.let_go(utterance))

    async def _finalize(
        self,
        utterance: Utterance,
        words: Stabilizer,
        draft: Draft,
        then: Callable[[Draft], None],
        before: asyncio.Task[None] | None,
    ) -> None:
        text, confidence = "", 1.0
        try:
            async with asyncio.timeout(FINAL_WAIT_S):
                final = await utterance.finalize()
                text, confidence = final.text, final.confidence
        except (EarsLost, TimeoutError) as error:
            draft.deaf = str(error) or f"no final transcript within {FINAL_WAIT_S:g} s"
        for fault in (*utterance.faults, *filter(None, [draft.deaf])):
            if fault not in draft.faults:
                draft.faults.append(fault)
                self._tell("fault", {"part": "ears", "error": fault})
        if before is not None:
            # Words stand in the order in which they were said, whichever were understood first.
            await asyncio.wait([before])
        settled = words.finalize(text)
        if text:
            draft.said.append(text)
            draft.confidence = min(draft.confidence, confidence)
        if text or (settled.contradicts and not draft.deaf):
            # What was taken to be stable and is not must not stand where somebody reads along.
            self._tell("final", {"text": text, "contradicts": settled.contradicts})
        if self._finalizing is asyncio.current_task():
            draft.at_ns["stt_final"] = now_ns()
            then(draft)

    def close(self) -> None:
        """Lets go of every utterance. Idempotent."""
        self._listener.close()
