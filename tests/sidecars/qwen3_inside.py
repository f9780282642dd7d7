"""Qwen3-ASR with a tiny random model: the errors for impossible requests, and how it streams.

`test_qwen3.py` runs this file with the Python of `sidecars/qwen3/.venv`. `TINY` is a folder made by
`fixtures/models/tiny_qwen3.py`, `SPOILT` a copy with truncated weights. Where upstream's package streams, it calls
vLLM, which requires a GPU: here `Llm` takes its place and answers with the same tiny model, so the rest of upstream's
streaming is real.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from qwen_asr import Qwen3ASRModel
from safetensors.torch import load_file, save_file

from sidecars.engine import EngineFull, Hypothesis
from sidecars.engines import qwen3
from sidecars.engines.qwen3_languages import LANGUAGES
from sidecars.engines.qwen3_streaming import Qwen3Streaming
from sidecars.weights import WeightsMissing

MODEL, SPOILT = os.environ["TINY"], os.environ["SPOILT"]
RATE = 16000
NOISE = (np.random.default_rng(3).standard_normal(4 * RATE) * 3000).astype("<i2").tobytes()


class Llm:
    """Answers like `vllm.LLM.generate`, some tokens at a time."""

    def __init__(self, model: Qwen3ASRModel) -> None:
        self._model = model
        self.heard: list[int] = []
        """Samples in each prompt."""

    def generate(self, prompts: Sequence[Any], sampling_params: object, use_tqdm: bool) -> list[Any]:
        answers = []
        for prompt in prompts:
            audio = prompt["multi_modal_data"]["audio"]
            self.heard.append(len(audio[0]))
            inputs = self._model.processor(text=[prompt["prompt"]], audio=audio, return_tensors="pt", padding=True)
            made = self._model.model.generate(**inputs, max_new_tokens=12, pad_token_id=qwen3.END)
            text = self._model.processor.batch_decode(made.sequences[:, inputs["input_ids"].shape[1] :])[0]
            answers.append(SimpleNamespace(outputs=[SimpleNamespace(text=text)]))
        return answers


@pytest.fixture(scope="module")
def whole() -> qwen3.Qwen3:
    engine = qwen3.create({"model": MODEL, "threads": 1})
    assert isinstance(engine, qwen3.Qwen3)
    return engine


def streaming(whole: qwen3.Qwen3, **options: Any) -> tuple[Qwen3Streaming, Llm]:
    llm = Llm(whole._model)
    model = Qwen3ASRModel(backend="vllm", model=llm, processor=whole._model.processor)
    engine = Qwen3Streaming(model, options.get("language"), options.get("context", ""), chunk_s=0.5, max_sessions=2)
    return engine, llm


def fed(engine: Qwen3Streaming, session: int, pcm: bytes) -> list[Hypothesis]:
    """The partials for audio fed in pieces of 0.1 s."""
    pieces = [pcm[begin : begin + 3200] for begin in range(0, len(pcm), 3200)]
    return [told[session] for piece in pieces if (told := engine.step({session: piece}))]


def test_streaming_tells_what_it_understands_chunk_by_chunk(whole: qwen3.Qwen3) -> None:
    engine, llm = streaming(whole)
    engine.open(1, {"language": "en", "grammar": "clinic"})
    partials = fed(engine, 1, NOISE[: 2 * round(2.2 * RATE)])
    assert llm.heard == [8000, 16000, 24000, 32000]
    assert len(partials) > 1
    assert len({each.text for each in partials}) == len(partials)
    final = engine.finalize(1)
    assert llm.heard[-1] == round(2.2 * RATE)
    assert (final.text != "", final.confidence) == (True, 1.0)
    assert engine.held() == {"sessions": 0}


def test_streamed_utterances_do_not_hear_each_other(whole: qwen3.Qwen3) -> None:
    engine, _ = streaming(whole, language="English")
    texts = []
    for company in (False, True):
        engine.open(1, {})
        if company:
            engine.open(2, {"context": "a parcel"})
        for begin in range(0, 2 * RATE, 3200):
            audio = {1: NOISE[begin : begin + 3200]}
            engine.step(audio | {2: NOISE[-3200 - begin :][:3200]} if company else audio)
        texts.append(engine.finalize(1).text)
    assert texts[0] == texts[1] != engine.finalize(2).text


def test_a_streamed_utterance_is_freed_when_it_is_cancelled_and_one_too_many_is_refused(whole: qwen3.Qwen3) -> None:
    engine, _ = streaming(whole)
    engine.open(1, {})
    engine.open(2, {})
    with pytest.raises(EngineFull, match="2 utterances are open"):
        engine.open(3, {})
    with pytest.raises(ValueError, match="language 'elvish'"):
        streaming(whole)[0].open(1, {"language": "elvish"})
    engine.cancel(1)
    assert engine.held() == {"sessions": 1}
    engine.open(3, {})


@pytest.mark.parametrize(("seconds", "heard"), [(0.0, []), (0.05, []), (0.3, [8000])])
def test_a_streamed_utterance_that_is_short_is_made_longer_and_a_shorter_one_is_not_heard(
    whole: qwen3.Qwen3, seconds: float, heard: list[int]
) -> None:
    engine, llm = streaming(whole)
    engine.open(1, {})
    fed(engine, 1, NOISE[: 2 * round(seconds * RATE)])
    assert (engine.finalize(1).text != "", llm.heard) == (bool(heard), heard)


def test_without_vllm_and_a_gpu_it_says_that_it_does_not_stream(caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with caplog.at_level(logging.INFO):
        qwen3.create({"model": MODEL, "device": "cuda"})
    assert "without which Qwen3-ASR does not stream: recognizing whole utterances" in caplog.text
    assert "no CUDA here: recognizing on the CPU" in caplog.text
    with pytest.raises(ValueError, match=r'backend "vllm": there is no (vLLM|GPU) here'):
        qwen3.create({"model": MODEL, "backend": "vllm"})


def test_when_a_gpu_fails_it_goes_on_without(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """There is none here: the model is where it always is, and the failure is simulated."""
    engine = qwen3.create({"model": MODEL})
    assert isinstance(engine, qwen3.Qwen3)
    understood, failures = qwen3._understood, [RuntimeError("CUDA error: out of memory\nmore")]

    def failing(*arguments: Any) -> Hypothesis:
        if failures:
            raise failures.pop()
        return understood(*arguments)

    monkeypatch.setattr(engine, "_device", "cuda")
    monkeypatch.setattr(qwen3, "_understood", failing)
    engine.open(1, {})
    engine.step({1: NOISE[:RATE]})
    assert engine.finalize(1).text
    assert engine._device == "cpu"
    assert "CUDA failed (CUDA error: out of memory): recognizing on the CPU in fp32 from here on" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"language": "elvish"}, "language 'elvish'"),
        ({"context": 3}, "context 3: expected a text"),
        ({"device": "tpu"}, "device 'tpu': expected"),
        ({"backend": "jax"}, "backend 'jax': expected"),
        ({"chunk_s": 0}, "chunk_s 0: expected a number from 0.1 to 10"),
        ({"threads": 1.5}, "threads 1.5: expected a whole number"),
        ({"pitch": 1}, "'pitch': qwen3 knows"),
    ],
)
def test_an_option_that_cannot_be_is_named(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        qwen3.create({"model": MODEL, **options})


def test_its_languages_are_upstreams(whole: qwen3.Qwen3) -> None:
    assert sorted(LANGUAGES.values()) == sorted(whole._model.get_supported_languages())


def test_weights_in_several_files_are_found(whole: qwen3.Qwen3, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODEL, tmp_path / "shards"))
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for part, some in enumerate((names[::2], names[1::2]), 1):
        file = f"model-0000{part}-of-00002.safetensors"
        save_file({name: tensors[name] for name in some}, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(some, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    engine = qwen3.create({"model": str(folder)})
    assert isinstance(engine, qwen3.Qwen3)
    audio = np.frombuffer(NOISE, "<i2").astype(np.float32) / np.float32(32768)
    assert engine.understand(audio, {}) == whole.understand(audio, {})
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(WeightsMissing, match="has no model-00002-of-00002"):
        qwen3.create({"model": str(folder)})


def test_weights_that_cannot_be_loaded_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="damaged, cut short or no Qwen3-ASR") as caught:
        qwen3.create({"model": SPOILT})
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsMissing, match=r"the folder has no config\.json"):
        qwen3.create({"model": str(tmp_path)})
