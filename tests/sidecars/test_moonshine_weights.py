"""Where the Moonshine weights come from, and the errors if they are missing."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sidecars.engines.moonshine_weights import LAYOUTS, PACKAGED, find
from sidecars.weights import WeightsMissing


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A copy of the package's files in place of the package."""
    folder = tmp_path / "moonshine_voice" / "assets" / "tiny-en"
    shutil.copytree(find().encoder.parent, folder)
    spec = SimpleNamespace(submodule_search_locations=[str(folder.parent.parent)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    return folder


def test_the_package_has_the_weights_that_were_measured() -> None:
    weights = find()
    assert [weights.encoder.name, weights.decoder.name, weights.tokenizer.name] == [each.name for each in PACKAGED]


def test_the_package_is_not_imported() -> None:
    find()
    assert "moonshine_voice" not in sys.modules


def test_a_damaged_file_is_named_with_its_mend(package: Any) -> None:
    file = package / "encoder_model.ort"
    data = bytearray(file.read_bytes())
    data[1_000_000] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(
        WeightsMissing,
        match=r"encoder_model.ort: its SHA-256 is .*: pip install --force-reinstall --no-deps moonshine-voice==0\.1\.0",
    ):
        find()


def test_a_file_cut_short_is_damaged(package: Any) -> None:
    file = package / "tokenizer.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(WeightsMissing, match=r"tokenizer.bin has 249973 bytes, not 249974; "):
        find()


def test_another_release_has_no_weights(package: Any) -> None:
    (package / "decoder_model_merged.ort").unlink()
    with pytest.raises(
        WeightsMissing, match=r"decoder_model_merged.ort is missing; other releases do not hold it: pip install "
    ):
        find()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsMissing, match=r"not installed: pip install moonshine-voice==0\.1\.0"):
        find()


@pytest.mark.parametrize("names", LAYOUTS)
def test_a_folder_may_be_laid_out_in_any_way_that_the_family_is_published(tmp_path: Path, names: Any) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find(str(tmp_path))
    assert [found.encoder, found.decoder, found.tokenizer] == [tmp_path / name for name in names]


def test_a_folder_of_anything_else_says_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "encoder_model.ort").touch()
    with pytest.raises(
        WeightsMissing, match=r"not a Moonshine model; it takes encoder_model.ort, decoder_model_merged.ort"
    ):
        find(str(tmp_path))


def test_neither_folder_nor_repository(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no such folder, nor OWNER/NAME"):
        find(str(tmp_path / "nowhere"))


@pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is not None, reason="the package is here")
def test_a_repository_takes_a_package_that_is_not_here() -> None:
    with pytest.raises(WeightsMissing, match=r"pip install huggingface_hub, or put tokenizer.json|onnx/encoder"):
        find("onnx-community/moonshine-base-ONNX")
