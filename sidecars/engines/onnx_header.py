"""Reads an ONNX file's metadata, inputs, and outputs, without its weights and without any library.

This is for what must be known before a library sees the file. The file is one protobuf message, `ModelProto` of
onnx.proto; unneeded fields are skipped by their lengths, so even a file of several gigabytes takes no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

Dims = Sequence[int]
"""A tensor's dimensions; 0: any size."""

GRAPH, METADATA = 7, 14
INITIALIZER, INPUT, OUTPUT = 5, 11, 12
EXTERNAL_DATA = 13
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class OnnxHeader:
    """The header of an ONNX file, with inputs and outputs by name, in order."""

    metadata: Mapping[str, str]
    inputs: Mapping[str, Dims]
    outputs: Mapping[str, Dims]
    data: Sequence[str]
    """The names of separate files that hold the weights; empty: the weights are in the file itself."""


def read_header(path: Path) -> OnnxHeader:
    """Reads the header of a file. Raises `ValueError` if it is not an ONNX model or is truncated, and `OSError`."""
    metadata: dict[str, str] = {}
    inputs: dict[str, Dims] = {}
    outputs: dict[str, Dims] = {}
    data: dict[str, None] = {}
    with path.open("rb") as file:
        try:
            for field, part in _parts(file, (0, path.stat().st_size)):
                if field == METADATA:
                    metadata.update([_pair(file, part)])
                elif field == GRAPH:
                    for kind, one in _parts(file, part):
                        if kind in (INPUT, OUTPUT):
                            (inputs if kind == INPUT else outputs).update([_tensor(file, one)])
                        elif kind == INITIALIZER:
                            places = dict(_pair(file, place) for place in _within(file, one, EXTERNAL_DATA))
                            data.update({places["location"]: None} if "location" in places else {})
        except (ValueError, IndexError) as error:
            raise ValueError(f"{path}: not an ONNX model, or truncated ({error})") from error
    if not inputs or not outputs:
        raise ValueError(f"{path}: not an ONNX model: it has no inputs or no outputs")
    return OnnxHeader(metadata, inputs, outputs, tuple(data))


Part = tuple[int, int]
"""Where a message or a string begins and ends in the file. For a number: the number, and -1."""


def _parts(file: BinaryIO, whole: Part) -> Iterator[tuple[int, Part]]:
    """Yields the fields of the message at `whole`: number, part. Raises `ValueError`."""
    at, end = whole
    while at < end:
        file.seek(at)
        key = _varint(file)
        field, wire = key >> 3, key & 7
        if wire == VARINT:
            number = _varint(file)
            at, part = file.tell(), (number, -1)
        elif wire in (FIXED64, FIXED32):
            at = file.tell() + (8 if wire == FIXED64 else 4)
            part = (0, -1)
        elif wire == BYTES:
            length = _varint(file)
            part = (file.tell(), file.tell() + length)
            at = part[1]
        else:
            raise ValueError(f"a field of kind {wire}")
        if at > end:
            raise ValueError(f"{at - end} bytes are missing")
        if field == 0:
            raise ValueError("a field without a number")
        yield field, part


def _varint(file: BinaryIO) -> int:
    number = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise ValueError("it ends in the middle of a number" if not byte else "a number that is too long")
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
        shift += 7


def _text(file: BinaryIO, part: Part) -> str:
    file.seek(part[0])
    return file.read(max(0, part[1] - part[0])).decode(errors="replace")


def _pair(file: BinaryIO, part: Part) -> tuple[str, str]:
    """Reads a `StringStringEntryProto`: key, value."""
    said = {field: _text(file, one) for field, one in _parts(file, part)}
    return said.get(1, ""), said.get(2, "")


def _tensor(file: BinaryIO, part: Part) -> tuple[str, Dims]:
    """Reads a `ValueInfoProto`, whose dimensions are nested four levels deep: name, dimensions."""
    name, dims = "", []
    for field, one in _parts(file, part):
        if field == 1:
            name = _text(file, one)
        elif field == 2:
            shapes = (shape for tensor in _within(file, one, 1) for shape in _within(file, tensor, 2))
            for dim in (dim for shape in shapes for dim in _within(file, shape, 1)):
                dims.append(next((size for number, (size, _) in _parts(file, dim) if number == 1), 0))
    return name, tuple(dims)


def _within(file: BinaryIO, part: Part, wanted: int) -> Iterator[Part]:
    return (one for field, one in _parts(file, part) if field == wanted)
