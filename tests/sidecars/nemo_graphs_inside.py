"""Parakeet's steps in graphs: of what sizes, and that they find the same words.

`test_nemo.py` runs this file with the Python of `sidecars/parakeet/.venv`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fixtures.models.tiny_nemo import make
from fixtures.models.tiny_nemo import model as tiny
from ops.bench.stt.launches import count
from sidecars.engines import nemo
from sidecars.engines.nemo_decoder import RnntDecoder
from sidecars.engines.nemo_graphs import Graphs, sizes
from tests.sidecars.nemo_alone import CALLERS, CALLS, MODELS, assert_free, finals


@pytest.mark.parametrize("chunk_ms", [80, 160, 560])
def test_a_graphs_fixed_number_of_turns_finds_what_the_search_to_the_end_finds(chunk_ms: int) -> None:
    """The function that is captured on a GPU is the same: here it runs directly, repeated as its graph would be."""
    made = nemo.create({"model": str(MODELS / "rnnt.nemo"), "max_sessions": 8, "chunk_ms": chunk_ms})
    assert isinstance(made, nemo.Nemo)
    pcms = CALLERS[:3]
    whole = finals(made, pcms, 3200)
    decoder = made._pipeline._decoder
    assert isinstance(decoder, RnntDecoder)
    for turns in (1, 4):
        decoder._turns = turns
        assert finals(made, pcms, 3200) == whole
        assert_free(made)


def test_a_step_is_made_of_as_many_operations_for_many_as_for_one(tmp_path: Path) -> None:
    """For a model as deep as the released ones. NeMo 3.0's own pipeline makes 5,231 and 9,549 views for 256 streams."""
    tokenizer = tiny.make_tokenizer(tmp_path, make.PHRASES, make.TOKENS)
    shape = tiny.Shape(width=32, layers=24, heads=4, channels=32)
    path = tmp_path / "deep.nemo"
    model = tiny.build("rnnt", tokenizer, shape, 7)
    make.set_rate(model, "rnnt", make.recording(str(CALLS / "leaves_a_message" / "two.wav")))
    model.save_to(str(path))
    made = nemo.create({"model": str(path), "max_sessions": 256, "chunk_ms": 160})
    alone, many = (sum(count(made, streams, 0.16, steps=1)) for streams in (1, 256))
    assert many <= (5_231 + 9_549) / 5
    assert many <= alone + 2 * 255


def test_batches_are_made_up_to_few_sizes() -> None:
    assert sizes(1) == [1]
    assert sizes(3) == [3, 2, 1]
    assert sizes(1024) == [1024, 896, 768, 640, 512, 384, 256, 128, 64, 32, 16, 8, 4, 2, 1]
    assert Graphs(torch.device("cpu"), 1024).padded(5) == 5
    graphs = Graphs(torch.device("cuda"), 600)
    assert [graphs.padded(count) for count in (1, 5, 256, 257, 600)] == [1, 8, 256, 384, 600]
