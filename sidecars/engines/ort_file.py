"""Reads nodes and weights from an ONNX Runtime model (`.ort`).

The file format is FlatBuffers, with the tables of onnxruntime's `ort.fbs`. A table's fields are numbered, and its
vtable gives the offset of each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

SESSION_MODEL, MODEL_GRAPH = 1, 7
GRAPH_INITIALIZERS, GRAPH_NODES = 0, 2
NODE_NAME, NODE_INPUTS, NODE_ATTRIBUTES = 0, 8, 10
ATTRIBUTE_GRAPH = 7
TENSOR_NAME, TENSOR_DIMS, TENSOR_TYPE, TENSOR_DATA = 0, 2, 3, 4
"""Field numbers."""
TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}
"""Element types of tensors, by their number in ONNX."""


@dataclass(frozen=True, slots=True)
class OrtFile:
    """The content of a graph and of the graphs inside it."""

    inputs: dict[str, list[str]]
    """The names of a node's inputs, by the node's name."""
    weights: dict[str, NDArray[Any]]


def read_ort(data: bytes | mmap) -> OrtFile:
    """Raises `ValueError` for anything but such a file."""
    found = OrtFile({}, {})
    try:
        if data[4:8] != b"ORTM":
            raise ValueError("not an ONNX Runtime model")
        session = _Table(data, struct.unpack_from("<I", data)[0])
        _read(session.table(SESSION_MODEL).table(MODEL_GRAPH), found)
    except (struct.error, IndexError) as error:
        raise ValueError(f"not an ONNX Runtime model, or truncated ({error})") from error
    return found


def _read(graph: _Table, found: OrtFile) -> None:
    for tensor in graph.tables(GRAPH_INITIALIZERS):
        if (kind := TYPES.get(tensor.number(TENSOR_TYPE))) is not None:
            values = np.frombuffer(tensor.vector(TENSOR_DATA, 1), kind)
            dims = np.frombuffer(tensor.vector(TENSOR_DIMS, 8), "<i8")
            found.weights[tensor.text(TENSOR_NAME)] = values.reshape(dims)
    for node in graph.tables(GRAPH_NODES):
        found.inputs[node.text(NODE_NAME)] = list(node.texts(NODE_INPUTS))
        for attribute in node.tables(NODE_ATTRIBUTES):
            if attribute.has(ATTRIBUTE_GRAPH):
                _read(attribute.table(ATTRIBUTE_GRAPH), found)


class _Table:
    """A table of a FlatBuffer."""

    def __init__(self, data: bytes | mmap, at: int) -> None:
        self._data, self._at = data, at
        self._vtable = at - self._int("<i", at)
        self._fields = (self._int("<H", self._vtable) - 4) // 2

    def _int(self, kind: str, at: int) -> int:
        return int(struct.unpack_from(kind, self._data, at)[0])

    def _place(self, field: int) -> int:
        """The offset of a field's value; 0 if it is not set."""
        offset = self._int("<H", self._vtable + 4 + 2 * field) if field < self._fields else 0
        return self._at + offset if offset else 0

    def _target(self, at: int) -> int:
        return at + self._int("<I", at)

    def has(self, field: int) -> bool:
        return self._place(field) != 0

    def number(self, field: int) -> int:
        return self._int("<i", place) if (place := self._place(field)) else 0

    def table(self, field: int) -> _Table:
        return _Table(self._data, self._target(self._place(field)))

    def vector(self, field: int, size: int) -> memoryview:
        """The bytes of a vector with elements of `size` bytes."""
        if not (place := self._place(field)):
            return memoryview(b"")
        start = self._target(place)
        length = self._int("<I", start) * size
        if start + 4 + length > len(self._data):
            raise IndexError("a vector ends after the file")
        return memoryview(self._data)[start + 4 : start + 4 + length]

    def _targets(self, field: int) -> Iterator[int]:
        count = len(self.vector(field, 4)) // 4
        start = self._target(self._place(field)) + 4 if count else 0
        return (self._target(start + 4 * at) for at in range(count))

    def tables(self, field: int) -> Iterator[_Table]:
        return (_Table(self._data, at) for at in self._targets(field))

    def text(self, field: int) -> str:
        return str(self.vector(field, 1), "utf-8")

    def texts(self, field: int) -> Iterator[str]:
        for at in self._targets(field):
            length = self._int("<I", at)
            yield self._data[at + 4 : at + 4 + length].decode()
