"""ONNX files that are inspected without a library: written here byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecars.engines.onnx_header import read_header


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def pair(field: int, key: str, value: str) -> bytes:
    return message(field, message(1, key.encode()), message(2, value.encode()))


def tensor(field: int, name: str, *dims: int | str) -> bytes:
    """A `ValueInfoProto` of floats."""
    sizes = [message(1, number(1, dim) if isinstance(dim, int) else message(2, dim.encode())) for dim in dims]
    return message(field, message(1, name.encode()), message(2, message(1, number(1, 1), message(2, *sizes))))


WEIGHTS = message(5, message(8, b"w"), message(9, bytes(5000)))
ELSEWHERE = message(5, message(8, b"v"), pair(13, "location", "model.data"), pair(13, "offset", "0"), number(14, 1))
MODEL = b"".join(
    [
        number(1, 9),
        message(2, b"a program"),
        message(7, WEIGHTS, ELSEWHERE, tensor(11, "sound", "batch", 80, "time"), tensor(12, "tokens", 1, 300)),
        pair(14, "chunk_shift", "16"),
        pair(14, "normalize_type", ""),
    ]
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(MODEL)
    return path


def test_a_file_says_what_it_takes_what_it_gives_and_what_else_it_needs(file: Path) -> None:
    header = read_header(file)
    assert header.metadata == {"chunk_shift": "16", "normalize_type": ""}
    assert dict(header.inputs) == {"sound": (0, 80, 0)}
    assert dict(header.outputs) == {"tokens": (1, 300)}
    assert header.data == ("model.data",)


@pytest.mark.parametrize("size", [1, 30, 3000, len(MODEL) - 1])
def test_a_file_that_is_cut_short_is_named(file: Path, size: int) -> None:
    file.write_bytes(MODEL[:size])
    with pytest.raises(ValueError, match=r"model\.onnx: not an ONNX model"):
        read_header(file)


@pytest.mark.parametrize("junk", [b"", b"not a model at all", b"\xff" * 40, bytes(100), b"<!doctype html><html>"])
def test_what_is_no_model_is_named(file: Path, junk: bytes) -> None:
    file.write_bytes(junk)
    with pytest.raises(ValueError, match=r"model\.onnx: not an ONNX model"):
        read_header(file)
