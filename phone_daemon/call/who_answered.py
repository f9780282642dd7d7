"""Who answered an outgoing call: a person says a word and waits; a machine keeps talking, says that it is one, or
beeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from phone_daemon.events import Frame, LineClosed, SpeechEnded, SpeechStarted, Transcript, samples
from phone_daemon.media.beep import Beep
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.utterance import Utterance
from phone_daemon.stt.vad import Vad
from phone_daemon.wire.line import Line

LONGEST_HELLO_S = 2.5
"""A voice that talks longer than this without a pause is a machine; "Smith and Sons, good morning, how can I help"
takes 2.4 s."""
PAUSE_S = 0.8
"""Silence after which the agent speaks."""
SILENT_S = 4.0
"""If nobody says anything for this long, the agent speaks."""
NO_BEEP_S = 3.0
"""After this much silence following a machine's greeting, its beep is no longer waited for."""
LONGEST_S = 45.0
"""A machine whose greeting takes longer than this is spoken to at once."""
WORDS = re.compile(
    r"\b(?:leave (?:a|your|me a|us a) (?:message|name)|after the (?:tone|beep|signal)|at the (?:tone|beep)|voice ?mail"
    r"|answering machine|mailbox|(?:not|un)(?: |-)?available|(?:can't|cannot|can not|unable to) (?:take|come|answer)"
    r"|record your message|press (?:pound|hash))\b",
    re.IGNORECASE,
)
"""What machines say, but people who pick up do not."""


class WhoAnswered(StrEnum):
    PERSON = "person"
    MACHINE = "machine"
    GONE = "gone"
    """The other side hung up before it was known who answered."""


class MachineDetector:
    """Tells a person from an answering machine by what is heard after the answer. Pure, on the sample clock."""

    def __init__(self, vad: VadSettings) -> None:
        self.verdict: WhoAnswered | None = None
        self.may_speak = False
        """Whether the machine's beep is over, or none will come."""
        self._vad = Vad(vad)
        self._beep = Beep()
        self._began: int | None = None
        """Position at which the current speech began; None if nobody speaks."""
        self._last = 0
        """Position at which speech was last heard."""
        self._spoke = False
        self._start: int | None = None

    def hear(self, frame: Frame) -> None:
        """Takes the next 20 ms."""
        if self._start is None:
            self._start = self._last = frame.position
        for event in self._vad.feed(frame.position, frame.pcm):
            match event:
                case SpeechStarted(onset=onset):
                    if self._began is None:
                        self._began = onset
                    self._spoke = True
                case SpeechEnded(last=last):
                    self._last = last
        self._beep.hear(frame.pcm)
        now = frame.position
        if self._vad.speaking or self._beep.sounding:
            self._last = now - (self._vad.quiet if self._vad.speaking else 0)
        quiet = now - self._last
        if quiet >= samples(PAUSE_S):
            self._began = None
        if self.verdict is None:
            self._judge(now, quiet)
        if self.verdict is WhoAnswered.MACHINE:
            late = now - self._start >= samples(LONGEST_S)
            self.may_speak = self._beep.ended or quiet >= samples(NO_BEEP_S) or late

    def _judge(self, now: int, quiet: int) -> None:
        talked = 0 if self._began is None else self._last - self._began
        if self._beep.ended or talked > samples(LONGEST_HELLO_S):
            self.verdict = WhoAnswered.MACHINE
        elif quiet >= samples(PAUSE_S if self._spoke else SILENT_S):
            self.verdict = WhoAnswered.PERSON

    def understand(self, text: str) -> None:
        """Takes the words recognized so far."""
        if self.verdict is None and WORDS.search(text):
            self.verdict = WhoAnswered.MACHINE


async def who_answered(
    line: Line, vad: VadSettings, open_utterance: Callable[[], Utterance], *, until_beep: bool
) -> WhoAnswered:
    """Listens to an answered line. `until_beep`: keeps listening to a machine until a message can be left."""
    detector = MachineDetector(vad)
    utterance = open_utterance()

    def partial(transcript: Transcript) -> None:
        detector.understand(transcript.text)

    utterance.on_partial(partial)
    try:
        async for event in line.events():
            match event:
                case Frame():
                    utterance.feed(event.pcm)
                    detector.hear(event)
                    if detector.verdict is not None and (
                        detector.verdict is WhoAnswered.PERSON or not until_beep or detector.may_speak
                    ):
                        return detector.verdict
                case LineClosed():
                    return WhoAnswered.GONE
        return WhoAnswered.GONE
    finally:
        utterance.close()
