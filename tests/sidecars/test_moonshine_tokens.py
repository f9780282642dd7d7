"""Moonshine's vocabulary file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sidecars.engines.moonshine_tokens import read_tokens

PIECES = [b"<unk>", b"<s>", b"</s>", b"<0xC3>", b"<0xA9>", "▁caf".encode(), b"s", b"<", b"x" * 300, b""]


def packed(pieces: Any) -> Any:
    """A `tokenizer.bin`."""
    data = b""
    for piece in pieces:
        length = len(piece)
        data += bytes([length]) if length < 128 else bytes([length % 128 + 128, length // 128])
        data += piece
    return data


@pytest.fixture
def tokens(tmp_path: Path) -> Any:
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(packed(PIECES))
    return read_tokens(path)


def test_a_word_begins_with_a_space(tokens: Any) -> None:
    assert tokens.piece(5) == " caf"
    assert tokens.piece(6) == "s"


def test_what_is_spelled_in_bytes_is_read_as_a_whole(tokens: Any) -> None:
    assert tokens.text([5, 3, 4, 6]) == "cafés"


def test_half_a_character_does_no_harm(tokens: Any) -> None:
    assert tokens.text([5, 3]) == "caf\ufffd"


def test_special_tokens_have_no_text_and_a_bracket_is_none_of_them(tokens: Any) -> None:
    assert [tokens.piece(token) for token in (0, 1, 2, 7, 9)] == ["", "", "", "<", ""]


def test_long_tokens_have_their_length_in_two_bytes(tokens: Any) -> None:
    assert tokens.piece(8) == "x" * 300
    assert len(tokens) == len(PIECES)


def test_both_files_say_the_same(tmp_path: Path, tokens: Any) -> None:
    path = tmp_path / "tokenizer.json"
    vocabulary = {piece.decode(): number for number, piece in enumerate(PIECES[3:9], 3)}
    added = [{"id": number, "content": piece.decode()} for number, piece in enumerate(PIECES[:3])]
    path.write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": added}), encoding="utf-8")
    other = read_tokens(path)
    assert [other.piece(token) for token in range(9)] == [tokens.piece(token) for token in range(9)]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("tokenizer.bin", packed(PIECES)[:-2], "cut short"),
        ("tokenizer.bin", b"\xff", "cut short"),
        ("tokenizer.json", b"{}", "not a tokenizer"),
        ("tokenizer.json", b"[", "not a tokenizer"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, name: str, content: Any, problem: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: {problem}"):
        read_tokens(path)
