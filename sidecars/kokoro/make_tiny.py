"""Makes a tiny Kokoro with random weights, for tests: with the real one's files, inputs and outputs. It babbles.

    python make_tiny.py FOLDER [--durations] [--slow]

The graph has a duration and a pitch for each token, and as many frames of 600 samples of a tone. `--durations` has it
tell them, as newer exports do; `--slow` has it multiply large matrices first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE = 24000
FRAME = 600
TOKENS = 200
STYLE = (510, 1, 256)
"""Of a voice: a style for each length of text."""
VOICES = ("af_heart", "af_sky", "bm_george", "if_sara")


def graph(durations: bool, slow: bool) -> onnx.ModelProto:
    """A model with `tokens`, `style`, `speed`, and `audio` (and `duration`)."""
    random = np.random.default_rng(7)
    constants = {
        "frames": random.uniform(2, 5, TOKENS).astype(np.float32),
        "steps": (2 * np.pi * random.uniform(90, 280, TOKENS) / RATE).astype(np.float32),
        "frame": np.array(FRAME, np.int64),
        "zero": np.array(0, np.int64),
        "zero_f": np.array(0, np.float32),
        "one": np.array(1, np.int64),
        "one_list": np.array([1], np.int64),
        "flat": np.array([-1], np.int64),
        "loud": np.array(0.4, np.float32),
        "matrix": random.standard_normal((700, 700)).astype(np.float32) / 30,
    }
    node = helper.make_node
    nodes = [
        node("Reshape", ["tokens", "flat"], ["ids"]),
        node("Gather", ["frames", "ids"], ["w"]),
        node("Div", ["w", "speed"], ["w_scaled"]),
        node("Ceil", ["w_scaled"], ["w_ceil"]),
        node("Cast", ["w_ceil"], ["duration"], to=TensorProto.INT64),
        node("Mul", ["duration", "frame"], ["lengths"]),
        node("CumSum", ["lengths", "zero"], ["ends"]),
        node("ReduceSum", ["lengths"], ["total"], keepdims=0),
        node("Range", ["zero", "total", "one"], ["times"]),
        node("Unsqueeze", ["times", "one_list"], ["times_column"]),
        node("GreaterOrEqual", ["times_column", "ends"], ["past"]),
        node("Cast", ["past"], ["past_count"], to=TensorProto.INT64),
        node("ReduceSum", ["past_count", "one_list"], ["which"], keepdims=0),
        node("Gather", ["ids", "which"], ["sounding"]),
        node("Gather", ["steps", "sounding"], ["step"]),
        node("CumSum", ["step", "zero"], ["phase"]),
        node("Sin", ["phase"], ["tone"]),
        node("Mul", ["tone", "loud"], ["voiced"]),
        node("Mul", ["matrix", "speed"], ["work"]),  # or it would be done when the model is loaded
    ]
    last = "work"
    for n in range(60 if slow else 0):
        nodes += [node("MatMul", [last, "matrix"], [f"m{n}"]), node("Tanh", [f"m{n}"], [f"t{n}"])]
        last = f"t{n}"
    nodes += [
        node("ReduceSum", [last], ["sum"], keepdims=0),
        node("ReduceSum", ["style"], ["style_sum"], keepdims=0),
        node("Mul", ["sum", "zero_f"], ["nothing"]),
        node("Mul", ["style_sum", "nothing"], ["nothing_either"]),
        node("Add", ["voiced", "nothing_either"], ["audio"]),
    ]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "count"]),
        helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, STYLE[2]]),
        helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
    ]
    outputs = [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["time"])]
    if durations:
        outputs.append(helper.make_tensor_value_info("duration", TensorProto.INT64, ["count"]))
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_model(
        helper.make_graph(nodes, "tiny kokoro", inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(made)
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--durations", action="store_true")
    parser.add_argument("--slow", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    onnx.save(graph(arguments.durations, arguments.slow), str(arguments.folder / "kokoro-v1.0.onnx"))
    random = np.random.default_rng(11)
    voices: dict[str, Any] = {name: random.standard_normal(STYLE).astype(np.float32) for name in VOICES}
    with (arguments.folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **voices)


if __name__ == "__main__":
    main()
