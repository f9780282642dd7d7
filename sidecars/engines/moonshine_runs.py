"""Runs a Moonshine encoder and decoder in onnxruntime, on one thread: with two, a step is hardly faster, and takes more
CPU in total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sidecars.engines.moonshine_graphs import STRIDE, Graphs, rebuilt

RATE = 16000

Floats = NDArray[np.float32]
Pasts = Mapping[str, Floats]
"""Keys and values of the text so far, by name: [hypotheses, heads, length, width]."""


class Encoded:
    """Encoded audio, the input of the decoder."""

    __slots__ = ("cross", "samples", "states")

    def __init__(self, states: Floats, samples: int) -> None:
        self.states, self.samples = states, samples
        self.cross: dict[str, Floats] = {}
        """The audio's keys and values, which are the same in each step; known once the decoder has begun."""

    @property
    def seconds(self) -> float:
        return self.samples / RATE


class Runs(Protocol):
    """A loaded model."""

    def encode(self, audio: Floats) -> Encoded:
        """`audio`: [1, samples] at 16 kHz, full scale 1.0."""
        ...

    def begin(self, encoded: Encoded, tokens: Sequence[int]) -> tuple[Floats, Pasts]:
        """Takes the first tokens of a text. Returns logits [1, tokens, vocabulary]."""
        ...

    def step(
        self, encoded: Encoded, tokens: Sequence[int], pasts: Pasts, parents: Sequence[int]
    ) -> tuple[Floats, Pasts]:
        """Takes the next step. `tokens` are the last tokens of the hypotheses, and `parents` the rows that these had
        in the step before. Returns logits [hypotheses, 1, vocabulary]."""
        ...


def load(encoder: Path, decoder: Path) -> Runs:
    """Raises `ValueError` if the files are not such a model."""
    with suppress(ValueError):  # the graphs are not known for other members of the family
        return Rebuilt(rebuilt(encoder, decoder))
    return Published(encoder, decoder)


class Rebuilt:
    """The model with our own graphs; see `moonshine_graphs.py`."""

    def __init__(self, graphs: Graphs) -> None:
        self._encoder, self._cross, self._decoder = map(session, (graphs.encoder, graphs.cross, graphs.decoder))
        self._heard, self._spelled = _Positions(graphs.heard), _Positions(graphs.spelled)
        self._own, self._kept = graphs.own, graphs.kept
        self._wanted = ["logits", *(f"new_{name}" for name in self._own)]
        self._empty = dict.fromkeys(self._own, np.zeros((1, graphs.heads, 0, graphs.width), np.float32))

    def encode(self, audio: Floats) -> Encoded:
        """See `Runs`."""
        states = self._encoder.run(None, {"audio": audio, **self._heard.of(0, audio.shape[1] // STRIDE)})[0]
        return Encoded(states, audio.shape[1])

    def begin(self, encoded: Encoded, tokens: Sequence[int]) -> tuple[Floats, Pasts]:
        """See `Runs`."""
        if not encoded.cross:
            encoded.cross = dict(zip(self._kept, self._cross.run(self._kept, {"states": encoded.states}), strict=True))
        return self._run(encoded, np.array([tokens], np.int64), self._empty)

    def step(
        self, encoded: Encoded, tokens: Sequence[int], pasts: Pasts, parents: Sequence[int]
    ) -> tuple[Floats, Pasts]:
        """See `Runs`."""
        return self._run(encoded, np.array(tokens, np.int64)[:, None], _chosen(pasts, parents))

    def _run(self, encoded: Encoded, tokens: NDArray[np.int64], pasts: Pasts) -> tuple[Floats, Pasts]:
        done = pasts[self._own[0]].shape[2]
        positions = self._spelled.of(done, done + tokens.shape[1])
        logits, *own = self._decoder.run(self._wanted, {"tokens": tokens, **positions, **pasts, **encoded.cross})
        return logits, dict(zip(self._own, own, strict=True))


class _Positions:
    """Cosines and sines by position, in the format of the graphs."""

    def __init__(self, frequencies: Floats) -> None:
        self._frequencies = frequencies
        self._tables: dict[str, Floats] = {}
        self._length = 0

    def of(self, first: int, end: int) -> dict[str, Any]:
        """The inputs for the positions from `first` to `end`."""
        if end > self._length:
            self._length = max(256, 2 * end)
            angles = np.arange(self._length, dtype=np.float32)[:, None] * self._frequencies
            self._tables = {"cosines": np.cos(angles), "sines": np.sin(angles)}
        return {"first": np.array([first], np.int64), **self._tables}


class Published:
    """The model as published: an encoder, and a merged decoder with a separate branch for the first step."""

    def __init__(self, encoder: Path, decoder: Path) -> None:
        """Raises `ValueError` if the files are not such a model."""
        self._encoder, self._decoder = session(encoder), session(decoder)
        pasts = [each for each in self._decoder.get_inputs() if each.name.startswith("past_key_values.")]
        if not pasts or "input_values" not in {each.name for each in self._encoder.get_inputs()}:
            raise ValueError(f"{encoder.parent}: not a Moonshine encoder with a merged decoder")
        self._takes_mask = "attention_mask" in {each.name for each in self._encoder.get_inputs()}
        self._wants_mask = "encoder_attention_mask" in {each.name for each in self._decoder.get_inputs()}
        self._own = [each.name for each in pasts if ".decoder." in each.name]
        self._cross = [each.name for each in pasts if ".encoder." in each.name]
        self._presents = [name.replace("past_key_values", "present") for name in self._own + self._cross]
        self._heads, self._width = pasts[0].shape[1], pasts[0].shape[3]

    def encode(self, audio: Floats) -> Encoded:
        """See `Runs`."""
        inputs: dict[str, Any] = {"input_values": audio}
        if self._takes_mask:
            inputs["attention_mask"] = np.ones(audio.shape, np.int64)
        return Encoded(self._encoder.run(None, inputs)[0], audio.shape[1])

    def begin(self, encoded: Encoded, tokens: Sequence[int]) -> tuple[Floats, Pasts]:
        """See `Runs`."""
        frames = encoded.states.shape[1]
        pasts = dict.fromkeys(self._own, np.zeros((1, self._heads, 0, self._width), np.float32))
        pasts |= dict.fromkeys(self._cross, np.zeros((1, self._heads, frames, self._width), np.float32))
        logits, presents = self._run(encoded, encoded.states, np.array([tokens], np.int64), pasts, self._presents)
        encoded.cross = dict(zip(self._cross, presents[len(self._own) :], strict=True))
        return logits, dict(zip(self._own, presents, strict=False))

    def step(
        self, encoded: Encoded, tokens: Sequence[int], pasts: Pasts, parents: Sequence[int]
    ) -> tuple[Floats, Pasts]:
        """See `Runs`."""
        rows = len(tokens)
        if encoded.cross[self._cross[0]].shape[0] != rows:
            # The audio is the same for all hypotheses.
            encoded.cross = {name: np.repeat(each[:1], rows, 0) for name, each in encoded.cross.items()}
        # With the cache, the audio's keys and values are used in place of the states, and are not returned.
        states = encoded.states[:, :1].repeat(rows, 0)
        own = {**_chosen(pasts, parents), **encoded.cross}
        wanted = self._presents[: len(self._own)]
        logits, presents = self._run(encoded, states, np.array(tokens, np.int64)[:, None], own, wanted)
        return logits, dict(zip(self._own, presents, strict=True))

    def _run(
        self, encoded: Encoded, states: Floats, tokens: NDArray[np.int64], pasts: Pasts, wanted: Sequence[str]
    ) -> tuple[Floats, list[Floats]]:
        inputs: dict[str, Any] = {
            "input_ids": tokens,
            "encoder_hidden_states": states,
            "use_cache_branch": np.array([states is not encoded.states]),
            **pasts,
        }
        if self._wants_mask:
            inputs["encoder_attention_mask"] = np.ones((len(tokens), encoded.samples), np.int64)
        logits, *presents = self._decoder.run(["logits", *wanted], inputs)
        return logits, presents


def session(model: Path | bytes) -> Any:
    """Loads a model. Raises `ValueError` if it is not one."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    # Processors without VNNI get unsigned weights: products with signed ones overflow there. An emulated Haswell
    # then gives the same words and log probabilities; otherwise a short sentence's differ by 0.06 to 0.25.
    options.add_session_config_entry("session.x64quantprecision", "1")
    given = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # each kind of broken file has its own error
        name = "the rebuilt graph" if isinstance(model, bytes) else model
        raise ValueError(f"{name}: onnxruntime cannot load it: {str(error).splitlines()[0]}") from error


def _chosen(pasts: Pasts, parents: Sequence[int]) -> Pasts:
    """Returns the rows of `parents`."""
    rows = len(next(iter(pasts.values())))
    if list(parents) == list(range(rows)):
        return pasts
    return {name: np.take(each, parents, 0) for name, each in pasts.items()}
