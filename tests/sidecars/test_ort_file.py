"""Weights are read from an ONNX Runtime model as onnxruntime reads them; tested with Moonshine's."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sidecars.engines.moonshine_weights import find
from sidecars.engines.ort_file import OrtFile, read_ort


@pytest.fixture(scope="module")
def data() -> bytes:
    return find().decoder.read_bytes()


@pytest.fixture(scope="module")
def decoder(data: bytes) -> OrtFile:
    return read_ort(data)


def test_weights_have_their_shape_type_and_values(decoder: OrtFile) -> None:
    embedding = decoder.weights["model.decoder.embed_tokens.weight_merged_0_quantized"]
    assert embedding.shape == (32768, 288)
    assert embedding.dtype == np.dtype(np.uint8)
    norm = decoder.weights["model.decoder.norm.weight_merged_0"]
    assert norm.shape == (288,)
    assert norm.dtype == np.dtype(np.float32)
    assert np.isfinite(norm).all()
    assert norm.std() > 0


def test_nodes_in_both_branches_name_what_they_take(decoder: OrtFile) -> None:
    taken = decoder.inputs["/proj_out/MatMul_quant"]
    assert taken[0] == "/model/decoder/norm/LayerNormalization_output_0"
    assert decoder.weights[taken[1]].shape == (288, 32768)
    assert "/model/decoder/layers.5/encoder_attn/k_proj/MatMul_quant" in decoder.inputs  # only in the first step's


def test_anything_else_is_refused(data: bytes) -> None:
    for wrong in (b"", b"no model", b"\x08\x07" * 100, data[:100], data[:20_000_000]):
        with pytest.raises(ValueError, match="not an ONNX Runtime model"):
            read_ort(wrong)


def test_damage_is_refused_or_read_but_nothing_else(data: bytes) -> None:
    damage = random.Random(3)
    for _ in range(20):
        broken = bytearray(data)
        for _ in range(100):
            broken[damage.randrange(8, len(broken))] = damage.randrange(256)
        broken[damage.randrange(8, 4000)] ^= 0xFF
        try:
            read_ort(bytes(broken))
        except ValueError:
            continue
