"""Vectors of words: near for words of like meaning, and never from other files than those that were measured."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from phone_daemon.agent.script.word_vectors import TOKENIZER, VECTORS, WordVectors, word_vectors
from sidecars.weights import WeightsMissing


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    found = word_vectors()
    assert found is not None, "make setup installs them"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the package's files."""
    spec = importlib.util.find_spec("wordllama")
    assert spec is not None and spec.submodule_search_locations
    for file in (VECTORS, TOKENIZER):
        (tmp_path / file.name).parent.mkdir()
        shutil.copy(Path(spec.submodule_search_locations[0]) / file.name, tmp_path / file.name)
    return tmp_path


def cosine(vectors: WordVectors, one: str, other: str) -> float:
    a, b = vectors[one], vectors[other]
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize(("one", "like", "unlike"), [("dentist", "teeth", "parcel"), ("shut", "close", "message")])
def test_words_of_like_meaning_are_near(vectors: WordVectors, one: str, like: str, unlike: str) -> None:
    assert cosine(vectors, one, like) > 0.4 > 0.2 > cosine(vectors, one, unlike)


def test_a_word_that_says_little_has_a_short_vector(vectors: WordVectors) -> None:
    assert np.linalg.norm(vectors["the"]) < 3 < 10 < np.linalg.norm(vectors["appointment"])


def test_a_word_that_is_no_piece_by_itself_is_the_sum_of_its_pieces(vectors: WordVectors) -> None:
    assert np.linalg.norm(vectors["rescheduling"]) > 0
    assert cosine(vectors, "toothache", "tooth") > 0.3


@pytest.mark.parametrize("word", ["", "'", "7", "日本"])
def test_what_is_no_english_word_has_a_vector_too(vectors: WordVectors, word: str) -> None:
    assert np.isfinite(vectors[word]).all()


def test_the_package_is_not_imported(vectors: WordVectors) -> None:
    assert "wordllama" not in sys.modules


def test_a_damaged_file_is_named_with_its_mend(folder: Path) -> None:
    data = bytearray((folder / VECTORS.name).read_bytes())
    data[1_000_000] ^= 1
    (folder / VECTORS.name).write_bytes(bytes(data))
    with pytest.raises(WeightsMissing, match=r"SHA-256 is .*; pip install --force-reinstall --no-deps wordllama==0\.4"):
        WordVectors(folder)


def test_without_them_there_are_none_and_a_bad_package_is_logged_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / TOKENIZER.name).write_bytes(b"{}")
    for spec, lines in ((None, 0), (SimpleNamespace(submodule_search_locations=[str(folder)]), 1)):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, spec=spec: spec)
        word_vectors.cache_clear()
        try:
            assert word_vectors() is None
            assert word_vectors() is None
        finally:
            word_vectors.cache_clear()
        assert len(caplog.records) == lines
