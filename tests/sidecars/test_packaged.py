"""Weights from packages are used only if they are unchanged since they were pinned."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from sidecars.packaged import Packaged, packaged, packaged_folder
from sidecars.weights import WeightsMissing

DATA = b"weights" * 1000
PINNED = Packaged("voice.bin", len(DATA), hashlib.sha256(DATA).hexdigest())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    folder = packaged_folder("kokoro")
    folder.mkdir(parents=True)
    return folder


def test_what_was_pinned_is_taken(folder: Path) -> None:
    (folder / PINNED.name).write_bytes(DATA)
    assert packaged("kokoro", [PINNED]) == folder


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (None, "is missing"),
        (DATA[:-1], "has 6999 bytes, not 7000"),
        (DATA[:-1] + b"!", "its SHA-256 is "),
    ],
)
def test_anything_else_is_one_line_that_says_how_to_mend_it(folder: Path, held: bytes | None, says: str) -> None:
    if held is not None:
        (folder / PINNED.name).write_bytes(held)
    with pytest.raises(WeightsMissing) as caught:
        packaged("kokoro", [PINNED])
    line = str(caught.value)
    assert line.startswith(str(folder / PINNED.name))
    assert says in line
    assert "`make kokoro`" in line
    assert "\n" not in line
