"""Models cut in two run one part after the other; tested with hibari's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from sidecars.engines.hibari import _folder
from sidecars.onnx_cut import FLOAT, INT64, between

FRAMES = "/Concat_43_output_0"
SPECTRUM = {"lh": FLOAT}


@pytest.fixture(scope="module")
def whole() -> bytes:
    return (Path(_folder()) / "hibari.onnx").read_bytes()


def run(model: bytes, outputs: list[str], given: Mapping[str, object]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    made: list[np.ndarray] = session.run(outputs, given)
    return made


def test_the_parts_make_together_what_the_whole_makes(whole: bytes) -> None:
    given = {"ids": np.array([[0, 50, 83, 54, 156, 31, 0]]), "speed": np.ones(1, np.float32)}
    (wanted,) = run(whole, ["lh"], given)
    first = between(whole, {"ids": INT64, "speed": FLOAT}, {FRAMES: FLOAT})
    second = between(whole, {FRAMES: FLOAT}, SPECTRUM)
    assert len(first) + len(second) < 1.02 * len(whole)
    (frames,) = run(first, [FRAMES], given)
    (found,) = run(second, ["lh"], {FRAMES: frames})
    # Eight-bit sums are occasionally rounded at another place.
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.999


@pytest.mark.parametrize(
    ("inputs", "outputs", "missing"),
    [
        ({"ids": INT64, "speed": FLOAT}, {"nothing": FLOAT}, "'nothing'"),
        ({"nothing": FLOAT}, SPECTRUM, "'nothing'"),
        ({FRAMES: FLOAT, "speed": FLOAT}, SPECTRUM, "'speed'"),
    ],
)
def test_tensors_that_are_not_there_are_named(
    whole: bytes, inputs: dict[str, int], outputs: dict[str, int], missing: str
) -> None:
    with pytest.raises(ValueError, match=missing):
        between(whole, inputs, outputs)


def test_what_is_no_model_or_cut_short_is_refused(whole: bytes) -> None:
    for wrong in (whole[:-100], b"\x0b\x0b", whole[:2_000_000], b"\x3a\x80"):
        with pytest.raises(ValueError, match=r"not an ONNX model|no tensor"):
            between(wrong, {FRAMES: FLOAT}, SPECTRUM)
