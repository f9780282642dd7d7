"""NeMo's models that process whole utterances, such as `nvidia/parakeet-tdt-0.6b-v3`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from sidecars.engine import EngineLost, Hypothesis, Word
from sidecars.engines.nemo_model import CPU, HALF, WIDE, Checkpoint, Place, give_up_cuda
from sidecars.engines.nemo_package import (
    BPEDecoder,
    CTCGreedyDecoder,
    RNNTDecodingConfig,
    get_confidence_utils,
    restored,
)
from sidecars.engines.nemo_pipeline import CONFIDENCE, WORD_GAP
from sidecars.engines.nemo_words import Transcript
from sidecars.engines.segments import RATE, SegmentEngine

log = logging.getLogger(__name__)


class NemoSegments(SegmentEngine):
    """An `SttEngine` that answers at the end of an utterance."""

    def __init__(self, checkpoint: Checkpoint, place: Place, max_sessions: int) -> None:
        super().__init__(max_sessions)
        self._checkpoint = checkpoint
        self._model = self._load(place)

    def understand(self, audio: NDArray[np.float32], options: Mapping[str, Any]) -> Hypothesis:
        try:
            return self._model.understand(audio)
        except RuntimeError as error:
            if self._model.place.on_cpu:
                raise
            give_up_cuda(error)
            try:
                self._model = _Model(self._checkpoint, CPU, again=True)
            except Exception as second:
                raise EngineLost(f"after CUDA's failure it could not be loaded on the CPU either: {second}") from error
            return self._model.understand(audio)

    def _load(self, place: Place) -> _Model:
        """Loads the model at `place`, or on the CPU if that fails."""
        if not place.on_cpu:
            try:
                try:
                    return _Model(self._checkpoint, place)
                except FloatingPointError as error:
                    if place.dtype != HALF:
                        raise
                    log.warning("%s: hearing in %s", error, WIDE)
                return _Model(self._checkpoint, replace(place, dtype=WIDE))
            except RuntimeError as error:
                give_up_cuda(error)
        return _Model(self._checkpoint, CPU)


class _Model:
    """One model on one device."""

    def __init__(self, checkpoint: Checkpoint, place: Place, *, again: bool = False) -> None:
        """Loads the model and warms it up. `again`, and what it raises: as for `restored`; also `FloatingPointError` if
        the model's numbers are too large for the place's type.
        """
        self.place = place
        self._device = torch.device(place.device)
        self._dtype = getattr(torch, place.dtype)
        self._model = restored(checkpoint, place, again=again)
        self._model.preprocessor.featurizer.dither = 0.0  # so that the same audio always gives the same words
        self._model.encoder.to(self._dtype)
        measure, mean = get_confidence_utils(OmegaConf.create(CONFIDENCE))
        self._is_ctc = checkpoint.decoder == "ctc"
        if self._is_ctc:
            vocabulary = self._model.decoder.vocabulary
            self._greedy = CTCGreedyDecoder(vocabulary, measure)
        else:
            vocabulary = self._model.joint.vocabulary
            self._model.joint.to(self._dtype)
            self._model.decoder.to(self._dtype)
            with_confidence = {
                "strategy": "greedy_batch",
                "greedy": {"preserve_frame_confidence": True},
                "confidence_cfg": {"preserve_frame_confidence": True, **CONFIDENCE},
            }
            defaults = OmegaConf.create(OmegaConf.to_container(OmegaConf.structured(RNNTDecodingConfig)))
            trained = OmegaConf.to_container(self._model.cfg.decoding)  # for example, how far a TDT decoder may skip
            self._model.change_decoding_strategy(OmegaConf.merge(defaults, trained, with_confidence), verbose=False)
        frame = checkpoint.config["preprocessor"]["window_stride"] * self._model.encoder.subsampling_factor
        punctuation = self._model.tokenizer.supported_punctuation - {"'"}
        self._words = BPEDecoder(vocabulary, self._model.tokenizer, mean, punctuation, WORD_GAP, frame)
        self.understand(np.zeros(RATE, np.float32))  # the first call takes long
        noise = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, RATE)).astype(np.float32))
        with torch.inference_mode():
            encoded, _ = self._encoded(noise.to(self._device))
        if not encoded.isfinite().all():
            raise FloatingPointError(f"{place.dtype} is too small for this model's numbers")
        log.info("%s recognizes whole utterances on %s", checkpoint.path.name, place)

    def understand(self, audio: NDArray[np.float32]) -> Hypothesis:
        """Recognizes `audio` at 16 kHz, full scale 1.0. Raises what torch raises."""
        signal = torch.from_numpy(audio).to(self._device)[None]
        with torch.inference_mode():
            tokens, times, confidences = self._decoded(signal)
        words, _ = self._words.group_tokens_into_words(tokens, times, confidences)
        return Transcript().hypothesis(Word(word.text, word.start, word.end, word.conf) for word in words)

    def _encoded(self, signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        length = torch.tensor([signal.shape[1]], device=self._device)
        features, length = self._model.preprocessor(input_signal=signal, length=length)
        encoded, length = self._model.encoder(audio_signal=features.to(self._dtype), length=length)
        return encoded, length

    def _decoded(self, signal: torch.Tensor) -> tuple[list[int], list[int], list[float]]:
        """The tokens, their frames, and their confidences."""
        encoded, length = self._encoded(signal)
        if self._is_ctc:
            heard = self._greedy(self._model.decoder(encoder_output=encoded)[0, : int(length[0])].float())
            return heard["tokens"], heard["timesteps"], heard["confidences"]
        [heard] = self._model.decoding.rnnt_decoder_predictions_tensor(encoded, length, return_hypotheses=True)
        return (
            _listed(heard.y_sequence),
            _listed(heard.timestamp),
            _listed(heard.non_blank_step_confidence_precomputed),
        )


def _listed(values: Any) -> list[Any]:
    return list(values.tolist() if isinstance(values, torch.Tensor) else values)
