"""Parakeet's checkpoints: damaged files, missing files, and files of another kind.

`test_nemo.py` runs this file with the Python of `sidecars/parakeet/.venv`.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecars.engines import nemo
from sidecars.engines.nemo_model import open_checkpoint
from sidecars.engines.nemo_package import ASRModel
from sidecars.weights import WeightsMissing
from tests.sidecars.nemo_alone import MODELS


def damaged(change: Callable[[bytes], bytes], folder: Path) -> Path:
    path = folder / "damaged.nemo"
    path.write_bytes(change((MODELS / "ctc.nemo").read_bytes()))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:100_000],
        lambda whole: whole[:-200_000],
        lambda whole: b"",
        lambda whole: b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1234\n",
        lambda whole: whole.replace(b"model_config.yaml", b"modem_config.yaml"),
        lambda whole: whole[: len(whole) // 2] + bytes(2_000_000) + whole[len(whole) // 2 + 2_000_000 :],
    ],
)
def test_a_damaged_file_is_told_in_one_line(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = damaged(change, tmp_path)
    with pytest.raises(WeightsMissing, match=r"damaged\.nemo is damaged, cut short or no \.nemo file") as caught:
        nemo.create({"model": str(path)})
    assert "\n" not in str(caught.value)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in str(caught.value)


def test_a_file_that_should_have_another_checksum_is_told(tmp_path: Path) -> None:
    wanted = hashlib.sha256((MODELS / "ctc.nemo").read_bytes()).hexdigest()
    path = damaged(lambda whole: whole, tmp_path)
    path.with_name("damaged.nemo.sha256").write_text(f"{wanted}  damaged.nemo\n")
    nemo.create({"model": str(path)})
    damaged(lambda whole: whole[:-1] + b"!", tmp_path)
    with pytest.raises(WeightsMissing, match=f"its SHA-256 is [0-9a-f]+, not {wanted}, which damaged.nemo.sha256 says"):
        nemo.create({"model": str(path)})


def test_a_damaged_file_of_the_hubs_cache_is_told_with_its_checksum_and_thrown_away(tmp_path: Path) -> None:
    blob = tmp_path / ("0" * 64)
    blob.write_bytes((MODELS / "ctc.nemo").read_bytes()[:-200_000])
    path = tmp_path / "some.nemo"
    path.symlink_to(blob)
    with pytest.raises(WeightsMissing, match=rf"some\.nemo: its checksum is [0-9a-f]+, not {blob.name}"):
        nemo.create({"model": str(path)})
    assert not blob.exists()


def test_a_folder_with_one_model_stands_for_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"the folder has no \.nemo file"):
        open_checkpoint(str(tmp_path))
    shutil.copy(MODELS / "rnnt.nemo", tmp_path)
    assert open_checkpoint(str(tmp_path)).decoder == "rnnt"
    shutil.copy(MODELS / "ctc.nemo", tmp_path)
    with pytest.raises(WeightsMissing, match=r"2 \.nemo files \(ctc\.nemo, rnnt\.nemo\)"):
        open_checkpoint(str(tmp_path))


def test_what_is_nowhere_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants  # noqa: PLC0415

    with pytest.raises(WeightsMissing, match=r"model /no/such\.nemo: no such file"):
        nemo.create({"model": "/no/such.nemo"})
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsMissing, match="HF_HUB_OFFLINE") as caught:
        nemo.create({})
    assert "nemotron-speech-streaming-en-0.6b.nemo not in" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_loading_from_a_path_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it asked the network"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("it asked the network"))
    assert nemo.create({"model": str(MODELS / "rnnt.nemo"), "max_sessions": 1}).held()["sessions"] == 0


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    model = ASRModel.restore_from(str(MODELS / "ctc.nemo"), map_location="cpu")
    model.cfg.target = "nemo.collections.tts.models.Speaker"
    model.save_to(str(tmp_path / "other.nemo"))
    with pytest.raises(ValueError, match=r"other\.nemo: it is a Speaker; expected NeMo's CTC, RNN-T or TDT"):
        nemo.create({"model": str(tmp_path / "other.nemo")})
