"""The outcome of a scene, judged in the same way for every agent by what its far end heard and by the agent's
events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from ops.bench.peers.line import SHORT, Recorded
from ops.bench.peers.process import Event
from ops.bench.turn_taking.caller import VOICED
from ops.bench.turn_taking.play import REPLY
from ops.bench.turn_taking.scene_outcome import SceneOutcome, seconds, words
from phone_daemon.events import PTIME_S

SOUNDING = 12.0
"""RMS of a frame that counts as audible, even if ducked."""
GONE = 10
"""After this many silent frames beyond the longest pause of an undisturbed reply, the agent has stopped."""
SAID = 0.94
"""A reply of which this fraction was heard counts as complete."""
NEAR = 3
"""Words that the recognizer may miss between two that it finds."""


@dataclass(frozen=True, slots=True)
class Usual:
    """How an agent's reply sounds when nothing happens."""

    pause: int
    """Its longest pause, in ticks."""
    sounding: int
    """Ticks in which it is audible."""
    words: frozenset[int]
    """Indices of the words that the recognizer finds in it."""


@dataclass(frozen=True, slots=True)
class Outcome(SceneOutcome):
    """The outcome as the far end heard it, measured in the same way for every agent."""

    trigger_s: float | None = None
    """From the agent's decision until the silence."""
    ttfa_s: float | None = None
    """From the last sample of the caller's question to the first of the reply."""
    turns: int = 0
    """Turns that the agent answered since the sound's onset."""
    cut_off: bool | None = None
    """Whether the turn was answered before it was over."""
    history_off: int | None = None
    """For a stopped reply, words that the agent thinks it said beyond those that were heard; negative if too few."""
    cpu: float = 0.0
    """For the agent's processes, seconds of a core per second of call."""
    memory_mb: float = 0.0
    late_s: float = 0.0
    """The longest delay of the line's own tick."""


def usual(recorded: Recorded, transcript: str) -> Usual:
    """Raises `ValueError` if no reply was heard."""
    if recorded.reply_at is None:
        raise ValueError("no reply was heard")
    levels = recorded.levels[recorded.reply_at :]
    last = max(at for at, level in enumerate(levels) if level >= SOUNDING)
    runs = _silences(levels[: last + 1])
    pause = max((end - begin for begin, end in runs), default=0)
    return Usual(pause, sum(level >= SOUNDING for level in levels), frozenset(_found(transcript)))


def stopped_at(recorded: Recorded, usual: Usual) -> int | None:
    """The first tick, from the onset on, of a silence in which the reply should be audible."""
    assert recorded.reply_at is not None
    for begin, end in _silences(recorded.levels):
        if end <= recorded.onset_at or end - begin < usual.pause + GONE:
            continue
        said = sum(level >= SOUNDING for level in recorded.levels[recorded.reply_at : begin])
        return None if said >= SAID * usual.sounding else max(begin, recorded.onset_at)
    return None


def outcome(recorded: Recorded, events: Sequence[Event], usual: Usual, transcript: str) -> Outcome:
    """`transcript`: what the recognizer finds in the audio since the reply began; needed if it was stopped."""
    scene = recorded.scene
    known = Outcome(scene.id, scene.kind, scene.wants, late_s=recorded.late_s)
    onset_s = recorded.began + recorded.onset_at * PTIME_S
    answered = [event.at for event in events if event.kind == "turn" and event.about.get("text")]
    turns = sum(at > onset_s for at in answered)
    if scene.when != "reply":
        over_s = recorded.began + recorded.over_at * PTIME_S
        first = next((at for at in range(recorded.over_at, len(recorded.levels)) if _voiced(recorded, at)), None)
        cut_off = any(onset_s < at < over_s - PTIME_S for at in answered) if scene.wants == "turn" else None
        clean = scene.wants == "turn" and not cut_off and first is not None
        ttfa_s = seconds(first, recorded.over_at) if clean else None
        return replace(known, turns=turns, cut_off=cut_off, ttfa_s=ttfa_s)
    if recorded.reply_at is None:
        return replace(known, failed="no reply was heard")
    gone = stopped_at(recorded, usual)
    decided = [event.at for event in events if event.kind == "trigger" and event.at >= onset_s]
    lost = off = None
    if gone is not None:
        off = reached(_held(events)) - reached(transcript)
        lost = len(usual.words - set(_found(transcript))) if scene.wants == "go on" else None
    elif scene.wants == "go on":
        lost = 0
    return replace(
        known,
        stopped=gone is not None,
        silence_s=seconds(gone, recorded.onset_at),
        trigger_s=_since_trigger(recorded, gone, decided),
        ttfa_s=seconds(recorded.reply_at, recorded.asked_at),
        turns=turns,
        words_lost=lost,
        history_off=off,
    )


def _silences(levels: Sequence[float]) -> list[tuple[int, int]]:
    """Runs of silent ticks."""
    runs: list[tuple[int, int]] = []
    begin = None
    for at, level in enumerate([*levels, SOUNDING]):
        if level < SOUNDING:
            begin = at if begin is None else begin
        elif begin is not None:
            runs.append((begin, at))
            begin = None
    return runs


def _voiced(recorded: Recorded, at: int) -> bool:
    return recorded.levels[at] >= VOICED


def _since_trigger(recorded: Recorded, gone: int | None, decided: Sequence[float]) -> float | None:
    """The last decision before the silence; one within its first ticks is attributed to the line's own delay."""
    if gone is None:
        return None
    left_s = recorded.began + gone * PTIME_S
    before = [at for at in decided if at <= left_s + PTIME_S]
    return round(max(left_s - before[-1], 0.0), 3) if before else None


def _held(events: Sequence[Event]) -> str:
    """What the agent thinks it said."""
    return " ".join(text for event in events if event.kind == "history" for text in event.about["said"])


def reached(text: str) -> int:
    """The index of the last word of the reply that `text` reaches; -1 if none. A lone word far from the others does not
    count.
    """
    last = -1
    for begin, length in _blocks(text):
        if length > 1 or begin <= last + NEAR:
            last = begin + length - 1
    return last


def _found(text: str) -> list[int]:
    """Indices of the reply's words that are in `text`, in its order."""
    return [place for begin, length in _blocks(text) for place in range(begin, begin + length)]


def _blocks(text: str) -> list[tuple[int, int]]:
    """Stretches of the reply that are in `text`, as index and length. Anything said after the reply is left out."""
    said = words(" ".join(words(text)).replace(" ".join(words(SHORT)), ""))
    matched = SequenceMatcher(None, words(REPLY), said, False).get_matching_blocks()
    return [(block.a, block.size) for block in matched if block.size]
