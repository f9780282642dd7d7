"""Makes a tiny Parakeet TDT with random weights, for tests: with the real one's files, inputs and outputs. It babbles.

    python make_tiny.py FOLDER [--slow]

The encoder projects every eighth frame; the decoder adds what it makes of the last token, and says how far to go on.
`--slow` has the encoder multiply matrices of as many rows and columns as there are frames, so that a second takes no
time and a minute takes minutes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FEATURES, WIDTH, STATE = 80, 32, 16
PIECES = [
    *("<unk>", "▁", "▁ya", "▁bo", "▁li", "▁ma", "▁to", "▁ne", "▁so"),
    *("ra", "ne", "sh", "ti", "ku", "n", "s", "<blk>"),
]
DURATIONS = 5
"""Frames to go on by: 0, 1, 2, 3, 4."""
BLANK_BIAS = 2.5

Tensors = Mapping[str, tuple[int, Sequence[int | str]]]
node = helper.make_node


def made(name: str, nodes: Sequence[Any], takes: Tensors, gives: Tensors, constants: Mapping[str, NDArray[Any]]) -> Any:
    """A checked model; `takes` and `gives`: type and shape by name."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(each, kind, shape) for each, (kind, shape) in takes.items()],
        [helper.make_tensor_value_info(each, kind, shape) for each, (kind, shape) in gives.items()],
        [numpy_helper.from_array(np.asarray(value), each) for each, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def encoder(random: np.random.Generator, slow: bool) -> Any:
    nodes = [
        node("Slice", ["audio_signal", "zero", "end", "time_axis", "eight"], ["few"]),
        node("MatMul", ["projection", "few"], ["projected"]),
        node("Tanh", ["projected"], ["heard"]),
        node("Add", ["length", "seven"], ["rounded"]),
        node("Div", ["rounded", "eight"], ["encoded_lengths"]),
    ]
    if slow:
        nodes += [
            node("Transpose", ["audio_signal"], ["turned"], perm=[0, 2, 1]),
            node("MatMul", ["turned", "audio_signal"], ["square0"]),
        ]
        for number in range(60):
            nodes += [
                node("Tanh", [f"square{number}"], [f"bent{number}"]),
                node("MatMul", [f"bent{number}", f"bent{number}"], [f"square{number + 1}"]),
            ]
        nodes += [
            node("ReduceMean", ["square60"], ["mean"], axes=[1, 2], keepdims=1),
            node("Mul", ["mean", "nothing"], ["gone"]),
            node("Add", ["heard", "gone"], ["outputs"]),
        ]
    else:
        nodes.append(node("Identity", ["heard"], ["outputs"]))
    constants: dict[str, NDArray[Any]] = {
        "zero": np.array([0], np.int64),
        "end": np.array([2**31], np.int64),
        "time_axis": np.array([2], np.int64),
        "seven": np.array([7], np.int64),
        "eight": np.array([8], np.int64),
        "nothing": np.array(0, np.float32),
        "projection": (random.standard_normal((WIDTH, FEATURES)) / 4).astype(np.float32),
    }
    return made(
        "encoder",
        nodes,
        {
            "audio_signal": (TensorProto.FLOAT, ["batch", FEATURES, "time"]),
            "length": (TensorProto.INT64, ["batch"]),
        },
        {
            "outputs": (TensorProto.FLOAT, ["batch", WIDTH, "frames"]),
            "encoded_lengths": (TensorProto.INT64, ["batch"]),
        },
        constants,
    )


def decoder_joint(random: np.random.Generator) -> Any:
    labels = len(PIECES) + DURATIONS
    bias = np.zeros(labels, np.float32)
    bias[len(PIECES) - 1] = BLANK_BIAS
    bias[len(PIECES) :] = (-3, 1, 1, 0, 0)
    nodes = [
        node("Transpose", ["encoder_outputs"], ["frames"], perm=[0, 2, 1]),
        node("MatMul", ["frames", "said"], ["heard"]),
        node("Gather", ["after", "targets"], ["expected"]),
        node("Add", ["heard", "expected"], ["both"]),
        node("Add", ["both", "bias"], ["logits"]),
        node("Unsqueeze", ["logits", "one"], ["outputs"]),
        node("Identity", ["target_length"], ["prednet_lengths"]),
        node("Add", ["input_states_1", "step"], ["output_states_1"]),
        node("Identity", ["input_states_2"], ["output_states_2"]),
    ]
    state: tuple[int, Sequence[int | str]] = (TensorProto.FLOAT, [1, "batch", STATE])
    return made(
        "decoder_joint",
        nodes,
        {
            "encoder_outputs": (TensorProto.FLOAT, ["batch", WIDTH, "frames"]),
            "targets": (TensorProto.INT32, ["batch", "tokens"]),
            "target_length": (TensorProto.INT32, ["batch"]),
            "input_states_1": state,
            "input_states_2": state,
        },
        {
            "outputs": (TensorProto.FLOAT, ["batch", 1, "tokens", labels]),
            "prednet_lengths": (TensorProto.INT32, ["batch"]),
            "output_states_1": state,
            "output_states_2": state,
        },
        {
            "said": random.standard_normal((WIDTH, labels)).astype(np.float32) / 2,
            "after": random.standard_normal((len(PIECES), labels)).astype(np.float32) / 2,
            "bias": bias,
            "one": np.array([1], np.int64),
            "step": np.array(1, np.float32),
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slow", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    onnx.save(encoder(random, arguments.slow), str(arguments.folder / "encoder-model.onnx"))
    onnx.save(decoder_joint(random), str(arguments.folder / "decoder_joint-model.onnx"))
    listed = "".join(f"{piece} {number}\n" for number, piece in enumerate(PIECES))
    (arguments.folder / "vocab.txt").write_text(listed, encoding="utf-8")
    config = {"model_type": "nemo-conformer-tdt", "features_size": FEATURES, "subsampling_factor": 8}
    (arguments.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


if __name__ == "__main__":
    main()
