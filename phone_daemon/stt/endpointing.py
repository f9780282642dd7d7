"""Endpointing: how long to wait for a caller who has fallen silent, and why.

There is no single wait. What was asked comes first: a yes or no answer is over at once, a number is not over before all
of its digits have been said, and a name that is being spelled goes on. Otherwise the likelihood that the caller has
finished is estimated from what they said and whether their pitch fell or rose; the wait follows from it, and from how
long they have paused before, between `[turn] min_wait_s` and `max_wait_s`. All times are counted in the caller's
samples, so that the replay of a recorded call gives the same waits.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

from phone_daemon.events import SAMPLE_RATE, samples
from phone_daemon.language.numbers import runs
from phone_daemon.language.words import words as words_of
from phone_daemon.language.yes_no import only_yes_or_no
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.prosody import SPAN_S, pitch_moved
from phone_daemon.stt.turn_end import log_odds
from phone_daemon.stt.unfinished import calls_for_more

SHORTEST_PAUSE_S = 0.1
"""A shorter silence is a stop consonant, and says nothing about how a caller pauses."""
KEPT = 8
"""Number of the call's pauses from which the caller's pace is estimated."""
NUMBER_WAIT_S = 0.35
"""Wait after the last digit of a number that was asked for: some people then correct a digit."""
TAG_WAIT_S = 0.3
"""Wait after a whole sentence: before "please", voices pause for up to 0.32 s, and the VAD counts the beginning of that
pause as voice."""
THANKS = frozenset(("thank", "thanks", "much"))
"""Recognition often loses the first word of "thank you very much"."""
LAST_WORDS = frozenset(("please", "goodbye", "bye"))
MESSAGE_WAIT_S = 0.8
"""Wait after anything that sounds finished in a message, a name, or an address."""
GROUP_WAIT_S = 1.5
"""Wait between the groups of letters of a name, and after the first words of a message, which may be one misheard.
People take up to 1.2 s."""
DIGITS_WAIT_S = 2.2
"""Wait for the rest of a number, which is certain to come: people look it up, and read it again."""
WORD_WAIT_S = 0.2
"""Wait after a mere "no" or "yes": what comes next, such as "sorry, on Friday", follows sooner."""
ANSWER_WAIT_S = 1.0
"""Longest wait after a yes-or-no question, whose answer may have been misheard, and never needs many words."""
FEW = 3
"""Most words of a message that may be a name, or its first letters misheard."""
EVEN_S = 0.8
"""Wait after what is as likely the end of a turn as not."""
FALL_S = 0.9
"""How much shorter the wait becomes when the odds of an end grow by a factor of e. If the lengths of people's pauses
are distributed exponentially, no other rule cuts off fewer turns for the same mean wait, and this value is the mean of
the pauses."""
PACE = 1.4
"""The factor on the second longest of a caller's recent pauses: someone who has paused that long twice may do so
again."""
PACED_S = 0.4
"""Longest wait that a caller's pace alone can cause."""
_DIGITS = re.compile(r"digits_(\d+)_(\d+)")
_LETTER = re.compile(r"[a-z]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A wait, in seconds of silence, and the reason for it."""

    wait_s: float
    reason: str
    likely: float | None = None
    """Likelihood, 0 to 1, that the caller had finished, if it decided the wait."""

    def told(self) -> dict[str, object]:
        """The endpoint in the turn log's format."""
        likely = {} if self.likely is None else {"likely": round(self.likely, 2)}
        return {"wait_s": round(self.wait_s, 3), "reason": self.reason, **likely}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for a decision in a pause."""

    text: str
    """The words of the turn so far."""
    expected: str
    """What was asked, in the format of `Agent.expects`."""
    pitch: float = 0.0
    """How far the pitch moved before the pause, in semitones."""
    pauses_s: tuple[float, ...] = ()
    """The most recent pauses in this call after which the caller went on."""
    overheard: bool = False
    """Whether the caller spoke over the agent."""
    making: bool = False
    """Whether a reply has been begun and is not ready: until it is, waiting costs the caller nothing."""


@dataclass(slots=True)
class Endpointing:
    """One call's endpointing: keeps the last audio heard, and the pauses that the caller makes."""

    turn: TurnSettings
    vad: VadSettings
    expected: str = ""
    overheard: bool = False
    making: bool = False
    """The three fields are described in `Evidence`."""
    _audio: bytearray = field(default_factory=bytearray)
    _pauses_s: list[float] = field(default_factory=list)
    _quiet: int = 0
    _pitch: float | None = None
    """How far it moved before the current pause, once that has been measured."""
    endpoint: Endpoint = Endpoint(0.0, "")
    """The most recently chosen wait."""

    def hear(self, pcm: bytes) -> None:
        """Takes the caller's next audio, 8 kHz."""
        self._audio += pcm
        if len(self._audio) > 16 * samples(SPAN_S):  # rarely, because it moves everything
            del self._audio[: -4 * samples(SPAN_S)]

    def wait(self, text: str, quiet: int) -> int:
        """Samples of silence that end the turn, if the caller has been silent for `quiet` samples after `text`."""
        self.endpoint = decide(self.evidence(text, quiet), self.turn, self.vad)
        return samples(self.endpoint.wait_s)

    def evidence(self, text: str, quiet: int) -> Evidence:
        """The same evidence, for code that tries other waits."""
        if quiet < self._quiet:
            self.went_on(self._quiet)
        self._quiet = quiet
        if quiet and self._pitch is None and quiet >= samples(SHORTEST_PAUSE_S):
            self._pitch = pitch_moved(bytes(self._audio[: len(self._audio) - 2 * quiet]))
        return Evidence(text, self.expected, self._pitch or 0.0, tuple(self._pauses_s), self.overheard, self.making)

    def went_on(self, pause: int) -> None:
        """Notes that the caller paused for `pause` samples and had not finished."""
        if pause >= samples(SHORTEST_PAUSE_S):
            self._pauses_s = [*self._pauses_s, pause / SAMPLE_RATE][-KEPT:]
        self._pitch = None

    def over(self) -> None:
        """Notes that the turn seems to be over, so that what comes next does not end this pause."""
        self._quiet, self._pitch = 0, None


def decide(evidence: Evidence, turn: TurnSettings, vad: VadSettings) -> Endpoint:
    """Decides how long to wait in a pause, given the `evidence`."""
    words = words_of(evidence.text)
    if turn.endpointing == "fixed":
        more = turn.unfinished_s if calls_for_more(evidence.text) else 0.0
        return Endpoint(vad.min_silence_s + more, "fixed")
    if evidence.overheard:
        return Endpoint(vad.min_silence_s, "overheard")
    number = _DIGITS.fullmatch(evidence.expected)
    if not words and (number or evidence.expected == "text"):
        wait = DIGITS_WAIT_S if number else GROUP_WAIT_S
        return Endpoint(min(max(wait, turn.min_wait_s), turn.max_wait_s), "no words yet")
    if not words:
        return Endpoint(vad.min_silence_s, "no words")
    endpoint = _chosen(evidence, words, turn, vad)
    if evidence.making and endpoint.wait_s < vad.min_silence_s:
        endpoint = replace(endpoint, wait_s=vad.min_silence_s, reason=f"{endpoint.reason}, reply not ready")
    return replace(endpoint, wait_s=min(max(endpoint.wait_s, turn.min_wait_s), turn.max_wait_s))


def _chosen(evidence: Evidence, words: list[str], turn: TurnSettings, vad: VadSettings) -> Endpoint:
    """Chosen by what was asked, or else by how likely it is that the caller has finished."""
    number = _DIGITS.fullmatch(evidence.expected)
    digits = sum(len(run.digits) for run in runs(words))
    if number and digits:
        least, most = int(number[1]), int(number[2])
        wait = NUMBER_WAIT_S if digits >= most else vad.min_silence_s if digits >= least else DIGITS_WAIT_S
        return Endpoint(wait, f"{digits} of {least} digits")
    tag = _tag_wait(words, vad)
    if evidence.expected == "yes_no" and only_yes_or_no(words, confirming=True):
        wait = tag if THANKS.intersection(words) else WORD_WAIT_S if len(words) == 1 else turn.min_wait_s
        return Endpoint(wait, "yes or no")
    if _spells(words):
        return Endpoint(GROUP_WAIT_S, "spelling")
    odds = log_odds(evidence.text, words, evidence.pitch)
    longest = min(ANSWER_WAIT_S, turn.max_wait_s) if evidence.expected == "yes_no" else turn.max_wait_s
    wait = min(EVEN_S - FALL_S * odds, longest)
    paced = min(PACE * min(sorted(evidence.pauses_s)[-2:-1], default=0.0), PACED_S)
    shortest = tag
    if evidence.expected == "text":
        shortest = GROUP_WAIT_S if len(words) <= FEW else MESSAGE_WAIT_S
    elif number:
        shortest = vad.min_silence_s
    wait = max(wait, paced, shortest)
    return Endpoint(wait, "finished" if odds >= 0 else "unfinished", 1 / (1 + math.exp(-odds)))


def _tag_wait(words: list[str], vad: VadSettings) -> float:
    """The time left for a tag after a whole sentence, such as "please" or a goodbye; a number may have a second
    part."""
    if LAST_WORDS.intersection(words[-2:]):
        return 0.0
    if runs(words[-1:]) or THANKS.intersection(words):
        return vad.min_silence_s
    return TAG_WAIT_S


def _spells(words: list[str]) -> bool:
    """Whether the last words are letters or digits that are said one by one."""
    singles = []
    for word in reversed(words):
        if not _LETTER.fullmatch(word) and len("".join(run.digits for run in runs([word]))) != 1:
            break
        singles.append(word)
    return len(singles) >= 2 and not set(singles) <= {"a", "i"}
