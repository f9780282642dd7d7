"""The vocabulary of a Moonshine model: from token numbers to text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

START, END = 1, 2
"""`<s>` and `</s>`."""
SPACE = "▁"
"""Represents the space before a word (SentencePiece's convention)."""

_BYTE = re.compile(rb"<0x([0-9A-F]{2})>")


class Tokens:
    """Pieces of text by token number."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = [_written(piece) for piece in pieces]
        self._letters = [
            "".join(filter(str.isalnum, piece.decode("utf-8", "replace").lower())) for piece in self._pieces
        ]

    def __len__(self) -> int:
        return len(self._pieces)

    def piece(self, token: int) -> str:
        """Returns the text of a token, with a space in front if it begins a word; empty for a special token."""
        return self._pieces[token].decode("utf-8", "replace")

    def letters(self, tokens: Sequence[int]) -> str:
        """Returns what can be heard of a sequence of tokens: their letters and figures, without spaces."""
        return "".join(self._letters[token] for token in tokens)

    def text(self, tokens: Sequence[int]) -> str:
        """Returns the text of a sequence of tokens."""
        # A character outside the vocabulary is several tokens of a byte each, so bytes are joined before decoding.
        return b"".join(self._pieces[token] for token in tokens).decode("utf-8", "replace").strip()


def _written(piece: bytes) -> bytes:
    if byte := _BYTE.fullmatch(piece):
        return bytes([int(byte[1], 16)])
    if piece.startswith(b"<") and piece.endswith(b">") and len(piece) > 2:
        return b""
    return piece.replace(SPACE.encode(), b" ")


def read_tokens(path: Path) -> Tokens:
    """Reads a `tokenizer.bin` (Moonshine's own) or a `tokenizer.json` (Hugging Face's).

    A `tokenizer.bin` has, for each token, its length and its bytes. The length is one byte; from 128 on it is two
    (`b0 - 128 + 128 * b1`). Raises `ValueError` for any other file.
    """
    if path.suffix == ".json":
        return _read_json(path)
    data, at, pieces = path.read_bytes(), 0, list[bytes]()
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            if at == len(data):
                raise ValueError(f"{path}: cut short")
            length += 128 * (data[at] - 1)
            at += 1
        if at + length > len(data):
            raise ValueError(f"{path}: cut short")
        pieces.append(data[at : at + length])
        at += length
    return Tokens(pieces)


def _read_json(path: Path) -> Tokens:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        numbers: dict[str, int] = dict(read["model"]["vocab"])
        numbers |= {each["content"]: each["id"] for each in read.get("added_tokens", [])}
        pieces = [b""] * (max(numbers.values()) + 1)
        for piece, number in numbers.items():
            pieces[number] = piece.encode()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a tokenizer ({error})") from error
    return Tokens(pieces)
