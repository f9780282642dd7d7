"""The meanings of words as vectors: words with similar uses have vectors with similar directions.

The vectors are those of the package `wordllama` (the extra `meaning`), which was trained for comparing English
sentences. Only its files are used; the package itself is not imported, because it can download others.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sidecars.log import Event
from sidecars.packaged import Packaged
from sidecars.weights import WeightsMissing

PACKAGE = "wordllama==0.4.0.post1"
"""MIT, says the package. Its vectors were made from the token embeddings of Llama 2 and others, so Meta's community
license for Llama 2 may apply to them."""
VECTORS = Packaged(
    "weights/l2_supercat_256.safetensors",
    16_384_096,
    "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
)
TOKENIZER = Packaged(
    "tokenizers/l2_supercat_tokenizer_config.json",
    1_842_796,
    "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
)

Vector = NDArray[np.float32]

log = logging.getLogger(__name__)

_SIZE = 256
_SPACE = "▁"
"""Represents the space before a word (SentencePiece's convention)."""
_LETTERS = re.compile(rf"{_SPACE}|{_SPACE}?[a-z']+")


class WordVectors:
    """The vector of any word, which is the sum of the vectors of the pieces that the word consists of."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the package's folder. Raises `WeightsMissing` if its files are not the expected ones."""
        for file in (VECTORS, TOKENIZER):
            file.check(folder, f"pip install --force-reinstall --no-deps {PACKAGE}")
        path = folder / VECTORS.name
        start = 8 + int.from_bytes(path.open("rb").read(8), "little")
        # Memory-mapped, so that only pages with words that occur take memory.
        self._vectors = np.memmap(path, np.float16, "r", start).reshape(-1, _SIZE)
        pieces = json.loads((folder / TOKENIZER.name).read_bytes())["model"]["vocab"]
        self._pieces: dict[str, int] = {piece: number for piece, number in pieces.items() if _LETTERS.fullmatch(piece)}
        self._known: dict[str, Vector] = {}

    def __getitem__(self, word: str) -> Vector:
        """A vector of 256 numbers. Its length shows how significant the word is: `appointment` 16, `the` 2."""
        if (found := self._known.get(word)) is None:
            found = self._vectors[self._split(word)].astype(np.float32).sum(0)
            if len(self._known) < 20_000:
                self._known[word] = found
        return found

    def _split(self, word: str) -> list[int]:
        """Splits `word` into pieces by byte pair encoding: of all neighboring pairs that form a piece, the one that
        forms the most frequent piece is joined first. Frequent pieces have low numbers."""
        parts = [part for part in _SPACE + word if part in self._pieces]
        while joined := [
            (number, at) for at in range(len(parts) - 1) if (number := self._pieces.get(parts[at] + parts[at + 1]))
        ]:
            _, at = min(joined)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [self._pieces[part] for part in parts]


@cache
def word_vectors() -> WordVectors | None:
    """The package's vectors, loaded once; None, with a log line, if it is not installed or its files are not the
    expected ones."""
    spec = importlib.util.find_spec("wordllama")
    for folder in () if spec is None else spec.submodule_search_locations or ():
        try:
            return WordVectors(Path(folder))
        except WeightsMissing as error:
            log.warning(Event("meaning.unavailable", reason=error))
    return None
