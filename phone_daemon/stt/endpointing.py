"""Endpointing: how long a caller who has fallen silent is waited for, and why.

Not one wait for all. What was asked comes first: an answer of yes or no is over at once, a number is not before all
of its digits have been said, a name that is being spelled goes on. Else the likelihood that the caller has finished
is taken from what they said, how its last syllables sounded, and how long they have paused before; the wait lies
between `[turn] min_wait_s` and `max_wait_s` by that. Everything counts on the caller's samples, so that a recorded
call is replayed to the same waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from phone_daemon.events import SAMPLE_RATE, samples
from phone_daemon.language.numbers import runs
from phone_daemon.language.words import words as words_of
from phone_daemon.language.yes_no import only_yes_or_no
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.prosody import SPAN_S, Ending
from phone_daemon.stt.prosody import ending as measured
from phone_daemon.stt.turn_end import likelihood
from phone_daemon.stt.unfinished import calls_for_more

SHORTEST_PAUSE_S = 0.1
"""A shorter silence is a stop consonant, and tells nothing of how a caller pauses."""
KEPT = 8
"""Pauses of the call that the caller's own pace is taken from."""
NUMBER_WAIT_S = 0.35
"""After the last digit that was asked for: some people then correct one."""
NO_VOICE = Ending()
TAG_WAIT_S = 0.3
"""After a whole sentence: before "please" voices pause for up to 0.32 s, of which the VAD takes the first for voice."""
THANKS = frozenset(("thank", "thanks", "much"))
"""Of "thank you very much" its first word is the one that is lost."""
LAST_WORDS = frozenset(("please", "goodbye", "bye"))
MESSAGE_WAIT_S = 0.8
"""In a message, a name or an address, after whatever sounds finished."""
GROUP_WAIT_S = 1.5
"""Between the groups of a number, or of the letters of a name. People take up to 1.2 s."""
PATIENCE = 1.5
"""Of the unlikelihood that the caller has finished: the power that takes a share of the longest wait."""
PACE = 1.4
"""Times the second longest of a caller's last pauses: who has paused for so long twice may do so again."""
PACED_S = 0.5
"""They are waited for no longer on that account."""
_DIGITS = re.compile(r"digits_(\d+)_(\d+)")
_LETTER = re.compile(r"[a-z]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A wait, in seconds of silence, and what it was chosen for."""

    wait_s: float
    reason: str
    likely: float | None = None
    """That the caller had finished, 0 to 1, where that decided."""

    def told(self) -> dict[str, object]:
        """As the turn log has it."""
        likely = {} if self.likely is None else {"likely": round(self.likely, 2)}
        return {"wait_s": round(self.wait_s, 3), "reason": self.reason, **likely}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known in a pause."""

    text: str
    """The turn's words so far."""
    expected: str
    """What was asked, as `Agent.expects` has it."""
    ending: Ending = NO_VOICE
    pauses_s: tuple[float, ...] = ()
    """Those after which the caller went on, in this call; the last ones."""
    overheard: bool = False
    """It was said while the agent spoke."""
    making: bool = False
    """A reply to it has been begun, and is not ready: until it is, waiting costs the caller nothing."""


@dataclass(slots=True)
class Endpointing:
    """One call's: keeps what was last heard, and what pauses the caller makes."""

    turn: TurnSettings
    vad: VadSettings
    expected: str = ""
    overheard: bool = False
    making: bool = False
    """What `Evidence` says of the three."""
    _audio: bytearray = field(default_factory=bytearray)
    _pauses_s: list[float] = field(default_factory=list)
    _quiet: int = 0
    _ending: Ending | None = None
    """Of the pause that runs now, once it has been measured."""
    endpoint: Endpoint = Endpoint(0.0, "")
    """The wait that was chosen last."""

    def hear(self, pcm: bytes) -> None:
        """The caller's next audio, 8 kHz."""
        self._audio += pcm
        if len(self._audio) > 16 * samples(SPAN_S):  # seldom, because it moves everything
            del self._audio[: -4 * samples(SPAN_S)]

    def wait(self, text: str, quiet: int) -> int:
        """Samples of silence that end the turn, the caller having been silent for `quiet` after `text`."""
        self.endpoint = decide(self.evidence(text, quiet), self.turn, self.vad)
        return samples(self.endpoint.wait_s)

    def evidence(self, text: str, quiet: int) -> Evidence:
        """The same for somebody who tries other waits."""
        if quiet < self._quiet:
            self.went_on(self._quiet)
        self._quiet = quiet
        if quiet and self._ending is None and quiet >= samples(SHORTEST_PAUSE_S):
            self._ending = measured(bytes(self._audio[: len(self._audio) - 2 * quiet]))
        ending = self._ending or NO_VOICE
        return Evidence(text, self.expected, ending, tuple(self._pauses_s), self.overheard, self.making)

    def went_on(self, pause: int) -> None:
        """The caller paused for so many samples, and had not finished."""
        if pause >= samples(SHORTEST_PAUSE_S):
            self._pauses_s = [*self._pauses_s, pause / SAMPLE_RATE][-KEPT:]
        self._ending = None

    def over(self) -> None:
        """The turn is over, as far as is known: what comes next is no part of this pause."""
        self._quiet, self._ending = 0, None


def decide(evidence: Evidence, turn: TurnSettings, vad: VadSettings) -> Endpoint:
    """How long to wait in a pause of which `evidence` is known."""
    words = words_of(evidence.text)
    if turn.endpointing == "fixed":
        more = turn.unfinished_s if calls_for_more(evidence.text) else 0.0
        return Endpoint(vad.min_silence_s + more, "fixed")
    if evidence.overheard:
        return Endpoint(vad.min_silence_s, "overheard")
    number = _DIGITS.fullmatch(evidence.expected)
    if not words and (number or evidence.expected == "text"):
        return Endpoint(min(max(GROUP_WAIT_S, turn.min_wait_s), turn.max_wait_s), "no words yet")
    if not words:
        return Endpoint(vad.min_silence_s, "no words")
    endpoint = _chosen(evidence, words, turn, vad)
    if evidence.making and endpoint.wait_s < vad.min_silence_s:
        endpoint = replace(endpoint, wait_s=vad.min_silence_s, reason=f"{endpoint.reason}, reply not ready")
    return replace(endpoint, wait_s=min(max(endpoint.wait_s, turn.min_wait_s), turn.max_wait_s))


def _chosen(evidence: Evidence, words: list[str], turn: TurnSettings, vad: VadSettings) -> Endpoint:
    """By what was asked, and else by how likely the caller has finished."""
    number = _DIGITS.fullmatch(evidence.expected)
    digits = sum(len(run.digits) for run in runs(words))
    if number and digits:
        least, most = int(number[1]), int(number[2])
        wait = NUMBER_WAIT_S if digits >= most else vad.min_silence_s if digits >= least else GROUP_WAIT_S
        return Endpoint(wait, f"{digits} of {least} digits")
    tag = _tag_wait(words, vad)
    if evidence.expected == "yes_no" and only_yes_or_no(words, confirming=True):
        return Endpoint(tag if THANKS.intersection(words) else turn.min_wait_s, "yes or no")
    if _spells(words):
        return Endpoint(GROUP_WAIT_S, "spelling")
    likely = likelihood(evidence.text, words, evidence.ending)
    wait = turn.min_wait_s + (turn.max_wait_s - turn.min_wait_s) * (1 - likely) ** PATIENCE
    paced = min(PACE * min(sorted(evidence.pauses_s)[-2:-1], default=0.0), PACED_S)
    wait = max(wait, paced, MESSAGE_WAIT_S if evidence.expected == "text" else vad.min_silence_s if number else tag)
    return Endpoint(wait, "finished" if likely >= 0.5 else "unfinished", likely)


def _tag_wait(words: list[str], vad: VadSettings) -> float:
    """What is left for a tag after a whole sentence: "please", or a goodbye; a number may have a second part."""
    if LAST_WORDS.intersection(words[-2:]):
        return 0.0
    if runs(words[-1:]) or THANKS.intersection(words):
        return vad.min_silence_s
    return TAG_WAIT_S


def _spells(words: list[str]) -> bool:
    """Whether the last words are letters or digits said one by one."""
    singles = []
    for word in reversed(words):
        if not _LETTER.fullmatch(word) and len("".join(run.digits for run in runs([word]))) != 1:
            break
        singles.append(word)
    return len(singles) >= 2 and not set(singles) <= {"a", "i"}
