"""Silero's graph for 8 kHz, without the decisions that the published graph repeats for each window.

The published file contains a graph for each sampling rate. For each window it determines which of them to run, and how
many windows it was given. The 20 nodes here have the same weights and compute the same numbers, to the bit, with half
the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sidecars.onnx_cut import FLOAT, GRAPH, NODE, NODE_OUTPUT, fields, read_varint
from sidecars.onnx_graph import NODE_ATTRIBUTE as ATTRIBUTE
from sidecars.onnx_graph import TENSOR_DATA, TENSOR_DIMS, TENSOR_TYPE, OnnxGraph

BRANCH = b"else_branch"
"""The attribute with the graph for 8 kHz."""
ATTRIBUTE_NAME, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH = 1, 5, 6
HOP = 64
"""Samples between consecutive spectra."""
STRIDES = (1, 2, 2, 1)
"""Parameters of the four convolutions over the spectra."""
STATE = 128
"""The size of each half of the model's state."""

Floats = NDArray[np.float32]


def silero_graph(model: bytes) -> bytes:
    """The graph for 8 kHz of the published `model`, as an ONNX model.

    It takes `audio` [1, 1, samples], and `hidden` and `cell` [1, 1, STATE], and gives `probability` [1, 1, 1],
    `next_hidden` and `next_cell`. Raises `ValueError` or `KeyError` for another file.
    """
    weights = dict(_branch(memoryview(model)))
    graph = OnnxGraph()
    audio, hidden, cell = (graph.input(each) for each in ("audio", "hidden", "cell"))
    two = graph.constant(np.array(2, np.float32))

    def given(*names: str) -> list[str]:
        return [graph.constant(weights[name]) for name in names]

    spectrum = graph.node("Conv", [audio, *given("stft.forward_basis_buffer")], strides=[HOP])
    bins = len(weights["stft.forward_basis_buffer"]) // 2
    halves = graph.node("Split", [spectrum, graph.constant(np.array([bins, bins]))], 2, axis=1)
    value = graph.node("Sqrt", [graph.node("Add", [graph.node("Pow", [half, two]) for half in halves])])
    for at, stride in enumerate(STRIDES):
        layer = f"encoder.{at}.reparam_conv"
        inputs = [value, *given(f"{layer}.weight", f"{layer}.bias")]
        value = graph.node("Relu", [graph.node("Conv", inputs, strides=[stride], pads=[1, 1])])
    value = graph.node("Transpose", [value], perm=[2, 0, 1])
    read, kept = (_gates(weights[f"decoder.rnn.weight_{each}"])[None] for each in ("ih", "hh"))
    biases = np.concatenate([_gates(weights[f"decoder.rnn.bias_{each}"]) for each in ("ih", "hh")])[None]
    inputs = [value, *(graph.constant(each) for each in (read, kept, biases)), "", hidden, cell]
    graph.named("LSTM", inputs, ["", "next_hidden", "next_cell"], hidden_size=STATE)
    value = graph.node("Relu", [graph.node("Transpose", ["next_hidden"], perm=[1, 2, 0])])
    inputs = [value, *given("decoder.decoder.2.weight", "decoder.decoder.2.bias")]
    graph.named("Sigmoid", [graph.node("Conv", inputs)], ["probability"])
    for name in ("probability", "next_hidden", "next_cell"):
        graph.output(name)
    return graph.model()


def _gates(weights: Floats) -> Floats:
    """Reorders an LSTM's gates from PyTorch's order, which the file has, to ONNX's."""
    enter, forget, candidate, leave = np.split(weights, 4)
    return np.concatenate([enter, leave, forget, candidate])


def _branch(model: memoryview) -> Iterator[tuple[str, Floats]]:
    """The weights in the branch, by the distinctive part of their names."""
    attributes = [each for graph in _all(model, GRAPH) for node in _all(graph, NODE) for each in _all(node, ATTRIBUTE)]
    for attribute in attributes:
        if BRANCH in _all(attribute, ATTRIBUTE_NAME):
            for branch in _all(attribute, ATTRIBUTE_GRAPH):
                for node in _all(branch, NODE):
                    yield from _weights(node)


def _weights(node: memoryview) -> Iterator[tuple[str, Floats]]:
    for attribute in _all(node, ATTRIBUTE):
        for tensor in _all(attribute, ATTRIBUTE_TENSOR):
            if _numbers(tensor, TENSOR_TYPE) == [FLOAT]:
                (name,), (data,) = _all(node, NODE_OUTPUT), _all(tensor, TENSOR_DATA)
                values = np.frombuffer(data, "<f4").reshape(_numbers(tensor, TENSOR_DIMS))
                yield str(name, "utf-8").rpartition("__")[2], values


def _all(message: memoryview, wanted: int) -> list[memoryview]:
    return [value for at, value, _ in fields(message) if at == wanted]


def _numbers(message: memoryview, wanted: int) -> list[int]:
    return [read_varint(whole, 1)[0] for at, _, whole in fields(message) if at == wanted]
