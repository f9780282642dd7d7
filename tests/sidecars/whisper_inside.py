"""Whisper with a tiny random model: which results are rejected, the cost of a failing GPU, and the layouts of
repositories.

`test_whisper.py` runs this file with the Python of `sidecars/whisper/.venv`. `TINY` is a folder made by
`fixtures/models/tiny_whisper.py`; `SPEECH` is a file of 16-bit speech at 16 kHz.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper.transcribe import Segment

from sidecars.engine import Hypothesis
from sidecars.engines import whisper
from sidecars.weights import WeightsMissing

MODEL = os.environ["TINY"]
SPEECH = np.fromfile(os.environ["SPEECH"], "<i2").astype(np.float32) / np.float32(32768)


@pytest.fixture
def engine() -> whisper.Whisper:
    return whisper.create({"model": MODEL, "threads": 1, "language": "en"})


@pytest.mark.parametrize(
    ("changed", "believed"),
    [
        ({}, True),
        ({"no_speech_prob": 0.7}, True),
        ({"avg_logprob": -1.1}, True),
        ({"no_speech_prob": 0.7, "avg_logprob": -1.1}, False),
        ({"compression_ratio": 2.5}, False),
        ({"text": "  "}, False),
    ],
)
def test_what_the_model_takes_for_no_speech_or_what_goes_round_in_circles_is_not_believed(
    engine: whisper.Whisper, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], believed: bool
) -> None:
    """The model's own confidence values are replaced, because a tiny one does not produce all of them."""
    transcribe = engine._model.transcribe

    def doubtful(*arguments: Any, **options: Any) -> tuple[Iterator[Segment], None]:
        return (replace(each, **changed) for each in transcribe(*arguments, **options)[0]), None

    monkeypatch.setattr(engine._model, "transcribe", doubtful)
    heard = engine.understand(SPEECH, {})
    assert (heard != Hypothesis("", 0.0)) is believed


def test_no_more_is_said_than_anybody_can_in_that_time(engine: whisper.Whisper) -> None:
    said = engine.understand(SPEECH[:8000], {}).text.split()
    assert 0 < len(said) <= whisper.TOKENS_BEFORE + whisper.TOKENS_A_SECOND / 2


def test_when_a_gpu_fails_it_goes_on_without(
    engine: whisper.Whisper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is none here: the model is where it always is, and the failure is simulated."""

    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA failed with error out of memory\nmore")

    wanted = engine.understand(SPEECH, {})
    monkeypatch.setattr(engine, "_device", "cuda")
    monkeypatch.setattr(engine._model, "transcribe", failing)
    assert engine.understand(SPEECH, {}) == wanted
    assert engine._device == "cpu"
    assert "CUDA failed (CUDA failed with error out of memory): recognizing on the CPU in int8" in caplog.text


@pytest.mark.parametrize(
    ("model", "repository", "vocabularies"),
    [
        ("small", "Systran/faster-whisper-small", ["vocabulary.txt", "vocabulary.json"]),
        ("large-v3", "Systran/faster-whisper-large-v3", ["vocabulary.json", "vocabulary.txt"]),
        ("me/mine@v2", "me/mine@v2", ["vocabulary.json", "vocabulary.txt"]),
    ],
)
def test_of_the_two_layouts_of_repositories_the_likelier_is_tried_first(
    monkeypatch: pytest.MonkeyPatch, model: str, repository: str, vocabularies: Sequence[str]
) -> None:
    asked: list[tuple[str, str]] = []

    def missing(name: str, files: Sequence[str]) -> Path:
        asked.append((name, files[0]))
        raise WeightsMissing(f"no {files[0]}")

    monkeypatch.setattr(whisper, "find_weights", missing)
    with pytest.raises(WeightsMissing, match=f"no {vocabularies[0]}"):
        whisper._find(model)
    assert asked == [(repository, each) for each in vocabularies]
