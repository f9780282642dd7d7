"""Decodes the encoder's frames into tokens, for many streams at once: greedily, with each stream's state in a slot.

NeMo 3.0's own RNN-T decoder splits its state into objects for each stream after every step, and its CUDA graph loops
internally, which breaks for good when the allocator empties its cache (NVIDIA-NeMo/Speech#14727). Here a graph is a
fixed number of turns of the same search, repeated until all streams are done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

MOST_TOKENS = 10
"""The most RNN-T tokens in one frame; NeMo's own limit."""
Measure = Callable[..., torch.Tensor]
"""NeMo's measure of a token's confidence, from log probabilities and their number (`v`)."""
Token = tuple[int, int, float]
"""Token number, frame of the chunk, confidence."""


class Decoder(Protocol):
    """Decodes the output of `Encoder.layers`: call `begin`, any number of `advance`, then `heard`."""

    vocabulary: Sequence[str]

    def begin(self, count: int, rows: int) -> None:
        """Begins a step with `rows` rows, the first `count` of which belong to streams."""
        ...

    def hear(self, encoded: torch.Tensor) -> None:
        """Takes the frames of a step: rows x frames x width."""
        ...

    def advance(self, rows: int) -> None:
        """Does some turns of the search."""
        ...

    def heard(self, count: int, again: Callable[[], None]) -> list[list[Token]]:
        """Returns the tokens of each row, once the search is done; `again` advances once more."""
        ...

    def clear(self, slot: int) -> None: ...

    def is_clear(self) -> bool: ...


class _Tokens:
    """The tokens that a step has found in each row, in one tensor that is fetched at once."""

    def __init__(self, batch: int, most: int, device: torch.device) -> None:
        self.count = torch.zeros(batch, dtype=torch.long, device=device)
        self.found = torch.zeros(batch, 3, most, device=device)
        """Token, frame, confidence; the numbers are small enough to be exact in float32."""

    def fetch(self, count: int) -> list[list[Token]]:
        counts = self.count[:count].tolist()
        most = max(counts)
        if not most:
            return [[] for _ in counts]
        found = self.found[:count, :, :most].tolist()
        return [
            [(int(token), int(frame), sure) for token, frame, sure in zip(*(row[:many] for row in rows), strict=True)]
            for many, rows in zip(counts, found, strict=True)
        ]


class CtcDecoder:
    """Takes at most one token for each frame, if it differs from that of the previous frame."""

    def __init__(self, model: Any, measure: Measure, at: torch.Tensor, frames: int, slots: int) -> None:
        self._head, self._measure, self._at = model.decoder, measure, at
        self.vocabulary: Sequence[str] = model.decoder.vocabulary
        self._blank = len(self.vocabulary)
        self._last = torch.full((slots + 1,), self._blank, device=at.device)
        self._found = torch.zeros(len(at), 3, frames, device=at.device)

    def begin(self, count: int, rows: int) -> None:
        pass

    def hear(self, encoded: torch.Tensor) -> None:
        rows = len(encoded)
        at = self._at[:rows]
        sure = self._head(encoder_output=encoded.transpose(1, 2)).float().log_softmax(-1)
        labels = sure.max(-1).indices
        before = torch.cat([self._last[at, None], labels[:, :-1]], 1)
        self._last[at] = labels[:, -1]
        self._found[:rows, 0] = labels
        self._found[:rows, 1] = (labels != before) & (labels != self._blank)
        self._found[:rows, 2] = self._measure(sure, v=sure.shape[-1])

    def advance(self, rows: int) -> None:
        pass

    def heard(self, count: int, again: Callable[[], None]) -> list[list[Token]]:
        return [
            [(int(token), frame, sure) for frame, (token, new, sure) in enumerate(zip(*row, strict=True)) if new]
            for row in self._found[:count].tolist()
        ]

    def clear(self, slot: int) -> None:
        self._last[slot] = self._blank

    def is_clear(self) -> bool:
        return bool((self._last[:-1] == self._blank).all())


class RnntDecoder:
    """Searches token by token; each token is an input of the search for the next one."""

    def __init__(self, model: Any, measure: Measure, at: torch.Tensor, frames: int, slots: int) -> None:
        """Raises `ValueError` for a prediction network that is not an LSTM."""
        self._network, self._joint, self._measure, self._at = model.decoder, model.joint, measure, at
        self.vocabulary: Sequence[str] = model.joint.vocabulary
        self._blank = len(self.vocabulary)
        batch, device, width = len(at), at.device, model.joint.joint_hidden
        dtype = next(model.joint.parameters()).dtype
        self._frames = torch.zeros(batch, frames, width, dtype=dtype, device=device)
        self._each = torch.arange(batch, device=device)
        self._turns = frames + 2 if device.type == "cuda" else 0
        """The number of turns in a graph; without a graph, every turn is followed by a check for remaining work."""
        self._time = torch.zeros(batch, dtype=torch.long, device=device)
        self._in_frame = torch.zeros(batch, dtype=torch.long, device=device)
        """The number of tokens found in the current frame."""
        self._tokens = _Tokens(batch, frames * MOST_TOKENS, device)
        self._active = torch.zeros((), dtype=torch.bool, device=device)
        start = torch.full((1, 1), self._blank, device=device)
        made, state = self._network.predict(start, self._network.initialize_state(self._frames[:1]), add_sos=False)
        if len(state) != 2 or state[0].dim() != 3:
            raise ValueError("its prediction network is not an LSTM; expected NeMo's RNNTDecoder")
        self._start = (*state, self._joint.project_prednet(made)[0])
        hidden, cell, output = self._start
        self._hidden, self._cell = (each.repeat(1, slots + 1, 1) for each in (hidden, cell))
        self._output = output.repeat(slots + 1, 1, 1)

    def begin(self, count: int, rows: int) -> None:
        self._time[:count] = 0
        self._time[count:rows] = self._frames.shape[1]
        self._in_frame[:rows] = 0
        self._tokens.count[:rows] = 0

    def hear(self, encoded: torch.Tensor) -> None:
        self._frames[: len(encoded)] = self._joint.project_encoder(encoded)

    def advance(self, rows: int) -> None:
        """In each turn, every row looks for its next token or moves on to its next frame."""
        at, time, last = self._at[:rows], self._time[:rows], self._frames.shape[1] - 1
        hidden, cell, output = self._hidden[:, at], self._cell[:, at], self._output[at]
        in_frame, count, found = self._in_frame[:rows], self._tokens.count[:rows], self._tokens.found[:rows]
        turn = 0
        while turn < self._turns or not self._turns:
            turn += 1
            active = time <= last
            if not self._turns and not active.any():
                break
            frame = self._frames[self._each[:rows], time.clamp(max=last), None]
            scores = self._joint.joint_after_projection(frame, output)[:, 0, 0].float().log_softmax(-1)
            label = scores.max(-1).indices
            says = active & (label != self._blank)
            if self._turns or says.any():
                sure = self._measure(scores, v=scores.shape[-1])
                told = torch.stack([label.float(), time.float(), sure], 1)
                place = count.clamp(max=found.shape[2] - 1)[:, None, None].expand(-1, 3, 1)
                found.scatter_(2, place, torch.where(says[:, None], told, found.gather(2, place)[:, :, 0])[:, :, None])
                count += says
                made, (new_hidden, new_cell) = self._network.predict(label[:, None], [hidden, cell], add_sos=False)
                hidden = torch.where(says[None, :, None], new_hidden, hidden)
                cell = torch.where(says[None, :, None], new_cell, cell)
                output = torch.where(says[:, None, None], self._joint.project_prednet(made), output)
                in_frame += says
            goes_on = active & (~says | (in_frame >= MOST_TOKENS))
            time += goes_on
            in_frame *= ~goes_on
        self._hidden[:, at], self._cell[:, at], self._output[at] = hidden, cell, output
        self._active.copy_((time <= last).any())

    def heard(self, count: int, again: Callable[[], None]) -> list[list[Token]]:
        while bool(self._active):
            again()
        return self._tokens.fetch(count)

    def clear(self, slot: int) -> None:
        hidden, cell, output = self._start
        self._hidden[:, slot], self._cell[:, slot], self._output[slot] = hidden[:, 0], cell[:, 0], output

    def is_clear(self) -> bool:
        hidden, cell, output = self._start
        return bool(
            (self._hidden[:, :-1] == hidden).all()
            and (self._cell[:, :-1] == cell).all()
            and (self._output[:-1] == output).all()
        )
