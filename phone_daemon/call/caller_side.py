"""The caller's side of a call: turns their audio into the words of a turn, even if the recognizer fails.

One utterance listens, and a spare one is ready with its session open. When the caller takes the floor, the spare one
takes over and gets the pre-roll, so no first word is lost while a session opens or closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from phone_daemon.call.line_clock import LineClock
from phone_daemon.clock import now_ns
from phone_daemon.events import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    Frame,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    WideFrame,
    samples,
)
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.endpointing import Endpointing
from phone_daemon.stt.near_talker import NearTalker
from phone_daemon.stt.pre_roll import PreRoll
from phone_daemon.stt.recurrence import Recurrence
from phone_daemon.stt.sound_onset import SoundOnset
from phone_daemon.stt.stabilizer import Stabilizer
from phone_daemon.stt.unfinished import calls_for_more
from phone_daemon.stt.utterance import SttLost, Utterance
from phone_daemon.stt.vad import Vad
from phone_daemon.telemetry.turn_record import Backchannel, Turn

FINAL_WAIT_S = 3.0
"""How long to wait for a final transcript."""

Tell = Callable[[str, dict[str, object]], None]
Spawn = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]


@dataclass(slots=True)
class PendingTurn:
    """The caller's turn in progress; kept if the caller continues before the reply is heard."""

    said: list[str] = field(default_factory=list)
    confidence: float = 1.0
    """Confidence of the part that the engine is least sure of, 0 to 1."""
    others: tuple[str, ...] = ()
    """Alternatives to `text`, most likely first."""
    partials: int = 0
    at_ns: dict[str, int] = field(default_factory=dict)
    endpoint: dict[str, object] = field(default_factory=dict)
    """How long the endpoint waited at the end of the turn, and why (`Endpoint.told`)."""
    deaf: str = ""
    """Why part of it could not be understood; empty: all of it was."""
    faults: list[str] = field(default_factory=list)
    """What went wrong while listening to it, including `deaf`; each problem once."""
    turn: Turn | None = None
    """The turn that it became, once a reply has begun."""
    unasked: bool = False
    """Whether it began while the agent was saying the last words of a reply that asked nothing."""
    remarks: list[str] = field(default_factory=list)
    """What was said before it without being a turn."""
    backchannels: list[Backchannel] = field(default_factory=list)
    """What the agent said meanwhile."""
    recorded: bool = False
    """Whether all of it is a recording that was already heard in this call."""

    @property
    def text(self) -> str:
        return " ".join(self.said)


class CallerSide:
    """Listens to the caller: when they speak, the listening utterance, and the pending turn that it belongs to."""

    def __init__(
        self,
        open_utterance: Callable[[str], Utterance],
        vad: VadSettings,
        turn: TurnSettings,
        *,
        spawn: Spawn,
        tell: Tell,
        rate: int = SAMPLE_RATE,
    ) -> None:
        """`open_utterance` receives what is expected. `rate`: the sample rate of the audio that the utterance gets. At
        `WIDE_RATE` each frame is a `WideFrame`; everything else hears 8 kHz.
        """
        self.pending = PendingTurn()
        self.partial = ""
        """What the listening utterance has recognized so far."""
        self.attending = False
        """Whether the utterance is being fed, which it is while the caller or the agent speaks."""
        self.position = 0
        """Samples heard so far."""
        self.clock = LineClock()
        self._open_utterance = open_utterance
        self._expected = ""
        self.utterance = open_utterance("")
        """The utterance that listens."""
        self._spare = open_utterance("")
        self._vad = Vad(vad)
        self.endpointing = Endpointing(turn, vad)
        self._ended = 0
        """Position at which speech last ended."""
        self.near = NearTalker()
        self.recurrence = Recurrence()
        self._sound = SoundOnset()
        self._pre_roll = PreRoll(vad, rate)
        self._window = samples(turn.stable_s)
        self._words = Stabilizer(self._window)
        self._since = 0
        """Position in the caller's audio when `partial` arrived."""
        self._attended_since = 0
        self._silent_since: int | None = None
        """Position at which the agent fell silent; None while it has the floor."""
        self._spawn = spawn
        self._tell = tell
        self.on_partial: Callable[[], None] = lambda: None
        """Called when `partial` has changed."""
        self._finalizing: asyncio.Task[None] | None = None

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks."""
        return self._vad.speaking

    @property
    def stirring(self) -> bool:
        """Whether speech may have begun in the last window: weak evidence, but some."""
        return self._vad.stirring and self.near.may_be_near

    @property
    def sounding(self) -> bool:
        """Whether a sound that may become speech has just begun: weaker evidence than `stirring`, but 40 ms earlier."""
        return self._sound.new and not self._vad.doubted and self.near.may_be_near

    @property
    def probability(self) -> float:
        """How likely the last window is speech, 0 to 1."""
        return self._vad.probability

    @property
    def quiet(self) -> int:
        """Samples since the caller's last speech sample; 0 if they are not speaking."""
        return self._vad.quiet

    @property
    def onset(self) -> int:
        """Position at which the current speech began; the present position if nobody speaks."""
        return self.position if self._vad.onset is None else self._vad.onset

    @property
    def attended_s(self) -> float:
        """How long the utterance has been fed."""
        return (self.position - self._attended_since) / SAMPLE_RATE if self.attending else 0.0

    @property
    def so_far(self) -> str:
        """The words of the pending turn, followed by those of the listening utterance."""
        return " ".join(filter(None, [*self.pending.said, self.partial]))

    @property
    def stable(self) -> str:
        """The words of the utterance that will most likely not change."""
        return self._words.stable

    def paused(self, patience: int) -> bool:
        """Whether the caller fell silent, and was understood, at least `patience` samples ago. False if what they said
        is clearly unfinished. The endpoint is yet to come, so they may still go on.
        """
        finalizing = self._finalizing is not None and not self._finalizing.done()
        if not self.partial or finalizing or not self.attending or calls_for_more(self.partial):
            return False
        return min(self._vad.quiet, self.position - self._since) >= patience

    def hear(
        self, frame: Frame, *, doubted: bool = False, has_floor: bool = False
    ) -> list[SpeechStarted | SpeechEnded]:
        """Takes the caller's next 20 ms, and returns the speech that begins or ends in them. `doubted`: they may be the
        agent's own echo, and begin no turn unless they prove not to be. `has_floor`: whether the caller has the floor
        and the agent is silent.
        """
        if not has_floor:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = frame.position
        self.position = frame.position + FRAME_SAMPLES
        self.clock.read(frame.position, now_ns())
        best = frame.wide if isinstance(frame, WideFrame) else frame.pcm
        self._pre_roll.feed(frame.position, best)
        if self.attending:
            self.utterance.feed(best)
            if self.partial:
                self._words.feed(self.partial, self.position)
        if self._vad.speaking:
            self._vad.wait = self.endpointing.wait(self.so_far if self.attending else "", self._vad.quiet)
        self.endpointing.hear(frame.pcm)
        self.near.hear(frame.pcm, voice=self._vad.speaking and not self._vad.quiet)
        self.recurrence.hear(frame.pcm)
        self._sound.hear(self.near.latest_db, frame.agent)
        far = self.near.is_far(speaking=self._vad.speaking, voice=self._vad.voice // FRAME_SAMPLES)
        self._vad.doubted, self._vad.far, self._vad.close = doubted, far, self.near.close
        self._vad.level_db = self.near.usual_db
        self._vad.awaited = has_floor and bool(self._expected)
        events = self._vad.feed(frame.position, frame.pcm)
        for event in events:
            match event:
                case SpeechStarted(onset=onset):
                    since = (self.position - onset) // FRAME_SAMPLES
                    self.near.begin(since)
                    self.recurrence.begin(since)
                    if "endpoint" in self.pending.at_ns:
                        self.endpointing.went_on(onset - self._ended)
                    self.pending.at_ns.setdefault("speech_onset", self.ns(onset))
                case SpeechEnded(last=last):
                    self._ended = last
                    self.endpointing.over()
                    self.pending.endpoint = self.endpointing.endpoint.told()
                    whole = self.pending.recorded or not self.pending.said
                    self.pending.recorded = whole and self.recurrence.recurs
                    self.pending.at_ns |= {"speech_end": self.ns(last), "endpoint": now_ns()}
        return events

    def ns(self, position: int) -> int:
        """When the sample at `position` was spoken, by the sample clock (monotonic ns)."""
        return self.clock.ns(position - FRAME_SAMPLES)  # A frame arrives with its last sample.

    def attend(self, onset: int | None = None) -> None:
        """Feeds the utterance from now on, starting with the pre-roll before `onset`, if there is one."""
        self.attending = True
        self._attended_since = self.position if onset is None else onset
        if onset is not None:
            quiet = self._silent_since if self._expected else None
            self.utterance.feed(self._pre_roll.since(onset, quiet, self._ended))
        self.utterance.on_partial(self._understand)

    def _understand(self, partial: Transcript) -> None:
        self.partial, self._since = partial.text, self.position
        self._words.feed(partial.text, self.position)
        self.on_partial()

    def restart(self) -> Utterance:
        """Replaces the listening utterance with the spare one, and returns the old one."""
        self.partial, self._words = "", Stabilizer(self._window)
        self.attending = False
        old, self.utterance = self.utterance, self._spare
        old.on_partial(None)
        self._spare = self._open_utterance(self._expected)
        return old

    def expect(self, expected: str) -> None:
        """From the next `restart` on, the caller is expected to say one of the phrases in the set named `expected`."""
        self.endpointing.expected = expected
        if expected != self._expected:
            self._expected = expected
            self._spare.close()
            self._spare = self._open_utterance(expected)

    def drop(self) -> None:
        """Discards what the utterance heard: a fresh one takes its place."""
        self.restart().close()

    def make_final(self, then: Callable[[PendingTurn], None] = lambda pending: None) -> None:
        """Asks for the utterance's final transcript while a fresh one takes its place. `then` receives the pending
        turn, unless another utterance is finalized meanwhile.
        """
        words = self._words
        utterance = self.restart()
        self._finalizing = self._spawn(self._finalize(utterance, words, self.pending, then, self._finalizing))
        self._finalizing.add_done_callback(lambda _: utterance.close())

    async def _finalize(
        self,
        utterance: Utterance,
        words: Stabilizer,
        pending: PendingTurn,
        then: Callable[[PendingTurn], None],
        before: asyncio.Task[None] | None,
    ) -> None:
        final = Transcript("", True)
        try:
            async with asyncio.timeout(FINAL_WAIT_S):
                final = await utterance.finalize()
        except (SttLost, TimeoutError) as error:
            pending.deaf = str(error) or f"no final transcript within {FINAL_WAIT_S:g} s"
        for fault in (*utterance.faults, *filter(None, [pending.deaf])):
            if fault not in pending.faults:
                pending.faults.append(fault)
                self._tell("fault", {"part": "stt", "error": fault})
        if before is not None:
            # Words are kept in the order in which they were said, not in which they were understood.
            await asyncio.wait([before])
        text = final.text
        contradicted = words.finalize(text)
        if text:
            pending.others = tuple(" ".join([*pending.said, other]) for other in final.others)
            pending.said.append(text)
            pending.confidence = min(pending.confidence, final.confidence)
        if text or (contradicted and not pending.deaf):
            # People who read along must learn that words shown as stable were wrong.
            self._tell("final", {"text": text, "contradicts": contradicted})
        if self._finalizing is asyncio.current_task():
            pending.at_ns["stt_final"] = now_ns()
            then(pending)

    def close(self) -> None:
        """Closes both utterances. Idempotent."""
        self.utterance.close()
        self._spare.close()
