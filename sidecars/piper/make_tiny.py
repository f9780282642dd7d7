"""Makes a tiny Piper voice with random weights, for tests: with a real voice's files, inputs and outputs. It babbles.

    python make_tiny.py FOLDER [NAME] [--rate HZ] [--speakers N] [--slow]

The graph is VITS in its outlines: an embedding of phonemes, a duration for each (`Ceil`, as the real ones have it), as
many frames of 256 samples of noise under that phoneme's pitch. `--slow` has it multiply large matrices first.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

HOP = 256
FRAMES = 8
"""Frames of a phoneme at normal speed: 93 ms at 22.05 kHz."""
SYMBOLS = 256


def graph(rate: int, speakers: int, slow: bool) -> onnx.ModelProto:
    """A model with Piper's `input`, `input_lengths`, `scales` (and `sid`), and `output`."""
    random = np.random.default_rng(7)
    pitches = random.uniform(90, 280, SYMBOLS).astype(np.float32)
    constants = {
        "durations": random.uniform(0.5 * FRAMES, 1.5 * FRAMES, SYMBOLS).astype(np.float32),
        "steps": (2 * np.pi * pitches / rate).astype(np.float32),
        "hop_f": np.array(HOP, np.float32),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "one_list": np.array([1], np.int64),
        "flat": np.array([-1], np.int64),
        "outer": np.array([1, 1, 1, -1], np.int64),
        "loud": np.array(0.4, np.float32),
        "zero_f": np.array(0, np.float32),
        "matrix": random.standard_normal((700, 700)).astype(np.float32) / 30,
    }
    node = helper.make_node
    nodes = [
        node("Reshape", ["input", "flat"], ["ids"]),
        node("Gather", ["durations", "ids"], ["w"]),
        node("Gather", ["scales", "one"], ["length_scale"]),
        node("Mul", ["w", "length_scale"], ["w_scaled"]),
        node("Ceil", ["w_scaled"], ["w_ceil"]),
        node("Mul", ["w_ceil", "hop_f"], ["lengths_f"]),
        node("Cast", ["lengths_f"], ["lengths"], to=TensorProto.INT64),
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
        node("Mul", ["tone", "loud"], ["quiet"]),
        node("Reshape", ["quiet", "outer"], ["voiced"]),
    ]
    nodes.append(node("Mul", ["matrix", "length_scale"], ["work"]))  # or it would be done when the model is loaded
    last = "work"
    for n in range(60 if slow else 0):
        nodes += [node("MatMul", [last, "matrix"], [f"m{n}"]), node("Tanh", [f"m{n}"], [f"t{n}"])]
        last = f"t{n}"
    nodes += [
        node("ReduceSum", [last], ["sum"], keepdims=0),
        node("Mul", ["sum", "zero_f"], ["nothing"]),
        node("Add", ["voiced", "nothing"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch"]))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 1, 1, "time"])
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_model(
        helper.make_graph(nodes, "tiny piper", inputs, [output], weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(made)
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?", default="en_US-babble-low")
    parser.add_argument("--rate", type=int, default=22050)
    parser.add_argument("--speakers", type=int, default=1)
    parser.add_argument("--slow", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    onnx.save(
        graph(arguments.rate, arguments.speakers, arguments.slow), str(arguments.folder / f"{arguments.name}.onnx")
    )
    config = {
        "audio": {"sample_rate": arguments.rate, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "num_symbols": SYMBOLS,
        "num_speakers": arguments.speakers,
        "speaker_id_map": {f"speaker {n}": n for n in range(arguments.speakers)} if arguments.speakers > 1 else {},
        "hop_length": HOP,
        "piper_version": "1.0.0",
    }
    (arguments.folder / f"{arguments.name}.onnx.json").write_text(json.dumps(config), encoding="utf-8")


if __name__ == "__main__":
    main()
