"""Makes words and their times from the pieces that NVIDIA's models write, and checks the files that list those
pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from sidecars.engine import Hypothesis, Word

UNKNOWN, BLANK = "<unk>", "<blk>"


def hypothesis(pieces: Iterable[tuple[str, float, float]], frame_s: float) -> Hypothesis:
    """The hypothesis of `pieces`, each with its text, the second at which it was heard, and a confidence from 0 to 1. A
    space, or ▁, begins a word. A word's confidence is that of its least certain piece; it ends with the frame of
    `frame_s` seconds of its last one.
    """
    words: list[Word] = []
    begins = True
    for piece, start, sure in pieces:
        text = piece.replace("▁", " ")
        begins = begins or text.startswith(" ")
        text = text.strip()
        if text in ("", UNKNOWN):
            continue
        end = start + frame_s
        if begins:
            words.append(Word(text, start, end, sure))
        else:
            last = words.pop()
            words.append(Word(last.text + text, last.start, end, min(last.confidence, sure)))
        begins = False
    said = tuple(Word(_bytes_joined(each.text), each.start, each.end, each.confidence) for each in words)
    confidence = sum(word.confidence for word in said) / len(said) if said else 0.0
    return Hypothesis(" ".join(word.text for word in said), confidence, said)


def _bytes_joined(text: str) -> str:
    """Joins characters that are not in the vocabulary and are therefore written byte by byte: <0xC3><0xA9>."""

    def decoded(match: re.Match[str]) -> str:
        return bytes(int(each, 16) for each in re.findall("<0x(..)>", match[0])).decode(errors="replace")

    return re.sub(r"(?:<0x[0-9A-F]{2}>)+", decoded, text)


def check_tokens(path: Path, labels: int | None = None, *, most: int | None = None) -> None:
    """Checks that a file lists pieces as programs expect: a piece and its number on each line, with the blank last.
    `labels`: how many there must be, `most`: how many there may be. Raises `ValueError` with the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text") from error
    for number, line in enumerate(lines):
        if line.rpartition(" ")[2] != str(number):
            raise ValueError(f"{path}, line {number + 1}: expected a token and the number {number}")
    if labels not in (None, len(lines)) or (most is not None and len(lines) > most):
        raise ValueError(f"{path}: {len(lines)} tokens, and the model has {most if labels is None else labels}")
    tokens = [line.rpartition(" ")[0] for line in lines]
    if BLANK not in tokens or tokens.index(BLANK) != len(tokens) - 1:
        raise ValueError(f"{path}: the last token, and no other, must be {BLANK}")
