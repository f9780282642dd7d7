"""NVIDIA's cache-aware streaming models, with a chunk of each of many streams in one batch.

NeMo 3.0's own pipeline for them moves audio, features, and states stream by stream, builds texts from them three times
a step, and only frees a stream's places with a last chunk. This one uses NeMo's model and its conversion of tokens to
words; in between are `Encoder` and a `Decoder`, which keep every stream in a row. Not thread-safe.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from omegaconf import OmegaConf

from sidecars.engine import Hypothesis, Word
from sidecars.engines.nemo_decoder import CtcDecoder, Decoder, RnntDecoder, Token
from sidecars.engines.nemo_encoder import Encoder
from sidecars.engines.nemo_graphs import Graphs, rows_of
from sidecars.engines.nemo_model import RATE, Checkpoint, Place
from sidecars.engines.nemo_package import BPEDecoder, get_confidence_utils, make_preprocessor_deterministic, restored
from sidecars.engines.nemo_words import Transcript

log = logging.getLogger(__name__)

END_OF_SEGMENT_S = 0.96
"""After this long without a token, the preceding words are settled. The stream, with its caches, continues."""
WORD_GAP = 4
"""A word ends where the next one begins, if that is at most this many frames after the word's last token."""
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
"""The confidence of a token: its probability, from 0 (no higher than any other) to 1; that of a word: the mean of its
tokens'."""
SPACE = "▁"
"""SentencePiece's mark for a space."""
WARM_UP = -1
"""Our own streams are numbered from here downward; the host's numbers are positive."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of one stream: `Pipeline.chunk` samples at 16 kHz, 16-bit."""

    stream: int
    pcm: bytes
    transcript: Transcript
    number: int
    """The piece's number in the stream, from 0."""


@dataclass(slots=True)
class _Stream:
    """What was said since the end of the last segment, along with everything that was said before."""

    slot: int
    transcript: Transcript
    hypothesis: Hypothesis
    tokens: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    """When each token was said, in the encoder's frames since the stream's beginning."""
    sure: list[float] = field(default_factory=list)
    word_is_over: bool = False
    """Whether the last segment ended in a space, which is sometimes a separate token."""


class Pipeline:
    """One model on one device. A stream is identified by a number, and lives from its first piece to `release`."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        context: Sequence[int],
        place: Place,
        streams: int,
        batch: int,
        *,
        again: bool = False,
    ) -> None:
        """Loads the model and warms it up, for at most `streams`, and at most `batch` of them in one step.

        `context`: one of the checkpoint's. `again`: the file was loaded before, so a failure does not mean that it is
        damaged. Raises `WeightsMissing`; `ValueError` for a model of another kind; `FloatingPointError` for one whose
        numbers are too large for the place's type; `RuntimeError` if CUDA fails.
        """
        self.place = place
        model = restored(checkpoint, place, again=again).to(getattr(torch, place.dtype))
        model.encoder.set_default_att_context_size(list(context))
        self._streams: dict[int, _Stream] = {}
        self._free = list(range(streams))[::-1]
        self._slots = streams
        measure, mean = get_confidence_utils(OmegaConf.create(CONFIDENCE))
        preprocessor = type(model).from_config_dict(make_preprocessor_deterministic(model.cfg.copy()).preprocessor)
        with torch.inference_mode():
            self._encoder = Encoder(model, preprocessor.to(place.device), streams, batch)
            kind = CtcDecoder if checkpoint.decoder == "ctc" else RnntDecoder
            try:
                self._decoder: Decoder = kind(model, measure, self._encoder.at, self._encoder.encoded, streams)
            except ValueError as error:
                raise ValueError(f"model {checkpoint.path}: {error}") from error
        frame_s = model.cfg.preprocessor.window_stride
        self._frame_s: float = frame_s * model.encoder.subsampling_factor
        self._words = BPEDecoder(
            self._decoder.vocabulary,
            model.tokenizer,
            mean,
            model.tokenizer.supported_punctuation - {"'"},
            WORD_GAP,
            self._frame_s,
        )
        self.chunk: int = round(self._encoder.frames * frame_s * RATE)
        self.lead: int = round((self._encoder.frames - self._encoder.first_frames - 1) * frame_s * RATE)
        """The number of zero samples that must precede a stream's first: only the last frames of its first chunk are
        heard, and the features of each frame come a frame late; see `Encoder`."""
        # On a GPU the whole batch: it is better to run out of memory now than during a call.
        graphs = self._graphs = Graphs(self._encoder.device, batch)
        self._hear: Callable[[int], None] = self._hearing
        self._again: Callable[[int], None] = self._decoder.advance
        self._warm_up(1 if place.on_cpu else batch)
        self._try_loud_noise()
        with torch.inference_mode():
            self._encoder.at.fill_(streams)  # captures use the spare slot's rows
            self._hear, self._again = graphs.of(self._hearing), graphs.of(self._decoder.advance)
            self._encoder.clear(streams)
            self._decoder.clear(streams)
        chunk_ms = 1000 * self.chunk // RATE
        log.info("%s (%s) recognizes %d ms at a time on %s", checkpoint.path.name, checkpoint.decoder, chunk_ms, place)

    def step(self, pieces: Sequence[Piece]) -> Sequence[Hypothesis]:
        """Processes one piece of each of some streams and returns everything that was said in each: the same object as
        before if nothing was added.

        Raises whatever torch raises; then the streams can only be released.
        """
        in_order = sorted(pieces, key=lambda piece: self._encoder.past(piece.number))
        streams = [self._stream(piece) for piece in in_order]
        count = len(pieces)
        rows = self._graphs.padded(count)
        with torch.inference_mode():
            at = self._encoder.at
            at[:rows] = rows_of([stream.slot for stream in streams], rows, self._slots, at.device)
            self._decoder.begin(count, rows)
            pasts = [self._encoder.past(piece.number) for piece in in_order]
            self._encoder.listen(bytearray().join(piece.pcm for piece in in_order), pasts)
            self._hear(rows)
            heard = self._decoder.heard(count, lambda: self._again(rows))
        for piece, stream, tokens in zip(in_order, streams, heard, strict=True):
            self._take(stream, piece.number * self._encoder.encoded, tokens)
        return [self._streams[piece.stream].hypothesis for piece in pieces]

    def release(self, stream: int) -> None:
        """Frees everything that is held for a stream, at once; does nothing for one that holds nothing."""
        if (known := self._streams.pop(stream, None)) is None:
            return
        with torch.inference_mode():
            self._encoder.clear(known.slot)
            self._decoder.clear(known.slot)
        self._free.append(known.slot)

    def held(self) -> Mapping[str, int]:
        """The number of `slots` in use: rows of the encoder's caches, of features and sound, and of the decoder's
        states."""
        return {"slots": self._slots - len(self._free)}

    def is_clear(self) -> bool:
        """Whether nothing of any stream is left in memory; for tests, because it reads all of it."""
        return len(self._free) == self._slots and self._encoder.is_clear() and self._decoder.is_clear()

    def _stream(self, piece: Piece) -> _Stream:
        if not piece.number:
            self.release(piece.stream)  # what a failed step may have left
            hypothesis = piece.transcript.hypothesis()
            self._streams[piece.stream] = _Stream(self._free.pop(), piece.transcript, hypothesis)
        return self._streams[piece.stream]

    def _hearing(self, rows: int) -> None:
        self._decoder.hear(self._encoder.layers(rows))
        self._decoder.advance(rows)

    def _take(self, stream: _Stream, offset: int, tokens: Sequence[Token]) -> None:
        """Takes the new tokens of a chunk that begins at frame `offset`."""
        for token, frame, sure in tokens:
            stream.tokens.append(token)
            stream.frames.append(offset + frame)
            stream.sure.append(sure)
        if not stream.tokens:
            return
        ended = self._is_end(offset + self._encoder.encoded - 1 - stream.frames[-1])
        if not tokens and not ended:
            return
        words, goes_on = self._words.group_tokens_into_words(stream.tokens, stream.frames, stream.sure)
        said = [Word(word.text, word.start, word.end, word.conf) for word in words]
        goes_on = goes_on and not stream.word_is_over
        stream.hypothesis = stream.transcript.hypothesis(said, goes_on=goes_on)
        if ended:
            stream.transcript.settle(said, goes_on=goes_on)
            stream.word_is_over = self._decoder.vocabulary[stream.tokens[-1]] == SPACE
            stream.tokens, stream.frames, stream.sure = [], [], []

    def _is_end(self, silent_frames: int) -> bool:
        return silent_frames * self._frame_s >= END_OF_SEGMENT_S

    def _try_loud_noise(self) -> None:
        noise, transcript = np.random.default_rng(0).integers(-32768, 32768, (8, self.chunk), "<i2"), Transcript()
        for number, chunk in enumerate(noise):
            self.step([Piece(WARM_UP, chunk.tobytes(), transcript, number)])
        with torch.inference_mode():
            fits = self._encoder.is_finite(self._streams[WARM_UP].slot)
        self.release(WARM_UP)
        if not fits:
            raise FloatingPointError(f"{self.place.dtype} is too small for this model's numbers")

    def _warm_up(self, streams: int) -> None:
        silence, transcript = bytes(2 * self.chunk), Transcript()
        for number in range(2):
            self.step([Piece(WARM_UP - each, silence, transcript, number) for each in range(streams)])
        for each in range(streams):
            self.release(WARM_UP - each)
