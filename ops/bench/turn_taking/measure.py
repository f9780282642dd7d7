"""The outcome of a scene: whether and when the agent stopped, what was lost, and where the turn was taken to be
over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ops.bench.turn_taking.caller import VOICED
from ops.bench.turn_taking.play import REPLY, Played
from ops.bench.turn_taking.scene_outcome import SceneOutcome, seconds, words
from phone_daemon.events import PTIME_S

SOFT = 0.4
"""A frame below this share of its usual level is ducked: -8 dB."""
LOUD = 0.7
SILENT = 45.0
"""RMS of a silent frame."""
GONE = 12
"""After this many silent frames in which the agent should be audible, it has stopped."""


@dataclass(frozen=True, slots=True)
class Outcome(SceneOutcome):
    """As in the daemon's own records."""

    duck_s: float | None = None
    """From the sound's onset until the agent was softer."""
    resume_s: float | None = None
    """From the end of the sound until the agent was as loud as before, if it had become softer or stopped."""
    turns: int = 0
    """The caller's turns besides the opening question."""
    cut_off: bool | None = None
    """Whether the turn was taken to be over too early."""
    spoken_over: bool | None = None
    """Whether the agent was even heard before the turn was over."""
    wait_s: float | None = None
    """From the last sample of the turn until it was taken to be over."""
    reason: str = ""
    """Why the wait was what it was, as given in the turn log."""

    @property
    def right(self) -> bool:
        """Whether the outcome is the one that the scene calls for."""
        match "" if self.failed else self.wants:
            case "":
                return False
            case "stop":
                return bool(self.stopped)
            case "go on":
                return not self.stopped and not self.turns
            case "nothing":
                return not self.turns
            case _:
                return not self.cut_off


def outcome(played: Played, usual: Played | None) -> Outcome:
    """`usual`: the call in which nothing happens, for scenes during a reply."""
    if played.scene.when == "reply":
        assert usual is not None
        return _in_a_reply(played, usual)
    return _of_a_turn(played)


def _in_a_reply(played: Played, usual: Played) -> Outcome:
    scene = played.scene
    expected = usual.levels[usual.reply_at :]
    heard = played.levels[played.reply_at :]
    onset, over = played.onset_at - played.reply_at, played.over_at - played.reply_at
    voiced = [at for at in range(max(onset, 0), min(len(expected), len(heard))) if expected[at] >= VOICED]
    duck = next((at for at in voiced if heard[at] < SOFT * expected[at]), None)
    gone = _gone(voiced, heard)
    back = None
    if gone is not None:
        back = next((at for at in range(gone + GONE, len(heard)) if heard[at] >= VOICED), None)
    elif duck is not None:
        back = next((at for at in voiced if at > duck + 2 and heard[at] >= LOUD * expected[at]), None)
    goes_on = scene.wants == "go on"
    return Outcome(
        scene.id,
        scene.kind,
        scene.wants,
        stopped=gone is not None,
        duck_s=seconds(_from(duck, onset, heard), onset),
        silence_s=seconds(_from(gone, onset, heard), onset),
        resume_s=seconds(back, over) if goes_on and back is not None else None,
        words_lost=_lost(played.turns) if goes_on else None,
        turns=_turns(played.turns, after=1),
    )


def _gone(voiced: Sequence[int], heard: Sequence[float]) -> int | None:
    """The first of `GONE` silent frames in a row in which the agent should be audible."""
    row: list[int] = []
    for at in voiced:
        row = [*row, at] if heard[at] < SILENT else []
        if len(row) >= GONE:
            return row[0]
    return None


def _from(at: int | None, onset: int, heard: Sequence[float]) -> int | None:
    """When a change that was noticed at `at` took effect for the caller, who does not hear it while the agent is silent
    anyway."""
    while at is not None and at > max(onset, 0) and heard[at - 1] < SILENT:
        at -= 1
    return at


def _turns(turns: Sequence[Mapping[str, Any]], after: int) -> int:
    return sum(1 for turn in turns if turn["turn"] > after and turn["caller"])


def _lost(turns: Sequence[Mapping[str, Any]]) -> int:
    told = words(REPLY)
    heard = words(" ".join(str(turn["heard"]) for turn in turns if turn["turn"] >= 1))
    return len(told) - sum(block.size for block in SequenceMatcher(None, told, heard, False).get_matching_blocks())


def _of_a_turn(played: Played) -> Outcome:
    scene = played.scene
    if scene.wants == "nothing":
        return Outcome(scene.id, scene.kind, scene.wants, turns=_turns(played.turns, after=0))
    thinking = [note.at_ns / 1e9 for note in played.notes if note.kind == "state" and note.data["state"] == "THINKING"]
    onset_s, over_s = played.onset_at * PTIME_S, played.over_at * PTIME_S
    ends = [at for at in thinking if at > onset_s]
    last = next((at for at in ends if at >= over_s - PTIME_S), None)
    first_heard = next((at for at in range(played.onset_at, len(played.levels)) if played.levels[at] >= VOICED), None)
    endpoints = [turn["endpoint"] for turn in played.turns if turn["turn"] >= 1 and turn.get("endpoint")]
    told = endpoints[-1] if endpoints else {}
    return Outcome(
        scene.id,
        scene.kind,
        scene.wants,
        turns=_turns(played.turns, after=0),
        cut_off=any(at < over_s - PTIME_S for at in ends),
        spoken_over=first_heard is not None and first_heard < played.over_at,
        wait_s=None if last is None else round(last - over_s, 3),
        reason=str(told.get("reason", "")),
    )
