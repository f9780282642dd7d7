"""A cache-aware FastConformer up to its last layer, for many streams at once.

What a stream's next chunk needs from the previous ones is kept in tensors with a row for each slot, so that a step
moves the data of all streams in a few operations, however many there are; NeMo 3.0's own bufferer needs some ten for
each stream. A free slot is in its initial state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from sidecars.engines.nemo_package import LOG_MEL_ZERO

LOOK_BACK = 3
"""The number of 10 ms frames before a chunk that its features also use. Windows are 25 ms long, and the first must not
begin, nor the last end, in the middle of the sound, which would be a click. NeMo uses only one."""
DELAY = 2
"""The index of the first output frame that is used."""


class Encoder:
    """NeMo's encoder with the streams' pasts.

    Args:
        model: NeMo's model, with its attention context set.
        preprocessor: makes features from sound, without dither, padding, or normalization.
        slots: the most streams at a time; there is one more slot for unused rows.
        batch: the most streams in one step.
    """

    def __init__(self, model: Any, preprocessor: Any, slots: int, batch: int) -> None:
        self._encoder, self._preprocessor = model.encoder, preprocessor
        parameter = next(model.encoder.parameters())
        self.device: torch.device = parameter.device
        self._dtype = parameter.dtype
        config = model.encoder.streaming_cfg
        self._subsampling: int = model.encoder.subsampling_factor
        self.frames: int = _last(config.chunk_size)
        """The number of 10 ms frames in a chunk."""
        self.first_frames = self.frames - self._subsampling + 1
        """From this many frames a stream's first chunk, which has no past, gives as many frames of 80 ms as any other
        chunk."""
        self._past: int = _last(config.pre_encode_cache_size)
        self.encoded = self.frames // self._subsampling
        """The number of 80 ms frames in a chunk."""
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
        """How many of the preceding frames (10 ms) the encoder hears again with a stream's piece `number`, counted from
        0.

        If a stream has no past yet, NeMo's own pipeline inserts silence that was never there. That shifts its frames
        relative to training, and what was computed from the silence stays in the caches: for two utterances out of
        three, a small model then wrote other words than for the whole recording. In chunks of 80 ms the second piece
        has a past of one frame.
        """
        return min(self.first_frames + (number - 1) * self.frames, self._past) if number else 0

    def listen(self, pcm: bytearray, pasts: Sequence[int]) -> None:
        """Feeds `pcm`, 16-bit, to the first rows of the step, one chunk to each; rows with the same past (see `past`)
        must be adjacent."""
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
        """Passes the first `rows` rows through all layers, reading and updating the caches: rows x `encoded` x
        width."""
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
        """Resets a slot to its initial state."""
        self._tails[slot] = 0
        self._features[slot] = LOG_MEL_ZERO
        channel, time, length = self._caches
        channel[:, slot], time[:, slot], length[slot] = 0, 0, 0

    def is_finite(self, slot: int) -> bool:
        """Whether everything computed for the slot's stream is within the range of the number type."""
        channel, time, _ = self._caches
        return bool(channel[:, slot].isfinite().all() and time[:, slot].isfinite().all())

    def is_clear(self) -> bool:
        """Whether every stream's slot is in its initial state."""
        channel, time, length = (each[..., :-1] if each.dim() == 1 else each[:, :-1] for each in self._caches)
        stores = (channel, time, length, self._tails[:-1], self._features[:-1] - LOG_MEL_ZERO)
        return not any(bool(each.any()) for each in stores)


def _last(size: Any) -> int:
    """Reads a size: NeMo has either one number, or one for a stream's first chunk and one for the others."""
    return int(size[-1] if isinstance(size, list | tuple) else size)
