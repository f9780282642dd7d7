"""Writes an ONNX model: nodes and constants, in the protobuf messages of onnx.proto."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecars.onnx_cut import (
    BYTES,
    GRAPH,
    INITIALIZER,
    INITIALIZER_NAME,
    INPUT,
    NODE,
    NODE_INPUT,
    NODE_OUTPUT,
    OUTPUT,
    VARINT,
    field,
    value_info,
    varint,
)

MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's own operators."""
IR_VERSION, OPSET = 8, 18
MODEL_IR_VERSION, MODEL_OPSET = 1, 8
GRAPH_NAME = 2
NODE_KIND, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
TENSOR_DIMS, TENSOR_TYPE, TENSOR_DATA = 1, 2, 9
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS, ATTRIBUTE_TYPE = 2, 3, 8, 20
IS_FLOAT, IS_INT, IS_INTS = 1, 2, 7
FIXED32 = 5
TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}


class OnnxGraph:
    """A graph that grows, node by node. Tensors are known by name."""

    def __init__(self) -> None:
        self._parts: list[bytes] = [field(GRAPH_NAME, b"graph")]
        self._names = 0

    def input(self, name: str, kind: str = "float32") -> str:
        self._parts.append(field(INPUT, value_info(name, TYPES[kind])))
        return name

    def output(self, name: str, kind: str = "float32") -> None:
        self._parts.append(field(OUTPUT, value_info(name, TYPES[kind])))

    def constant(self, values: NDArray[Any]) -> str:
        """Returns its name."""
        dims = b"".join(_number(TENSOR_DIMS, each) for each in values.shape)
        kind = _number(TENSOR_TYPE, TYPES[str(values.dtype)])
        name = self._name()
        data = field(TENSOR_DATA, np.ascontiguousarray(values).tobytes())
        self._parts.append(field(INITIALIZER, dims + kind + field(INITIALIZER_NAME, name.encode()) + data))
        return name

    def node(self, kind: str, inputs: Sequence[str], outputs: int = 1, *, domain: str = "", **attributes: Any) -> Any:
        """Returns the name of the output, or of each if there are several. An input may be empty: it is not given."""
        names = [self._name() for _ in range(outputs)]
        self.named(kind, inputs, names, domain=domain, **attributes)
        return names[0] if outputs == 1 else names

    def named(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", **attributes: Any
    ) -> None:
        """A node whose outputs have these names."""
        made = b"".join(field(NODE_INPUT, each.encode()) for each in inputs)
        made += b"".join(field(NODE_OUTPUT, each.encode()) for each in outputs)
        made += field(NODE_KIND, kind.encode()) + field(NODE_DOMAIN, domain.encode())
        made += b"".join(field(NODE_ATTRIBUTE, _attribute(*each)) for each in attributes.items())
        self._parts.append(field(NODE, made))

    def model(self) -> bytes:
        """Returns the whole as a file."""
        opsets = field(MODEL_OPSET, _number(2, OPSET))
        opsets += field(MODEL_OPSET, field(1, MICROSOFT.encode()) + _number(2, 1))
        head = _number(MODEL_IR_VERSION, IR_VERSION) + opsets + varint(GRAPH << 3 | BYTES)
        return b"".join([head, varint(sum(map(len, self._parts))), *self._parts])  # without a copy of the weights

    def _name(self) -> str:
        self._names += 1
        return f"t{self._names}"


def _number(at: int, value: int) -> bytes:
    return varint(at << 3 | VARINT) + varint(value & (1 << 64) - 1)


def _attribute(name: str, value: float | Sequence[int]) -> bytes:
    made = field(1, name.encode())
    if isinstance(value, float):
        return (
            made + varint(ATTRIBUTE_FLOAT << 3 | FIXED32) + struct.pack("<f", value) + _number(ATTRIBUTE_TYPE, IS_FLOAT)
        )
    if isinstance(value, int):
        return made + _number(ATTRIBUTE_INT, value) + _number(ATTRIBUTE_TYPE, IS_INT)
    return made + b"".join(_number(ATTRIBUTE_INTS, each) for each in value) + _number(ATTRIBUTE_TYPE, IS_INTS)
