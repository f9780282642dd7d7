"""NVIDIA's Parakeet and Nemotron models (`nemo_toolkit`): cache-aware models stream, and the others process segments.

Runs in the environment of `sidecars/parakeet/`. The chunks of all streams go through the model in one batch. Options:

`model`: see `nemo_model.open_checkpoint`. `chunk_ms`: the size of a chunk, one of those that the model was trained for;
it trades latency against accuracy. `device`, `dtype`: see `nemo_model.choose_place`. `threads`: CPU threads.
`max_sessions`. `max_batch`: how many streams go through the model at once, if there is not enough memory for all of
them. It has no session options.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from sidecars.engine import EngineFull, EngineLost, Hypothesis, SttEngine
from sidecars.engines.checked import refuse_unknown, whole_number
from sidecars.engines.nemo_model import (
    CPU,
    HALF,
    RATE,
    WIDE,
    Checkpoint,
    Place,
    choose_place,
    give_up_cuda,
    open_checkpoint,
)
from sidecars.engines.nemo_pipeline import Piece, Pipeline
from sidecars.engines.nemo_segments import NemoSegments
from sidecars.engines.nemo_words import Transcript
from sidecars.engines.trailing_silence import TrailingSilence

log = logging.getLogger(__name__)

REPOSITORY = "nvidia/nemotron-speech-streaming-en-0.6b"
CHUNK_MS = 160
"""The default if the model supports it; otherwise the first chunk size that the model was trained with."""
MAX_SESSIONS = 32
FLUSH_S = 0.16
"""Silence that is added after the last sound, so that the model hears its end. Of 40 utterances cut off where speech
ends, compared with more silence, 29 gave the same text without it, 37 with half of it, and 39 with all of it."""
OPTIONS = ("model", "chunk_ms", "device", "dtype", "threads", "max_sessions", "max_batch")


@dataclass(slots=True)
class _Session:
    transcript: Transcript
    waiting: bytearray
    """Audio that does not fill a chunk yet."""
    samples: int
    """How much of the session's audio the pipeline has received; the silence that precedes it counts as negative."""
    chunks: int = 0
    """How many chunks the pipeline has received; at 0 it does not know the session."""
    silence: TrailingSilence = field(default_factory=TrailingSilence)
    left: int = 0
    """How many more chunks it receives before its final."""
    heard: Hypothesis = field(default_factory=lambda: Hypothesis("", 0.0))


class Nemo:
    """An `SttEngine` for a cache-aware model."""

    sample_rate = RATE

    def __init__(
        self,
        checkpoint: Checkpoint,
        chunk_ms: int | None,
        place: Place,
        max_sessions: int,
        max_batch: int | None = None,
    ) -> None:
        self.max_sessions = max_sessions
        self._max_batch = max_batch or max_sessions
        self._checkpoint = checkpoint
        self._context = _context(checkpoint, chunk_ms)
        self._sessions: dict[int, _Session] = {}
        self._pipeline = self._load(place)
        self.chunk_s = self._pipeline.chunk / RATE

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        if len(self._sessions) >= self.max_sessions:
            raise EngineFull(f"{self.max_sessions} utterances are open already")
        lead = self._pipeline.lead
        self._sessions[session] = _Session(Transcript(offset_s=-lead / RATE), bytearray(2 * lead), -lead)

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        for number, pcm in audio.items():
            self._sessions[number].waiting += pcm
            self._sessions[number].silence.feed(pcm)
        changed = {}
        while full := [each for each in audio if len(self._sessions[each].waiting) >= 2 * self._pipeline.chunk]:
            full = full[: self._max_batch]
            known = [self._sessions[each].heard.text for each in full]
            for number, before, hypothesis in zip(full, known, self._hear(full), strict=True):
                if hypothesis.text != before:
                    changed[number] = hypothesis
        return changed

    def finalize(self, session: int) -> Hypothesis:
        return self.finalize_all([session])[0]

    def finalize_all(self, sessions: Sequence[int]) -> Sequence[Hypothesis]:
        ending = [self._sessions[each] for each in sessions]
        chunk = self._pipeline.chunk
        try:
            for session in ending:
                if session.chunks or len(session.waiting) > 2 * self._pipeline.lead:
                    wanted = len(session.waiting) // 2 - session.silence.samples + round(FLUSH_S * RATE)
                    session.waiting += bytes(2 * chunk * max(0, math.ceil(wanted / chunk)))
                    session.left = max(0, math.ceil(wanted / chunk))
            while full := [each for each in sessions if self._sessions[each].left]:
                for each in full[: self._max_batch]:
                    self._sessions[each].left -= 1
                self._hear(full[: self._max_batch])
            return [session.heard for session in ending]
        finally:
            for each in sessions:
                self.cancel(each)

    def cancel(self, session: int) -> None:
        if self._sessions.pop(session, None) is None:
            return
        try:
            self._pipeline.release(session)
        except RuntimeError as error:  # the next request to the GPU reports its failure
            self._fall_back(error)

    def held(self) -> Mapping[str, int]:
        """The number of open `sessions`, and what NeMo holds for those that have been processed (see
        `Pipeline.held`)."""
        return {"sessions": len(self._sessions), **self._pipeline.held()}

    def _hear(self, sessions: Sequence[int]) -> Sequence[Hypothesis]:
        """Puts one chunk of each session through the model."""
        size = 2 * self._pipeline.chunk
        chunks = [bytes(self._sessions[each].waiting[:size]) for each in sessions]
        try:
            hypotheses = self._step(sessions, chunks)
        except RuntimeError as error:
            self._fall_back(error)
            hypotheses = self._step(sessions, chunks)
        for each, hypothesis in zip(sessions, hypotheses, strict=True):
            session = self._sessions[each]
            del session.waiting[:size]
            session.chunks += 1
            session.samples += size // 2
            session.heard = hypothesis
        return hypotheses

    def _step(self, sessions: Sequence[int], chunks: Sequence[bytes]) -> Sequence[Hypothesis]:
        known = [self._sessions[each] for each in sessions]
        return self._pipeline.step(
            [
                Piece(number, pcm, session.transcript, session.chunks)
                for number, session, pcm in zip(sessions, known, chunks, strict=True)
            ]
        )

    def _load(self, place: Place) -> Pipeline:
        """Loads the model at `place`, or on the CPU if a GPU's memory is too small."""
        if not place.on_cpu:
            try:
                return self._loaded(place)
            except RuntimeError as error:
                give_up_cuda(error)
        return Pipeline(self._checkpoint, self._context, CPU, self.max_sessions, self._max_batch)

    def _loaded(self, place: Place) -> Pipeline:
        """Loads the model with a number type that its values fit into."""
        try:
            return Pipeline(self._checkpoint, self._context, place, self.max_sessions, self._max_batch)
        except FloatingPointError as error:
            if place.dtype != HALF:
                raise
            log.warning("%s: hearing in %s", error, WIDE)
        wide = replace(place, dtype=WIDE)
        return Pipeline(self._checkpoint, self._context, wide, self.max_sessions, self._max_batch)

    def _fall_back(self, error: RuntimeError) -> None:
        """Falls back after a GPU ran out of memory: every session keeps its words so far and continues as if it had
        just begun. Raises `error` on the CPU, and `EngineLost` if the GPU no longer responds.
        """
        if self._pipeline.place.on_cpu:
            raise error
        give_up_cuda(error)
        try:
            self._pipeline = Pipeline(
                self._checkpoint, self._context, CPU, self.max_sessions, self._max_batch, again=True
            )
        except Exception as second:
            raise EngineLost(f"after CUDA's failure it could not be loaded on the CPU either: {second}") from error
        for session in self._sessions.values():
            if session.chunks:
                session.transcript = Transcript(session.heard.words, session.samples / RATE)
                session.chunks = 0


def create(options: Mapping[str, Any]) -> SttEngine:
    """Creates the engine that fits the model. Raises `ValueError` for a bad option, and `WeightsMissing` without
    weights.
    """
    refuse_unknown("nemo", options, OPTIONS)
    place = choose_place(options.get("device", "auto"), options.get("dtype", "auto"))
    max_sessions = whole_number("max_sessions", options.get("max_sessions", MAX_SESSIONS), 1, 1024)
    # More threads would wait for each other.
    torch.set_num_threads(whole_number("threads", options.get("threads", 1), 1, 256))
    chunk_ms = options.get("chunk_ms")
    if chunk_ms is not None:
        whole_number("chunk_ms", chunk_ms, 1, 10_000)
    max_batch = min(whole_number("max_batch", options.get("max_batch", max_sessions), 1, 1024), max_sessions)
    checkpoint = open_checkpoint(str(options.get("model", REPOSITORY)))
    if checkpoint.contexts:
        return Nemo(checkpoint, chunk_ms, place, max_sessions, max_batch)
    if chunk_ms is not None:
        raise ValueError(f"chunk_ms {chunk_ms}: {checkpoint.path.name} recognizes whole utterances; leave chunk_ms out")
    return NemoSegments(checkpoint, place, max_sessions)


def _context(checkpoint: Checkpoint, chunk_ms: int | None) -> Sequence[int]:
    contexts = checkpoint.contexts
    if chunk_ms is None:
        chunk_ms = CHUNK_MS if CHUNK_MS in contexts else next(iter(contexts))
    if chunk_ms not in contexts:
        has = ", ".join(map(str, sorted(contexts)))
        raise ValueError(f"chunk_ms {chunk_ms}: {checkpoint.path.name} was trained for {has}")
    return contexts[chunk_ms]
