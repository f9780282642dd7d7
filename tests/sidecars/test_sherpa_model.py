"""Which of a folder's files sherpa-onnx gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from sidecars.engines.sherpa_model import choose
from sidecars.weights import WeightsMissing

TRANSDUCER = ("tokens.txt", "encoder-80ms.onnx", "encoder-160ms.onnx", "decoder.onnx", "joiner.onnx")
PUBLISHED = ("README.md", "tokens.txt", "encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx")


@pytest.mark.parametrize(
    ("names", "chunk_ms", "chosen"),
    [
        (TRANSDUCER, None, {"encoder": "encoder-160ms.onnx", "decoder": "decoder.onnx", "joiner": "joiner.onnx"}),
        (TRANSDUCER, 80, {"encoder": "encoder-80ms.onnx", "decoder": "decoder.onnx", "joiner": "joiner.onnx"}),
        (PUBLISHED, None, {part: f"{part}.int8.onnx" for part in ("encoder", "decoder", "joiner")}),
        (PUBLISHED, 560, {part: f"{part}.int8.onnx" for part in ("encoder", "decoder", "joiner")}),
        (["model-1120ms.onnx", "model-560ms.onnx", "model-560ms.int8.onnx"], None, {"model": "model-560ms.onnx"}),
        (["model.onnx", "model.int8.onnx"], None, {"model": "model.onnx"}),
    ],
)
def test_the_usual_chunk_or_the_one_that_is_asked_for_and_exact_files_before_small_ones(
    names: Sequence[str], chunk_ms: int | None, chosen: Mapping[str, str]
) -> None:
    assert choose("m", names, chunk_ms) == chosen


def test_a_chunk_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="chunk_ms 560: m has 80, 160"):
        choose("m", TRANSDUCER, 560)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "no encoder.onnx and no model.onnx"),
        (["encoder-160ms.ONNX", "my-model.onnx"], "no encoder.onnx and no model.onnx"),
        (TRANSDUCER[:-1], "no joiner.onnx beside encoder-160ms.onnx"),
    ],
)
def test_what_is_missing_is_named(names: Sequence[str], says: str) -> None:
    with pytest.raises(WeightsMissing, match=says):
        choose("m", names, None)
