"""A `.nemo` file: where it is, what kind of model it contains, and on which device that is to run."""

from __future__ import annotations

import gc
import logging
import re
import tarfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from omegaconf import DictConfig, OmegaConf

from sidecars.engine import EngineLost
from sidecars.weights import WeightsMissing, digest, find_weights, verify

CONFIG = "model_config.yaml"
DTYPES = ("float32", "float16", "bfloat16")
HALF = "float16"
"""The meaning of "auto" on a GPU. Of a small model's 516 words on an H100, 6 differ from those in float32 on the CPU;
with bfloat16, which takes as long (46.0 and 44.9 ms for 256 streams of the 0.6 B shape), 20 differ."""
WIDE = "bfloat16"
"""A type of the same size with the range of float32."""
RATE = 16000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A `.nemo` file whose configuration has been read."""

    path: Path
    config: Mapping[str, Any]

    @property
    def decoder(self) -> Literal["ctc", "rnnt"]:
        """The type of its decoder. A model with both is used as RNN-T; a TDT decoder is an RNN-T that skips frames."""
        return "rnnt" if "RNNT" in self.config["target"] else "ctc"

    @cached_property
    def contexts(self) -> Mapping[int, list[int]]:
        """For a cache-aware model: milliseconds of a chunk -> attention context (frames before, frames after). Empty
        for other models. A chunk is a frame and everything that it may look ahead; the first one is the model's
        default.
        """
        encoder, loss = self.config["encoder"], self.config.get("loss") or {}
        conv = encoder.get("conv_context_size")
        causal = conv == "causal" or (conv is not None and conv[1] == 0)
        if encoder.get("att_context_style") != "chunked_limited" or not causal or loss.get("loss_name") == "tdt":
            return {}
        sizes = encoder["att_context_size"]
        frame_ms = 1000 * self.config["preprocessor"]["window_stride"] * encoder["subsampling_factor"]
        return {
            round((after + 1) * frame_ms): [before, after]
            for before, after in ([sizes] if isinstance(sizes[0], int) else sizes)
            if before >= 0 and after >= 0 and before % (after + 1) == 0
        }


def open_checkpoint(model: str) -> Checkpoint:
    """Finds a model, downloads it if it is missing, and reads its configuration.

    `model`: the path of a `.nemo` file or of a folder with one, or `OWNER/NAME`, optionally `@REVISION`, on the Hugging
    Face hub, where its file is `NAME.nemo`. Raises `WeightsMissing`, also for a damaged file; `ValueError` for a model
    of another kind.
    """
    path = _find(model)
    if path.with_name(f"{path.name}.sha256").is_file():
        verify(path)
    try:
        with tarfile.open(path) as tar:
            # Listing all members detects a truncated file, and reads little.
            names = {Path(each.name).name: each for each in tar.getmembers()}
            file = tar.extractfile(names[CONFIG])
            assert file is not None
            config = OmegaConf.create(file.read().decode())
            if not isinstance(config, DictConfig):
                raise ValueError(f"{CONFIG} is not a table")
    except Exception as error:  # a damaged file can cause any error in tarfile, gzip, and YAML
        raise damage(path, error) from error
    return _known(Checkpoint(path, config))


def _find(model: str) -> Path:
    path = Path(model).expanduser()
    if path.is_dir():
        found = sorted(path.glob("*.nemo"))
        if len(found) != 1:
            what = (
                "no .nemo file" if not found else f"{len(found)} .nemo files ({', '.join(each.name for each in found)})"
            )
            raise WeightsMissing(f"model {model}: the folder has {what}; set model to the file")
        return found[0]
    if path.is_file():
        return path
    if path.suffix == ".nemo":
        raise WeightsMissing(f"model {model}: no such file")
    name = model.partition("@")[0].rpartition("/")[2] + ".nemo"
    return find_weights(model, [name]) / name


def _known(checkpoint: Checkpoint) -> Checkpoint:
    target = str(checkpoint.config.get("target", "")).rpartition(".")[2]
    if not re.search("CTC|RNNT", target) or "encoder" not in checkpoint.config:
        raise ValueError(
            f"model {checkpoint.path}: it is a {target or 'nameless thing'}; expected NeMo's CTC, RNN-T or TDT"
        )
    if "tokenizer" not in checkpoint.config:
        raise ValueError(f"model {checkpoint.path}: it writes characters; expected one with a BPE tokenizer")
    if (rate := checkpoint.config["preprocessor"].get("sample_rate", RATE)) != RATE:
        raise ValueError(f"model {checkpoint.path}: it hears {rate} Hz; expected {RATE}")
    return checkpoint


def damage(path: Path, error: BaseException) -> WeightsMissing:
    """Describes a file that cannot be loaded in one line, with its expected checksum if that is known. Raises
    `WeightsMissing` itself if the checksum is known and does not match; a damaged file in the hub's cache is then
    removed.
    """
    verify(path)
    return WeightsMissing(
        f"{path} is damaged, cut short or no .nemo file ({reason(error)}); its SHA-256 is {digest(path)}"
    )


def reason(error: BaseException) -> str:
    """The first line of the error's cause."""
    cause = error.__cause__ if error.__cause__ is not None else error
    text = str(cause).strip()
    return text.splitlines()[0][:200] if text else type(cause).__name__


# -------------------------------------------------------------------------------------------------------- devices


@dataclass(frozen=True)
class Place:
    """A device and the number type for computing on it."""

    device: str
    """"cpu" or "cuda:N"."""
    dtype: str

    @property
    def on_cpu(self) -> bool:
        return self.device == "cpu"

    @property
    def index(self) -> int:
        return 0 if self.on_cpu else int(self.device.partition(":")[2])

    def __str__(self) -> str:
        return f"{self.device} in {self.dtype}"


CPU = Place("cpu", "float32")


def choose_place(device: object, dtype: object) -> Place:
    """`device`: "auto", "cpu", "cuda" or "cuda:N"; `dtype`: "auto" or one of `DTYPES`. Raises `ValueError`. Without
    CUDA the CPU is used, whatever was requested, and the CPU computes in float32.
    """
    if not isinstance(device, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise ValueError(f'device {device!r:.80}: expected "auto", "cpu", "cuda" or "cuda:1"')
    if not isinstance(dtype, str) or dtype not in ("auto", *DTYPES):
        raise ValueError(f"dtype {dtype!r:.80}: expected auto, {', '.join(DTYPES)}")
    if device == "cpu" or not torch.cuda.is_available():
        if device not in ("auto", "cpu"):
            log.warning("no CUDA here: recognizing on the CPU in float32, which may be slower than speech")
        return CPU
    index = int(device.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise ValueError(f"device {device!r}: there are {torch.cuda.device_count()} CUDA devices, counted from 0")
    return Place(f"cuda:{index}", HALF if dtype == "auto" else dtype)


def give_up_cuda(error: RuntimeError) -> None:
    """Logs that the CPU takes over, and frees what can be freed.

    Raises `EngineLost` if CUDA failed for any reason other than a lack of memory: then whatever this process does next
    fails, even on the CPU, and with a different error than the first one.
    """
    if not (_is_memory(error) and answers()):
        log.critical("CUDA failed: %s", reason(error))
        raise EngineLost(f'CUDA failed ({reason(error)}); device = "cpu" does without it') from error
    log.warning("CUDA failed (%s): recognizing on the CPU in float32 from here on", reason(error))
    traceback.clear_frames(error.__traceback__)  # they hold what was used for computing
    gc.collect()
    torch.cuda.empty_cache()


def _is_memory(error: BaseException) -> bool:
    causes = (error, error.__cause__)
    return any(isinstance(each, torch.cuda.OutOfMemoryError) or "ALLOC_FAILED" in str(each) for each in causes)


def answers() -> bool:
    """Whether CUDA still responds."""
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True
