"""Graphs are written so that onnxruntime computes what they say."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from sidecars.onnx_graph import MICROSOFT, OnnxGraph


def run(graph: OnnxGraph, outputs: list[str], **given: object) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(graph.model(), providers=["CPUExecutionProvider"])
    made: list[np.ndarray] = session.run(outputs, given)
    return made


def test_nodes_constants_and_attributes_are_what_onnxruntime_sees() -> None:
    graph = OnnxGraph()
    value = graph.input("value")
    longer = graph.node("Concat", [value, graph.constant(np.array([[5.0, -7.0]], np.float32))], axis=-1)
    first, rest = graph.node("Split", [longer, graph.constant(np.array([1, 3]))], 2, axis=1)
    graph.named("LeakyRelu", [rest], ["bent"], alpha=0.5)
    graph.named("Transpose", [first], ["turned"], perm=[1, 0])
    for name in ("bent", "turned"):
        graph.output(name)
    bent, turned = run(graph, ["bent", "turned"], value=np.array([[1, -2]], np.float32))
    assert bent.tolist() == [[-1.0, 5.0, -3.5]]
    assert turned.tolist() == [[1.0]]


def test_eight_bit_weights_and_inputs_that_are_not_given() -> None:
    graph = OnnxGraph()
    weights = np.array([[3, -4], [100, -128]], np.int8)
    scale, zero = np.array(0.5, np.float32), np.array(2, np.int8)
    inputs = [graph.input("value"), *(graph.constant(each) for each in (weights, scale, zero)), ""]
    graph.named("DynamicQuantizeMatMul", inputs, ["product"], domain=MICROSOFT)
    graph.output("product")
    value = np.array([[1.0, -1.0]], np.float32)
    (product,) = run(graph, ["product"], value=value)
    assert product == pytest.approx(value @ (0.5 * (weights.astype(np.float32) - 2)), rel=0.02)


def test_a_type_that_has_no_number_is_refused() -> None:
    with pytest.raises(KeyError):
        OnnxGraph().constant(np.array(["text"]))
