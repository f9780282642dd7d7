"""Words and their times, of the pieces that NVIDIA's models write."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sidecars.engine import Hypothesis, Word

UNKNOWN = "<unk>"


def hypothesis(pieces: Iterable[tuple[str, float, float]], frame_s: float) -> Hypothesis:
    """What `pieces` say: text, second at which it was heard, confidence 0 to 1. A space, or ▁, begins a word.

    A word is as sure as its least sure piece, and ends with the frame of `frame_s` seconds of its last one.
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
    """Characters that the vocabulary has not got are told byte by byte: <0xC3><0xA9>."""

    def decoded(match: re.Match[str]) -> str:
        return bytes(int(each, 16) for each in re.findall("<0x(..)>", match[0])).decode(errors="replace")

    return re.sub(r"(?:<0x[0-9A-F]{2}>)+", decoded, text)
