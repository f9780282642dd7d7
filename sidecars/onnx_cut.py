"""Extracts the part of an ONNX model between given tensors, and leaves out what is not needed for it.

onnxruntime can only run a graph from its inputs to its outputs. A graph that is cut in two can be run in two steps, the
second one piece by piece. The file is one protobuf message, `ModelProto` of onnx.proto. It is taken apart and put
together again, down to the names of each node's tensors, without the library that makes such files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

GRAPH = 7
NODE, INITIALIZER, INPUT, OUTPUT, VALUE_INFO = 1, 5, 11, 12, 13
OURS = (NODE, INPUT, OUTPUT, VALUE_INFO)
"""The fields of a graph that are filtered or rewritten."""
NODE_INPUT, NODE_OUTPUT = 1, 2
INITIALIZER_NAME = 8
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

FLOAT, INT64 = 1, 7
"""Types of a tensor's elements (`TensorProto.DataType`)."""

Part = tuple[int, memoryview, memoryview]
"""A field of a message: its number, its value, and the whole field unchanged."""


def between(model: bytes, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> bytes:
    """Returns the part of `model` that computes `outputs` from `inputs`: the names of tensors and their element types.
    Raises `ValueError` for a file that is not an ONNX model or lacks these tensors.
    """
    cut = (
        field(GRAPH, _cut(value, inputs, outputs)) if number == GRAPH else whole
        for number, value, whole in fields(memoryview(model))
    )
    return b"".join(cut)


def _cut(graph: memoryview, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> bytes:
    parts = list(fields(graph))
    nodes = [(whole, _names(value)) for number, value, whole in parts if number == NODE]
    needed, made, kept = set(outputs), set(inputs), list[memoryview]()
    for whole, (takes, gives) in reversed(nodes):  # the file has them in execution order
        if needed & gives - inputs.keys():
            needed |= takes
            made |= gives
            kept.append(whole)
    if missing := sorted(set(outputs) - made) or sorted(inputs.keys() - needed):
        raise ValueError(f"the model has no tensor {missing[0]!r} there")
    rest = [
        whole
        for number, value, whole in parts
        if (_text(value, INITIALIZER_NAME) & needed if number == INITIALIZER else number not in OURS)
    ]
    ends = b"".join(field(INPUT, value_info(*each)) for each in inputs.items())
    ends += b"".join(field(OUTPUT, value_info(*each)) for each in outputs.items())
    return b"".join([*reversed(kept), *rest, ends])


def _names(node: memoryview) -> tuple[set[str], set[str]]:
    """The names of a node's input and output tensors."""
    named: dict[int, set[str]] = {NODE_INPUT: set(), NODE_OUTPUT: set()}
    for number, value, _ in fields(node):
        if number in named:
            named[number].add(str(value, "utf-8"))
    return named[NODE_INPUT], named[NODE_OUTPUT]


def _text(message: memoryview, wanted: int) -> set[str]:
    return {str(value, "utf-8") for number, value, _ in fields(message) if number == wanted}


def value_info(name: str, kind: int) -> bytes:
    """A `ValueInfoProto` for a tensor of any shape."""
    return field(1, name.encode()) + field(2, field(1, bytes([1 << 3 | VARINT, kind])))


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def fields(message: memoryview) -> Iterator[Part]:
    """Yields the fields of a message; for numbers, the value is empty. Raises `ValueError`."""
    at = 0
    while at < len(message):
        start = at
        key, at = read_varint(message, at)
        wire, length = key & 7, 0
        if wire == VARINT:
            _, at = read_varint(message, at)
        elif wire == BYTES:
            length, at = read_varint(message, at)
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"not an ONNX model: a field of kind {wire}")
        end = at + length
        if end > len(message):
            raise ValueError(f"not an ONNX model, or truncated: {end - len(message)} bytes are missing")
        yield key >> 3, message[at:end], message[start:end]
        at = end


def read_varint(message: memoryview, at: int) -> tuple[int, int]:
    """Reads a number at `at`, and returns it and where it ends."""
    if at < len(message) and (number := message[at]) < 0x80:  # as in nearly all cases
        return number, at + 1
    number = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("not an ONNX model, or truncated: it ends in the middle of a number")
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
