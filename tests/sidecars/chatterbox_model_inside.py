"""Chatterbox's model: whether it samples and sounds as upstream's, its weights' files, and its devices.

`test_chatterbox.py` runs this file with the Python of `sidecars/chatterbox/.venv`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sidecars.engines import chatterbox
from sidecars.engines.chatterbox_model import Manner, Model, Sound
from sidecars.weights import WeightsMissing
from tests.sidecars.chatterbox_alone import SAMPLES, TEXT, TINY, TOKENS, spoken


@pytest.mark.parametrize("changed", [{}, {"exaggeration": 1.2, "temperature": 1.1, "top_p": 0.9, "cfg_weight": 0.3}])
def test_the_tokens_are_those_that_upstream_samples(model: Model, changed: dict[str, Any]) -> None:
    manner = Manner(**changed)
    tts, voice = model._tts, model.built_in()
    ours = model.sampler(TEXT, voice, manner, seed=7)
    theirs: list[torch.Tensor] = []
    inference = tts.t3.inference

    def kept(**given: Any) -> torch.Tensor:
        theirs.append(inference(**given))
        return theirs[-1]

    tts.t3.inference = kept
    tts.s3gen.inference = lambda **_: (torch.zeros(1, 9600), None)
    try:
        torch.manual_seed(7)
        tts.generate(
            TEXT, **{name: getattr(manner, name) for name in ("exaggeration", "temperature", "top_p", "cfg_weight")}
        )
    finally:
        del tts.t3.inference, tts.s3gen.inference
    tokens = [token for _ in range(TOKENS + 1) if (token := ours.next()) is not None]
    assert tokens == theirs[0][0, :-1].tolist()
    assert len(tokens) == TOKENS


def test_what_is_made_in_one_part_is_what_upstream_makes_of_the_same_noise(model: Model) -> None:
    tts, voice = model._tts, model.built_in()
    tokens = list(range(100, 150))
    sound = Sound(tts.s3gen, lambda wave, sample_rate: wave, voice.gen, 1.0, seed=3)
    ours = sound.extend(tokens, last=True)
    frames = 2 * (voice.gen["prompt_token"].shape[1] + len(tokens))
    with torch.inference_mode():
        mel = tts.s3gen.flow.inference(
            token=torch.tensor([tokens]), token_len=torch.tensor([50]), finalize=True, n_timesteps=10,
            noised_mels=sound._noise[..., :frames], **voice.gen,
        )[0]  # fmt: skip
        torch.manual_seed(3)
        theirs = tts.s3gen.hift_inference(mel, None)[0]
        theirs[:, : len(tts.s3gen.trim_fade)] *= tts.s3gen.trim_fade
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-5)


def test_guidance_can_be_switched_off(engine: chatterbox.Chatterbox, plain: np.ndarray) -> None:
    """Upstream fails at `cfg_weight` 0."""
    other = spoken(engine, cfg_weight=0)
    assert len(other) == SAMPLES
    assert (other != plain).any()


def test_every_part_carries_the_watermark(engine: chatterbox.Chatterbox, model: Model, plain: np.ndarray) -> None:
    def marked(pcm: np.ndarray) -> float:
        found = model._tts.watermarker.get_watermark(pcm.astype(np.float32) / 32768, sample_rate=24_000, round=False)
        return float(np.mean(found))

    sound = Sound(model._s3gen, lambda wave, sample_rate: wave, model.built_in().gen, 1.0, seed=1)
    bare = sound.extend(range(100, 155), last=True) * 32767
    assert marked(plain) > 0.9
    assert marked(plain[: SAMPLES // 2]) > 0.9
    assert marked(bare) < marked(plain) - 0.3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the checkpoint, to be damaged."""
    copy = tmp_path / "weights"
    copy.mkdir()
    for file in TINY.iterdir():
        (copy / file.name).symlink_to(file)
    return copy


def overwrite(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "s3gen.safetensors").unlink()
    with pytest.raises(
        WeightsMissing, match=r"weights: the folder has no s3gen\.safetensors; it takes ve\.safetensors"
    ):
        chatterbox.create({"model": str(folder)})


@pytest.mark.parametrize("name", ["ve.safetensors", "tokenizer.json", "conds.pt"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    overwrite(folder / name, (folder / name).read_bytes()[:-1000])
    with pytest.raises(WeightsMissing, match=f"{name} is damaged or cut short") as caught:
        chatterbox.create({"model": str(folder)})
    assert "\n" not in str(caught.value)


def test_weights_of_another_size_are_told_from_damaged_ones(folder: Path) -> None:
    sizes = (folder / "sizes.json").read_bytes()
    overwrite(folder / "sizes.json", sizes.replace(b'"num_hidden_layers": 2', b'"num_hidden_layers": 1'))
    with pytest.raises(WeightsMissing, match="does not hold weights of chatterbox") as caught:
        chatterbox.create({"model": str(folder)})
    assert "\n" not in str(caught.value)


def test_half_precision_speaks(plain: np.ndarray) -> None:
    half = chatterbox.create({"model": str(TINY), "dtype": "bfloat16", "threads": 1})
    assert half._model._t3.speech_head.weight.dtype == torch.bfloat16
    assert len(spoken(half)) == len(plain)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_told_and_done_without(caplog: pytest.LogCaptureFixture) -> None:
    made = chatterbox.create({"model": str(TINY), "device": "cuda", "threads": 1})
    assert made._model.device.type == "cpu"
    assert [record.levelno for record in caplog.records if "no CUDA here" in record.message] == [logging.WARNING]


class FakeGpu:
    """Stands for a CUDA device that fails, because there is none here. The model behind it is real and on the CPU."""

    def __init__(self, real: Model, after: int) -> None:
        self._real, self._after, self.device = real, after, torch.device("cuda")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sound(self, *given: Any) -> Any:
        real, after = self._real.sound(*given), self._after

        class Failing:
            parts = 0

            def extend(self, *given: Any, **options: Any) -> Any:
                self.parts += 1
                if self.parts > after:
                    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nMore.")
                return real.extend(*given, **options)

        return Failing()


@pytest.mark.parametrize("after", [0, 1])
def test_a_gpu_that_runs_out_of_memory_is_told_and_done_without(
    plain: np.ndarray, caplog: pytest.LogCaptureFixture, after: int
) -> None:
    made = chatterbox.create({"model": str(TINY), "threads": 1})
    made._model = FakeGpu(made._model, after)  # type: ignore[assignment]
    if after:  # part of the text was heard: the client has to request it again
        with pytest.raises(torch.cuda.OutOfMemoryError):
            spoken(made)
    np.testing.assert_array_equal(spoken(made), plain)
    assert made._model.device.type == "cpu"
    assert "CUDA failed (CUDA out of memory. Tried to allocate 20.00 MiB.): speaking on the CPU" in caplog.text
