"""A cache-aware FastConformer as far as its last layer, for many streams at once.

What a stream's next chunk needs of the ones before lies in tensors with a row a slot, so that a step moves all streams'
in a few operations, however many there are: NeMo 3.0's own bufferer takes some ten a stream. A free slot is as new.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from sidecars.engines.nemo_package import LOG_MEL_ZERO

LOOK_BACK = 3
"""Frames of 10 ms of sound before a chunk that its features are made of: windows are 25 ms long, and the first of them
must not begin, nor the last one end, in the middle of the sound, which is a click. NeMo has but one."""
DELAY = 2
"""Of the frames that come out, the first that is used."""


class Encoder:
    """NeMo's encoder with the streams' pasts.

    Args:
        model: NeMo's, its attention context set.
        preprocessor: that makes features of sound, without dither, padding or normalisation.
        slots: streams that may be heard at a time; one more is kept for nobody's rows.
        batch: streams that may be heard in one step.
    """

    def __init__(self, model: Any, preprocessor: Any, slots: int, batch: int) -> None:
        self._encoder, self._preprocessor = model.encoder, preprocessor
        parameter = next(model.encoder.parameters())
        self.device: torch.device = parameter.device
        self._dtype = parameter.dtype
        config = model.encoder.streaming_cfg
        self._subsampling: int = model.encoder.subsampling_factor
        self.frames: int = _last(config.chunk_size)
        """Of 10 ms in a chunk."""
        self.first_frames = self.frames - self._subsampling + 1
        """Of which a stream's first chunk gives as many frames of 80 ms as any other: nothing is before it."""
        self._past: int = _last(config.pre_encode_cache_size)
        self.encoded = self.frames // self._subsampling
        """Frames of 80 ms in a chunk."""
        self._stride = round(model.cfg.preprocessor.window_stride * model.cfg.preprocessor.sample_rate)
        on = {"device": self.device}
        self._tails = torch.zeros(slots + 1, LOOK_BACK * self._stride, **on)
        self._features = torch.full((slots + 1, model.cfg.preprocessor.features, self._past), LOG_MEL_ZERO, **on)
        self._caches: Sequence[torch.Tensor] = model.encoder.get_initial_cache_state(
            slots + 1, self._dtype, self.device
        )
        self.at = torch.full((batch,), slots, **on)
        """The slot of each row of the step."""
        self._rows = torch.zeros(batch, self.encoded, model.encoder.d_model, dtype=self._dtype, **on)
        self._lengths = torch.full((batch,), self.encoded, **on)

    def past(self, number: int) -> int:
        """How many of the frames (10 ms) before it the encoder hears again with a stream's piece, counted from 0.

        Where a stream has no past yet, NeMo's own pipeline puts silence that was never there. So its frames lie
        elsewhere than in training, and what was made of the silence stays in the caches: a small model then wrote other
        words in two utterances of three than it does of the whole recording. In chunks of 80 ms the second piece has a
        past of one frame.
        """
        return min(self.first_frames + (number - 1) * self.frames, self._past) if number else 0

    def listen(self, pcm: bytearray, pasts: Sequence[int]) -> None:
        """The first rows of the step hear `pcm`, 16-bit, a chunk each, row by row; rows of a like past (see `past`)
        stand together.
        """
        count = len(pasts)
        at = self.at[:count]
        sound = torch.frombuffer(pcm, dtype=torch.int16).view(count, -1).to(self.device, non_blocking=True)
        signal = torch.cat([self._tails[at], sound.float() / 32768], 1)
        self._tails[at] = signal[:, -self._tails.shape[1] :]
        lengths = torch.full((count,), signal.shape[1], device=self.device)
        features, _ = self._preprocessor(input_signal=signal, length=lengths)
        features = torch.cat([self._features[at], features[:, :, DELAY : DELAY + self.frames]], 2)
        self._features[at] = features[:, :, -self._past :]
        begin = 0
        while begin < count:
            past = pasts[begin]
            end = begin + pasts.count(past)
            wanted = past + (self.frames if past else self.first_frames)
            rows = features[begin:end, :, -wanted:].transpose(1, 2).to(self._dtype)
            made, _ = self._encoder.pre_encode(x=rows, lengths=torch.full_like(lengths[begin:end], wanted))
            self._rows[begin:end] = made[:, math.ceil(past / self._subsampling) :]
            begin = end

    def layers(self, rows: int) -> torch.Tensor:
        """The first `rows` rows through all layers, with and into the caches: rows x `encoded` x width."""
        at = self.at[:rows]
        channel, time, length = self._caches
        heard, _, new_channel, new_time, new_length = self._encoder.cache_aware_stream_step(
            processed_signal=self._rows[:rows],
            processed_signal_length=self._lengths[:rows],
            cache_last_channel=channel[:, at],
            cache_last_time=time[:, at],
            cache_last_channel_len=length[at],
            keep_all_outputs=False,
            bypass_pre_encode=True,
        )
        channel[:, at], time[:, at], length[at] = new_channel, new_time, new_length
        encoded: torch.Tensor = heard.transpose(1, 2)
        return encoded

    def clear(self, slot: int) -> None:
        """As if nobody had been heard in it."""
        self._tails[slot] = 0
        self._features[slot] = LOG_MEL_ZERO
        channel, time, length = self._caches
        channel[:, slot], time[:, slot], length[slot] = 0, 0, 0

    def is_finite(self, slot: int) -> bool:
        """Whether what was computed for whoever is in it lies within what the type of number can hold."""
        channel, time, _ = self._caches
        return bool(channel[:, slot].isfinite().all() and time[:, slot].isfinite().all())

    def is_clear(self) -> bool:
        """Whether every stream's slot is as new."""
        channel, time, length = (each[..., :-1] if each.dim() == 1 else each[:, :-1] for each in self._caches)
        stores = (channel, time, length, self._tails[:-1], self._features[:-1] - LOG_MEL_ZERO)
        return not any(bool(each.any()) for each in stores)


def _last(size: Any) -> int:
    """NeMo has either one number, or one for a stream's first chunk and one for the others."""
    return int(size[-1] if isinstance(size, list | tuple) else size)
