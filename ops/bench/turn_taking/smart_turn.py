"""Smart Turn v3.2 compared with our own endpointing: alone, as its framework uses it, and combined with ours."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import replace
from types import TracebackType

from ops.bench.turn_taking.pauses import Heard
from phone_daemon.events import FRAME_SAMPLES, samples
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.endpointing import Endpoint, Evidence, decide
from sidecars.environment import interpreter

ASKED_AFTER_S = 0.2
"""Pipecat's VAD treats this much silence as a pause, and then asks the model."""
GIVES_UP_S = 3.0
"""Its `stop_secs`: after this much silence a turn is over, whatever the model says."""


class SmartTurn:
    """The child process that runs the model. A context manager."""

    def __init__(self) -> None:
        """Raises `FileNotFoundError` if `make smart_turn` has not been run."""
        python = interpreter("smart_turn")
        if not python:
            raise FileNotFoundError("Smart Turn is not here; make smart_turn")
        command = [python, "-m", "sidecars.smart_turn.judge"]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> SmartTurn:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=10)

    def likely(self, pcm: bytes) -> float:
        """The probability that the caller, whose turn so far is `pcm`, has finished."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(struct.pack("<I", len(pcm)) + pcm)
        self._child.stdin.flush()
        return float(self._child.stdout.readline())

    def judged(self, heard: Heard) -> dict[int, float]:
        """For the tick in which a pause has lasted `ASKED_AFTER_S`, the model's answer, valid for the rest of the
        pause.
        """
        pcm = heard.scene.pcm() + bytes(2 * samples(GIVES_UP_S + 1))
        found: dict[int, float] = {}
        likely: float | None = None
        for tick, quiet_s, _ in heard.pauses:
            if quiet_s < ASKED_AFTER_S:
                likely = None
            elif likely is None:
                likely = self.likely(pcm[: 2 * tick * FRAME_SAMPLES])
            if likely is not None:
                found[tick] = likely
        return found


def alone(likely: float | None) -> Endpoint:
    """Waits as its framework does."""
    if likely is None:
        return Endpoint(GIVES_UP_S, "smart turn")
    return Endpoint(ASKED_AFTER_S if likely > 0.5 else GIVES_UP_S, "smart turn", likely)


def fused(evidence: Evidence, likely: float | None, weight: float = 0.5) -> Endpoint:
    """Our wait, moved toward the shortest or the longest by Smart Turn's answer."""
    turn = TurnSettings()
    ours = decide(evidence, turn, VadSettings())
    if likely is None or ours.likely is None:
        return ours
    both = (1 - weight) * ours.likely + weight * likely
    share = (1 - both) / max(1 - ours.likely, 1e-3)
    wait = turn.min_wait_s + (ours.wait_s - turn.min_wait_s) * share
    return replace(ours, wait_s=min(max(wait, turn.min_wait_s), turn.max_wait_s), likely=both)
