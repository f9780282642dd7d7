"""Where Parakeet computes and with how many bits: what is chosen, and what it costs in words.

`test_nemo.py` runs this file with the Python of `sidecars/parakeet/.venv`.
"""

from __future__ import annotations

import itertools
import logging
from typing import Any

import numpy as np
import pytest
import torch

from ops.bench.stt.gpu_callers import callers
from ops.bench.stt.gpu_stages import TINY, differ
from sidecars.engines import nemo, nemo_model, nemo_segments
from sidecars.engines.nemo_model import CPU, Place, choose_place, open_checkpoint
from sidecars.engines.nemo_package import ASRModel
from sidecars.engines.nemo_pipeline import Piece, Pipeline
from sidecars.engines.nemo_words import Transcript
from sidecars.step_time import parts, texts
from tests.sidecars.nemo_alone import CALLERS, MODELS, RATE


@pytest.mark.parametrize("decoder", ["ctc", "rnnt"])
def test_half_precision_hears(decoder: str) -> None:
    """On the CPU, where NeMo's pipelines would not compute in half precision: on a GPU that is the default."""
    checkpoint = open_checkpoint(str(MODELS / f"{decoder}.nemo"))
    pipeline = Pipeline(checkpoint, [70, 1], Place("cpu", "bfloat16"), 2, 2)
    channel, _, _ = pipeline._encoder._caches
    assert channel.dtype == torch.bfloat16
    transcript, size = Transcript(), 2 * pipeline.chunk
    texts = [
        pipeline.step([Piece(1, CALLERS[0][begin : begin + size], transcript, begin // size)])[0].text
        for begin in range(0, len(CALLERS[0]) - size, size)
    ]
    assert texts[-1]
    pipeline.release(1)
    assert set(pipeline.held().values()) == {0}


def test_half_precision_hears_segments() -> None:
    made = nemo_segments._Model(open_checkpoint(str(MODELS / "tdt.nemo")), Place("cpu", "bfloat16"))
    assert made.understand(np.frombuffer(CALLERS[0], "<i2").astype(np.float32) / np.float32(32768)).text


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_told_and_done_without(caplog: pytest.LogCaptureFixture) -> None:
    made = nemo.create({"model": str(MODELS / "ctc.nemo"), "device": "cuda", "dtype": "float16"})
    assert isinstance(made, nemo.Nemo)
    assert made._pipeline.place == CPU
    assert [record.levelno for record in caplog.records if "no CUDA here" in record.message] == [logging.WARNING]


def test_what_a_gpu_computes_with_is_chosen_by_what_errs_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the choice: two GPUs are simulated, because there is none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_place("auto", "auto") == Place("cuda:0", "float16")
    assert choose_place("cuda:1", "auto") == Place("cuda:1", "float16")
    assert choose_place("cuda", "bfloat16") == Place("cuda:0", "bfloat16")
    assert choose_place("cpu", "float16") == CPU
    with pytest.raises(ValueError, match=r"there are 2 CUDA devices, counted from 0"):
        choose_place("cuda:2", "auto")


def test_of_the_halves_float16_errs_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained small model, rounded on the CPU as it would be on a GPU, compared with itself in float32."""
    monkeypatch.setattr(nemo_model.Place, "on_cpu", property(lambda place: False))
    said = parts(callers(), 12, 8.0, RATE)
    heard = {}
    for dtype in ("float32", "float16", "bfloat16"):
        made = nemo.Nemo(open_checkpoint(str(TINY)), None, Place("cpu", dtype), 12)
        assert made._pipeline.place.dtype == dtype
        heard[dtype] = texts(made, said, itertools.count(1), 12)
    right = heard["float32"]
    others = {dtype: sum(map(differ, right, heard[dtype])) for dtype in heard}
    assert sum(len(text.split()) for text in right) > 200
    assert others["float16"] < others["bfloat16"]


def test_numbers_that_do_not_fit_into_a_half_are_computed_with_wider_ones(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A model whose last layer but one yields numbers around a million; in CUDA's number format, on the CPU."""
    real = ASRModel.restore_from

    def restore(path: str, map_location: torch.device) -> Any:
        model = real(path, map_location="cpu")
        with torch.no_grad():
            model.encoder.layers[-2].norm_out.weight *= 1e6
        return model

    monkeypatch.setattr(ASRModel, "restore_from", restore)
    monkeypatch.setattr(nemo_model.Place, "on_cpu", property(lambda place: False))
    wide = Place("cpu", "bfloat16")
    for wanted in (Place("cpu", "float16"), wide):
        assert nemo.Nemo(open_checkpoint(str(MODELS / "ctc.nemo")), None, wanted, 2)._pipeline.place == wide
    whole = nemo_segments.NemoSegments(open_checkpoint(str(MODELS / "tdt.nemo")), Place("cpu", "float16"), 2)
    assert whole._model.place == wide
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == 2 * ["float16 is too small for this model's numbers: hearing in bfloat16"]
