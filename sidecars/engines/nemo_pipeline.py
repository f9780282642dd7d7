"""NeMo's cache-aware streaming pipeline, with what it lacks for calls.

What it does well is the step: one chunk of each of many streams, in one batch. What it lacks is an end without more
audio (a stream's places in its three stores are given back only with a last chunk), and words before the end of a
segment, with their times. Not thread-safe.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from sidecars.engine import Hypothesis, Word
from sidecars.engines.nemo_model import RATE, Checkpoint, Place, damage
from sidecars.engines.nemo_package import ASRRequestOptions, BPEDecoder, CacheAwarePipelineBuilder, Frame
from sidecars.engines.nemo_words import Transcript

log = logging.getLogger(__name__)

END_OF_SEGMENT_MS = 800
"""So long a run of blanks settles what was said before it. The stream goes on all the same, its caches with it."""
CONFIDENCE = {
    "exclude_blank": True,
    "aggregation": "mean",
    "method_cfg": {
        "name": "max_prob",
        "entropy_type": "tsallis",
        "alpha": 0.5,
        "entropy_norm": "exp",
    },
}
"""Of a token: how probable it was, from 0 (no more than any other) to 1; of a word: the mean of its tokens'."""
SPACE = "▁"
"""SentencePiece's."""
WARM_UP = -1
"""Streams of our own are numbered from here downwards; the host's are positive."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of one stream: `Pipeline.chunk` samples at 16 kHz, full scale 1.0."""

    stream: int
    samples: NDArray[np.float32]
    transcript: Transcript
    number: int
    """Of the stream's pieces, from 0."""


class Pipeline:
    """One model on one device. A stream is known by a number, and lives from its first piece to `release`."""

    def __init__(self, checkpoint: Checkpoint, context: Sequence[int], place: Place, streams: int, batch: int) -> None:
        """Loads the model and lets it hear something. `streams` at most, and `batch` of them in one step.

        `context`: one of the checkpoint's. Raises `WeightsMissing`; `RuntimeError` when CUDA fails.
        """
        self.place = place
        try:
            self._pipeline = CacheAwarePipelineBuilder.build(_settings(checkpoint, context, place, streams))
        except Exception as error:
            if not place.on_cpu:
                raise
            raise damage(checkpoint.path, error) from error
        self._decoder = self._pipeline.bpe_decoder = _Settling(
            vocabulary=self._pipeline.vocabulary,
            tokenizer=self._pipeline.tokenizer,
            confidence_aggregator=self._pipeline.confidence_aggregator,
            asr_supported_puncts=self._pipeline.asr_supported_puncts,
            word_boundary_tolerance=self._pipeline.word_boundary_tolerance,
            token_duration_in_secs=self._pipeline.model_stride_in_secs,
        )
        self.chunk: int = round(self._pipeline.chunk_size_in_secs * RATE)
        _keep_whole_past(self._pipeline)
        more = self._pipeline.subsampling_factor - 1
        self._first_frames: int = self._pipeline.model_chunk_size - more
        self.lead: int = round(
            (more - _hear_whole_windows(self._pipeline.bufferer)) * self._pipeline.window_stride * RATE
        )
        """Samples of nothing that are wanted before a stream's first; see `_remembering`."""
        # On a GPU the whole batch: better that its memory does not suffice now than in a call.
        self._warm_up(1 if place.on_cpu else batch)
        chunk_ms = 1000 * self.chunk // RATE
        log.info("%s (%s) hears %d ms at a time on %s", checkpoint.path.name, checkpoint.decoder, chunk_ms, place)

    def step(self, pieces: Sequence[Piece]) -> Sequence[Hypothesis]:
        """Hears one piece of each of some streams and returns all that was said in each.

        Raises whatever torch raises; the streams are of no use then but to be released.
        """
        by_past: dict[int, list[Piece]] = {}
        for piece in pieces:
            by_past.setdefault(self._past_frames(piece), []).append(piece)
        heard: dict[int, Hypothesis] = {}
        for past, together in by_past.items():
            with self._remembering(past):
                heard |= self._hear(together)
        return [heard[piece.stream] for piece in pieces]

    def _hear(self, pieces: Sequence[Piece]) -> dict[int, Hypothesis]:
        """In one batch; by stream."""
        frames, states = [], []
        for piece in pieces:
            options = ASRRequestOptions()
            if not piece.number:
                state = self._pipeline.init_state(piece.stream, options)
                state.transcript, state.word_is_over, state.grouped = piece.transcript, False, ((0, 0), [], False)
            states.append(self._pipeline.get_state(piece.stream))
            samples = torch.from_numpy(piece.samples)
            frames.append(Frame(samples, piece.stream, is_first=not piece.number, options=options))
        self._pipeline.transcribe_step(frames)
        return {
            piece.stream: piece.transcript.hypothesis(words, goes_on=goes_on)
            for piece, (words, goes_on) in zip(pieces, map(self._decoder.open_words, states), strict=True)
        }

    def _past_frames(self, piece: Piece) -> int:
        """How many of the frames (10 ms) before it the encoder hears again with a piece."""
        if not piece.number:
            return 0
        heard: int = self._first_frames + (piece.number - 1) * self._pipeline.model_chunk_size
        wanted: int = self._pipeline.pre_encode_cache_size
        return min(heard, wanted)

    @contextmanager
    def _remembering(self, past: int) -> Iterator[None]:
        """Within, what the encoder hears again is `past` frames and no more.

        Where a stream has no past yet, NeMo puts silence that was never there. So its frames lie elsewhere than in
        training, and what was made of the silence stays in the caches: a small model then wrote other words in two
        utterances of three than it does of the whole recording. In chunks of 80 ms the second has a past of one frame.
        """
        model, preprocess = self._pipeline.asr_model, self._pipeline.preprocess
        if past == self._pipeline.pre_encode_cache_size:
            yield
            return
        wanted = past + (self._pipeline.model_chunk_size if past else self._first_frames)
        dropped = model.drop_extra_pre_encoded
        model.drop_extra_pre_encoded = math.ceil(past / self._pipeline.subsampling_factor)

        def last_frames(*given: Any) -> Any:
            features, lengths = preprocess(*given)
            return features[:, :, -wanted:], lengths - features.shape[2] + wanted

        self._pipeline.preprocess = last_frames
        try:
            yield
        finally:
            model.drop_extra_pre_encoded = dropped
            del self._pipeline.preprocess  # the class has one

    def release(self, stream: int) -> None:
        """Frees all that is held for a stream, at once; for one that holds nothing, nothing happens."""
        contexts, bufferer = self._pipeline.context_manager, self._pipeline.bufferer
        self._pipeline.delete_state(stream)
        if stream in contexts.streamidx2slotidx:
            contexts.reset_slots([stream], [True])
        if (slot := bufferer.streamidx2slotidx.get(stream)) is not None:
            bufferer.free_slots([slot])

    def held(self) -> Mapping[str, int]:
        """Places taken in NeMo's stores: states of decoders, slots of the encoder's caches, slots of features."""
        contexts, bufferer = self._pipeline.context_manager, self._pipeline.bufferer
        return {
            "states": len(self._pipeline._state_pool),
            "context_slots": contexts.num_slots - contexts.free_slots.qsize(),
            "bufferer_slots": bufferer.num_slots - bufferer.available_slots.qsize(),
        }

    def _warm_up(self, streams: int) -> None:
        silence, transcript = np.zeros(self.chunk, np.float32), Transcript()
        for number in range(2):
            self.step([Piece(WARM_UP - each, silence, transcript, number) for each in range(streams)])
        for each in range(streams):
            self.release(WARM_UP - each)


def _keep_whole_past(pipeline: Any) -> None:
    """Has as many features kept as the encoder wants to hear with a chunk: NeMo reckons them in seconds, and with
    chunks of 80 ms 0.09 + 0.08 is a little less than 17 hundredths, which are 16 frames then.
    """
    frames = pipeline.pre_encode_cache_size + pipeline.model_chunk_size
    bufferer = pipeline.bufferer
    pipeline.expected_feature_buffer_len = bufferer.feature_buffer_len = frames
    kept = bufferer.feature_buffer
    bufferer.feature_buffer = kept.new_full((*kept.shape[:2], frames), bufferer.ZERO_LEVEL_SPEC_DB_VAL)


def _hear_whole_windows(bufferer: Any) -> int:
    """Has features made one frame of 10 ms later, which is returned, of windows that lie within the sound.

    NeMo's are 25 ms long, but have only the chunk and 10 ms before it: the chunk's first window begins, and its last
    one ends, in the middle of the sound, which is a click.
    """
    frames = 1
    bufferer.n_chunk_look_back *= 3
    bufferer.plus_one += frames
    return frames


class _Settling(BPEDecoder):  # type: ignore[misc]
    """NeMo's way from tokens to words. At the end of a segment they go to the stream's `transcript`.

    NeMo's own text processing has but one segment's words at a time: it drops a full stop that comes a pause after its
    sentence, and joins words when the space between them (a token of its own, now and then) was a segment's last.
    """

    def decode_bpe_tokens(self, state: Any) -> None:
        words, goes_on = self.open_words(state)
        state.transcript.settle(words, goes_on=goes_on)
        if state.tokens:
            state.word_is_over = self.vocabulary[state.tokens[-1]] == SPACE

    def open_words(self, state: Any) -> tuple[list[Word], bool]:
        """The words since the last segment's end, and whether the first of them continues the last of those."""
        now = (len(state.tokens), state.timesteps[-1] if state.timesteps else 0)
        if state.grouped[0] != now:  # with many streams it is a tenth of a step, and most have no new token in it
            words, goes_on = self.group_tokens_into_words(state.tokens, state.timesteps, state.confidences)
            said = [Word(word.text, word.start, word.end, word.conf) for word in words]
            state.grouped = now, said, goes_on and not state.word_is_over
        return state.grouped[1], state.grouped[2]


def _settings(checkpoint: Checkpoint, context: Sequence[int], place: Place, streams: int) -> Any:
    """What `CacheAwarePipelineBuilder` wants to be told; the names are its own."""
    return OmegaConf.create(
        {
            "asr_decoding_type": checkpoint.decoder,
            "pipeline_type": "cache_aware",
            "asr": {
                "model_name": str(checkpoint.path),
                "device": place.device.partition(":")[0],
                "device_id": place.index,
                "compute_dtype": place.dtype,
                "use_amp": False,
                "decoding": {"strategy": "greedy_batch", "greedy": {"preserve_frame_confidence": True}},
            },
            "asr_output_granularity": "word",
            "confidence": CONFIDENCE,
            # Without a residue NeMo looks for a longer run than it remembers, and never finds one.
            "endpointing": {"stop_history_eou": END_OF_SEGMENT_MS, "residue_tokens_at_end": 2},
            "streaming": {
                "sample_rate": RATE,
                "att_context_size": list(context),
                "use_cache": True,
                "use_feat_cache": True,
                "chunk_size_in_secs": None,
                "batch_size": 1,
                "num_slots": streams,
                "word_boundary_tolerance": 4,
                "request_type": "frame",
            },
            "return_tail_result": False,
            "enable_itn": False,
            "itn": {"batch_size": 1, "n_jobs": 1, "left_padding_size": 4},
            "enable_nmt": False,
        }
    )
