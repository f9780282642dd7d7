"""Where the Moonshine weights are: in the `moonshine-voice` package, in a folder, or in a repository on the hub."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from sidecars.packaged import Packaged
from sidecars.weights import WeightsMissing, find_weights

PACKAGE = "moonshine-voice==0.1.0"
"""MIT; the only release whose wheel holds a model: Moonshine tiny, English, 27 million parameters, 8-bit."""
PACKAGED = (
    Packaged("encoder_model.ort", 13_281_600, "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"),
    Packaged(
        "decoder_model_merged.ort", 30_412_256, "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0"
    ),
    Packaged("tokenizer.bin", 249_974, "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d"),
)
LAYOUTS = (
    ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"),
    ("onnx/encoder_model_quantized.onnx", "onnx/decoder_model_merged_quantized.onnx", "tokenizer.json"),
    ("onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx", "tokenizer.json"),
    ("encoder_model.onnx", "decoder_model_merged.onnx", "tokenizer.json"),
)
"""The file names under which the family is published: encoder, decoder, tokenizer. A repository is assumed to have the
second set."""


@dataclass(frozen=True, slots=True)
class Weights:
    encoder: Path
    decoder: Path
    tokenizer: Path


def find(model: str = "") -> Weights:
    """The files of `model`: a folder, `OWNER/NAME` on the hub (such as `onnx-community/moonshine-base-ONNX`), or, when
    empty, those of the package, whose sizes and checksums are verified. Raises `WeightsMissing`, with one line.
    """
    if not model:
        return _packaged()
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return _named(find_weights(model, LAYOUTS[1]), LAYOUTS[1])
    for names in LAYOUTS:
        if all((folder / name).is_file() for name in names):
            return _named(folder, names)
    wanted = "; or ".join(", ".join(names) for names in (LAYOUTS[0], LAYOUTS[-1]))
    raise WeightsMissing(f"model {model}: the folder is not a Moonshine model; it takes {wanted}")


def _named(folder: Path, names: tuple[str, str, str]) -> Weights:
    return Weights(*(folder / name for name in names))


def _packaged() -> Weights:
    spec = importlib.util.find_spec("moonshine_voice")
    # The package itself is not imported: it loads a library of its own, with another onnxruntime.
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    if not places:
        raise WeightsMissing(f"the Moonshine weights are not installed: pip install {PACKAGE}")
    folder = Path(places[0]) / "assets" / "tiny-en"
    for file in PACKAGED:
        file.check(folder, f"other releases do not hold it: pip install --force-reinstall --no-deps {PACKAGE}")
    return _named(folder, LAYOUTS[0])
