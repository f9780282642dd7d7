"""Converts a `.nemo` model to ONNX for the engines that run without torch. `phone-ops export` calls this and verifies
the result.

    python -m sidecars.parakeet.export MODEL FOLDER [--chunk-ms 160 560]

A cache-aware CTC or RNN-T model becomes the folder that the engine sherpa loads (`engines/sherpa_model.py`), a TDT
model the one that onnx_tdt loads. Needs the Parakeet environment. Prints what was made, as JSON, on standard output.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from sidecars.engines.nemo_model import Checkpoint, damage, open_checkpoint
from sidecars.parakeet.onnx_frontend import guard_as_nemo
from sidecars.weights import WeightsMissing

CHUNK_MS = 160
DROPPED = 2
"""The first convolutions' outputs to drop from each chunk: they repeat the previous chunk, or lie before the stream."""
ONE_FILE = 1_500_000_000
"""Weights of more bytes than this go into a file beside the graph, because a protobuf message is limited to 2 GB."""

log = logging.getLogger(__name__)


def export(model: str, folder: Path, chunks_ms: Sequence[int]) -> dict[str, Any]:
    """Fills `folder`, replacing files of the same names once all are made. Returns the engine, chunk sizes, and files.

    Raises `ValueError` for a model that cannot be exported, and `WeightsMissing`.
    """
    checkpoint = open_checkpoint(model)
    _refuse(checkpoint, chunks_ms)
    log.info("loading %s", checkpoint.path)
    # Imported late because it takes long, so that a request that cannot be met is refused at once.
    from sidecars.engines.nemo_package import ASRModel  # noqa: PLC0415

    try:
        loaded = ASRModel.restore_from(str(checkpoint.path), map_location="cpu").eval()
    except Exception as error:  # each kind of broken file has its own error
        raise damage(checkpoint.path, error) from error
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as making, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from tracing
        made = Path(making)
        if checkpoint.contexts:
            told = _streaming(checkpoint, loaded, made, chunks_ms or [_default(checkpoint)])
        else:
            told = _whole(checkpoint, loaded, made)
        files = sorted(path.name for path in made.iterdir() if path.is_file())
        for name in files:
            (made / name).replace(folder / name)
    return {**told, "files": files}


def main() -> int:
    """Exit status: 0 if exported, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a .nemo file, or OWNER/NAME on the Hugging Face hub")
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--chunk-ms", type=int, nargs="+", default=[], metavar="MS", help="default 160, or the model's")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    try:
        told = export(arguments.model, arguments.folder, arguments.chunk_ms)
    except (ValueError, WeightsMissing, OSError) as error:
        sys.stderr.write(f"{str(error).splitlines()[0]}\n")
        return 1
    sys.stdout.write(f"{json.dumps(told)}\n")
    return 0


def _default(checkpoint: Checkpoint) -> int:
    return CHUNK_MS if CHUNK_MS in checkpoint.contexts else next(iter(checkpoint.contexts))


def _refuse(checkpoint: Checkpoint, chunks_ms: Sequence[int]) -> None:
    """Raises `ValueError` for a model that the ONNX engines cannot run, before anything is loaded."""
    name, normalize = checkpoint.path.name, _normalize(checkpoint)
    if checkpoint.contexts:
        if normalize != "NA" and (checkpoint.decoder == "ctc" or normalize != "per_feature"):
            raise ValueError(f"{name}: it normalizes features by {normalize}, which sherpa-onnx cannot do")
        if unknown := [each for each in chunks_ms if each not in checkpoint.contexts]:
            has = ", ".join(map(str, sorted(checkpoint.contexts)))
            raise ValueError(f"--chunk-ms {unknown[0]}: {name} was trained for {has}")
        return
    if (checkpoint.config.get("loss") or {}).get("loss_name") != "tdt":
        raise ValueError(f"{name}: neither cache-aware nor TDT; no ONNX engine here runs it")
    if chunks_ms:
        raise ValueError(f"--chunk-ms: {name} recognizes whole utterances; leave it out")
    if normalize != "per_feature":
        raise ValueError(f"{name}: it normalizes features by {normalize}, and onnx-asr per_feature")
    if (features := checkpoint.config["preprocessor"].get("features")) not in (80, 128):
        raise ValueError(f"{name}: it hears {features} mel bands, and onnx-asr 80 or 128")


# ----------------------------------------------------------------------------------------------------- for sherpa


def _streaming(checkpoint: Checkpoint, loaded: Any, folder: Path, chunks_ms: Sequence[int]) -> dict[str, Any]:
    from sidecars.parakeet.onnx_encoder import exact_and_faster  # noqa: PLC0415

    normalize, ctc = _normalize(checkpoint), checkpoint.decoder == "ctc"
    _write_tokens(loaded, folder / "tokens.txt")
    loaded.set_export_config({"cache_support": True})
    for chunk_ms in chunks_ms:
        log.info("exporting chunks of %d ms", chunk_ms)
        loaded.encoder.set_default_att_context_size(list(checkpoint.contexts[chunk_ms]))
        if loaded.encoder.streaming_cfg.drop_extra_pre_encoded != DROPPED:
            raise ValueError(f"{checkpoint.path.name}: its chunks begin in a way that the engine sherpa does not know")
        name = f"{'model' if ctc else 'encoder'}-{chunk_ms}ms.onnx"
        before = DROPPED * loaded.encoder.subsampling_factor
        with tempfile.TemporaryDirectory(dir=folder) as parts, exact_and_faster(loaded.encoder, before):
            # A large model is written as many files.
            (loaded if ctc else loaded.encoder).export(str(Path(parts) / name))
            graph = onnx.load(str(Path(parts) / name))
        if normalize == "NA" and _guards_zero_as_usual(checkpoint):
            guard_as_nemo(graph)
        onnx.helper.set_model_props(graph, _metadata(loaded, ctc, normalize))
        _save(graph, folder / name)
    if not ctc:
        log.info("exporting the decoder")
        loaded.decoder.export(str(folder / "decoder.onnx"))
        loaded.joint.export(str(folder / "joiner.onnx"))
    return {"engine": "sherpa", "chunk_ms": list(chunks_ms)}


def _metadata(loaded: Any, ctc: bool, normalize: str) -> Mapping[str, str]:
    """The metadata that sherpa-onnx needs before it runs the encoder."""
    encoder, streaming = loaded.encoder, loaded.encoder.streaming_cfg
    chunk, before = _later(streaming.chunk_size), _later(streaming.pre_encode_cache_size)
    numbers = {
        "vocab_size": len(_vocabulary(loaded)),
        "window_size": chunk + before,
        "chunk_shift": chunk,
        "subsampling_factor": encoder.subsampling_factor,
        "cache_last_channel_dim1": len(encoder.layers),
        "cache_last_channel_dim2": streaming.last_channel_cache_size,
        "cache_last_channel_dim3": encoder.d_model,
        "cache_last_time_dim1": len(encoder.layers),
        "cache_last_time_dim2": encoder.d_model,
        "cache_last_time_dim3": encoder.conv_context_size[0],
        "feat_dim": loaded.cfg.preprocessor.features,
    }
    if not ctc:
        numbers |= {"pred_rnn_layers": loaded.decoder.pred_rnn_layers, "pred_hidden": loaded.decoder.pred_hidden}
    return {**{name: str(number) for name, number in numbers.items()}, "normalize_type": normalize}


def _later(size: Any) -> int:
    """NeMo has one size for the first chunk and one for the later ones, unless they are the same."""
    return int(size[1] if isinstance(size, list | tuple) else size)


# --------------------------------------------------------------------------------------------------- for onnx_tdt


def _whole(checkpoint: Checkpoint, loaded: Any, folder: Path) -> dict[str, Any]:
    log.info("exporting")
    loaded.set_export_config({"cache_support": False})
    with tempfile.TemporaryDirectory(dir=folder) as parts:
        loaded.export(str(Path(parts) / "model.onnx"))
        for name in ("encoder-model.onnx", "decoder_joint-model.onnx"):
            _save(onnx.load(str(Path(parts) / name)), folder / name)
    _write_tokens(loaded, folder / "vocab.txt")
    told = {
        "model_type": "nemo-conformer-tdt",
        "features_size": loaded.cfg.preprocessor.features,
        "subsampling_factor": loaded.encoder.subsampling_factor,
    }
    (folder / "config.json").write_text(json.dumps(told), encoding="utf-8")
    return {"engine": "onnx_tdt", "chunk_ms": []}


# ------------------------------------------------------------------------------------------------------- for both


def _normalize(checkpoint: Checkpoint) -> str:
    """How features are normalized; "NA": not at all."""
    said = checkpoint.config["preprocessor"].get("normalize")
    return "NA" if said in (None, "", "NA") else str(said)


def _guards_zero_as_usual(checkpoint: Checkpoint) -> bool:
    preprocessor = checkpoint.config["preprocessor"]
    guard = preprocessor.get("log_zero_guard_type", "add"), preprocessor.get("log_zero_guard_value", 2**-24)
    return guard == ("add", 2**-24)


def _vocabulary(loaded: Any) -> Sequence[str]:
    return list((loaded.joint if hasattr(loaded, "joint") else loaded.decoder).vocabulary)


def _write_tokens(loaded: Any, path: Path) -> None:
    tokens = [*_vocabulary(loaded), "<blk>"]
    path.write_text("".join(f"{token} {number}\n" for number, token in enumerate(tokens)), encoding="utf-8")


def _save(graph: Any, path: Path) -> None:
    if graph.ByteSize() < ONE_FILE:
        onnx.save(graph, str(path))
    else:
        onnx.save(graph, str(path), save_as_external_data=True, location=f"{path.name}.data")


if __name__ == "__main__":
    sys.exit(main())
