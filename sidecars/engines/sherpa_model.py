"""Finds and checks the folder of a streaming NeMo model for sherpa-onnx.

sherpa-onnx ends the whole process if it finds something wrong with a model, so everything that it checks is checked
here first. A folder comes from `phone-ops export`, or is published by sherpa-onnx's authors:

    tokens.txt                                      a token and its number on each line, <blk> last
    model.onnx                                      CTC, or
    encoder.onnx, decoder.onnx, joiner.onnx         a transducer

`model` and `encoder` may exist once for each chunk size (`encoder-160ms.onnx`), and any file may have a smaller and
less exact version (`encoder.int8.onnx`), which is used if there is nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sidecars.engines.bpe_words import check_tokens
from sidecars.engines.onnx_header import OnnxHeader, read_header
from sidecars.weights import WeightsMissing, find_weights

TOKENS = "tokens.txt"
CHUNK_MS = 160
"""The default if there are several; if it is not among them, the shortest."""
HOP_MS = 10
CACHES = ("cache_last_channel", "cache_last_time")
NUMBERS = (
    "vocab_size", "window_size", "chunk_shift", "subsampling_factor",
    *(f"{cache}_dim{dim}" for cache in CACHES for dim in (1, 2, 3)),
)  # fmt: skip
PREDICTION = ("pred_rnn_layers", "pred_hidden")
"""The metadata of a transducer's encoder about its decoder."""


@dataclass(frozen=True)
class SherpaModel:
    """A folder whose files have been checked."""

    folder: Path
    files: Mapping[str, Path]
    """The files by "model", or by "encoder", "decoder", "joiner"."""
    numbers: Mapping[str, int]
    """The metadata values of `NUMBERS`."""
    features: int
    """The number of mel bands in its input."""

    @property
    def tokens(self) -> Path:
        return self.folder / TOKENS

    @property
    def is_ctc(self) -> bool:
        return "model" in self.files

    @cached_property
    def window(self) -> int:
        """The number of 10 ms frames that one step looks at."""
        return self.numbers["window_size"]

    @cached_property
    def shift(self) -> int:
        """The number of 10 ms frames by which a step advances."""
        return self.numbers["chunk_shift"]

    @property
    def chunk_ms(self) -> int:
        return self.shift * HOP_MS


def find_model(model: str, chunk_ms: int | None) -> SherpaModel:
    """Finds and checks `model`: a folder, or `OWNER/NAME`, optionally `@REVISION`, on the Hugging Face hub. Raises
    `WeightsMissing`, and `ValueError` for a model that sherpa-onnx does not accept or a chunk size that is not there.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        files = choose(model, [each.name for each in folder.iterdir()], chunk_ms)
        find_weights(model, [*files.values(), TOKENS])
    else:
        files = choose(model, _on_hub(model), chunk_ms)
        folder = find_weights(model, [*files.values(), TOKENS])
    paths = {part: folder / name for part, name in files.items()}
    headers = {part: read_header(path) for part, path in paths.items()}
    for part, header in headers.items():
        if missing := [name for name in header.data if not (folder / name).is_file()]:
            if Path(model).expanduser().is_dir():
                raise WeightsMissing(f"{paths[part]}: its weights are in {missing[0]}, which is not there")
            find_weights(model, missing)
    made = _checked(folder, paths, headers)
    if chunk_ms not in (None, made.chunk_ms):
        raise ValueError(f"chunk_ms {chunk_ms}: {model} was made for {made.chunk_ms}")
    return made


def choose(model: str, names: Collection[str], chunk_ms: int | None) -> Mapping[str, str]:
    """Chooses the model's files from `names`, by "model", or by "encoder", "decoder", "joiner". Raises `WeightsMissing`
    if one is missing, and `ValueError` if there is none for `chunk_ms`.
    """
    first = "encoder" if _sizes("encoder", names) else "model"
    sizes = _sizes(first, names)
    if not sizes:
        raise WeightsMissing(
            f"model {model}: there is no encoder.onnx and no model.onnx; make them with phone-ops export"
        )
    if chunk_ms is None:
        size = CHUNK_MS if CHUNK_MS in sizes else min(sizes)
    elif chunk_ms not in sizes and 0 not in sizes:
        raise ValueError(f"chunk_ms {chunk_ms}: {model} has {', '.join(str(each) for each in sorted(sizes))}")
    else:
        size = chunk_ms if chunk_ms in sizes else 0
    chosen = {first: sizes[size]}
    for part in ("decoder", "joiner") if first == "encoder" else ():
        if not (found := _sizes(part, names)):
            raise WeightsMissing(f"model {model}: there is no {part}.onnx beside {chosen[first]}")
        chosen[part] = found.get(size) or found[min(found)]
    return chosen


def _sizes(part: str, names: Collection[str]) -> Mapping[int, str]:
    """The files of a part by chunk size in ms; 0: the name gives none."""
    found: dict[int, str] = {}
    for name in sorted(names, key=lambda each: ".int8." not in each):  # later entries win
        if match := re.fullmatch(rf"{part}(?:-(\d+)ms)?(?:\.int8)?\.onnx", name):
            found[int(match[1] or 0)] = name
    return found


def _on_hub(model: str) -> Collection[str]:
    """The names of a repository's files: those in the cache if they form a model, otherwise those that the hub
    lists."""
    cached = find_weights(model, [TOKENS]).iterdir()
    names = [each.name for each in cached]
    if _sizes("encoder", names) or _sizes("model", names):
        return names
    from huggingface_hub import constants, list_repo_files  # noqa: PLC0415

    if constants.HF_HUB_OFFLINE:
        return names
    repository, _, revision = model.partition("@")
    try:
        return list(map(str, list_repo_files(repository, revision=revision or None)))
    except Exception as error:
        raise WeightsMissing(f"model {model}: the hub does not say which files it has ({error!s:.200})") from error


# ------------------------------------------------------------------------------------------ what sherpa-onnx looks at


def _checked(folder: Path, paths: Mapping[str, Path], headers: Mapping[str, OnnxHeader]) -> SherpaModel:
    first = "model" if "model" in paths else "encoder"
    numbers = _numbers(paths[first], headers[first].metadata, () if first == "model" else PREDICTION)
    inputs = list(headers[first].inputs.values())
    if len(inputs) != 5 or len(headers[first].outputs) != 5 or len(inputs[0]) != 3 or not inputs[0][1]:
        raise ValueError(f"{paths[first]}: no streaming model: it does not take features and caches and give new ones")
    for cache, dims in zip(CACHES, inputs[2:4], strict=True):
        _fits(paths[first], cache, (1, *(numbers[f"{cache}_dim{dim}"] for dim in (1, 2, 3))), dims)
    labels = numbers["vocab_size"] + 1
    if first == "model":
        _fits(paths[first], "the output", (0, 0, labels), next(iter(headers[first].outputs.values())))
        normalized = headers[first].metadata.get("normalize_type", "NA")
        if normalized not in ("", "NA"):
            raise ValueError(
                f"{paths[first]}: sherpa-onnx does not normalize features for CTC, and it wants {normalized}"
            )
    else:
        state = (numbers["pred_rnn_layers"], 1, numbers["pred_hidden"])
        decoder, joiner = headers["decoder"], headers["joiner"]
        if len(decoder.inputs) != 4 or len(decoder.outputs) != 4:
            raise ValueError(f"{paths['decoder']}: no decoder of NeMo's: it does not take and give two states")
        for dims in list(decoder.inputs.values())[2:]:
            _fits(paths["decoder"], "a state", state, dims)
        _fits(paths["joiner"], "the output", (0, 0, 0, labels), next(iter(joiner.outputs.values())))
    check_tokens(folder / TOKENS, labels)
    return SherpaModel(folder, paths, numbers, inputs[0][1])


def _numbers(path: Path, metadata: Mapping[str, str], more: Sequence[str]) -> Mapping[str, int]:
    numbers = {}
    for name in (*NUMBERS, *more):
        if name not in metadata:
            raise ValueError(f"{path}: its metadata has no {name}; export it again with phone-ops export")
        if not re.fullmatch(r"\d{1,9}", metadata[name]) or not int(metadata[name]):
            raise ValueError(f"{path}: its metadata says {name} = {metadata[name]!r:.40}; expected a whole number")
        numbers[name] = int(metadata[name])
    if more and metadata.get("normalize_type", "?") not in ("", "NA", "per_feature"):
        raise ValueError(f'{path}: its metadata has no normalize_type of "", "NA" or "per_feature"')
    if numbers["chunk_shift"] > numbers["window_size"]:
        raise ValueError(f"{path}: its metadata says chunk_shift > window_size, which would skip audio")
    return numbers


def _fits(path: Path, what: str, wanted: Sequence[int], dims: Sequence[int]) -> None:
    """Checks that dimensions match; 0, on either side, means any size."""
    if len(dims) != len(wanted) or any(a and b and a != b for a, b in zip(wanted, dims, strict=True)):
        raise ValueError(
            f"{path}: {what} has the shape {list(dims)}, and metadata or tokens say {list(wanted)} (0: any)"
        )
