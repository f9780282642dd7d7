"""Makes sherpa-onnx's features look to an exported encoder like those that NeMo computes.

If an utterance begins half a frame late, sherpa-onnx's features are the same as NeMo's except in one respect: NeMo adds
2^-24 before taking the logarithm, while sherpa-onnx takes the logarithm of at least 2^-23. In the pauses of a telephone
call, which are often perfectly silent, the difference is 0.7. It can only be corrected in the graph.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

FEATURES = "audio_signal"
"""The name of NeMo's input: [streams, mel bands, frames]."""
GUARD = 2.0**-24
FLOOR = math.log(2.0**-23) + 0.01
"""Features below this value mean that there was no sound."""


def guard_as_nemo(model: Any) -> None:
    """Adds the correction to an ONNX `ModelProto` whose input is the logarithm of energies."""
    guarded = "guarded_features"
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == FEATURES:
                node.input[place] = guarded
    constants = {"guard_floor": FLOOR, "guard_nothing": 0.0, "guard_added": GUARD}
    for name, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    nodes = (
        helper.make_node("Exp", [FEATURES], ["guard_energy"]),
        helper.make_node("Less", [FEATURES, "guard_floor"], ["guard_quiet"]),
        helper.make_node("Where", ["guard_quiet", "guard_nothing", "guard_energy"], ["guard_heard"]),
        helper.make_node("Add", ["guard_heard", "guard_added"], ["guard_sum"]),
        helper.make_node("Log", ["guard_sum"], [guarded]),
    )
    for place, node in enumerate(nodes):
        model.graph.node.insert(place, node)
