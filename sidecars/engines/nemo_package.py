"""The parts of NeMo that the engine uses, imported without the noise that importing them makes.

NeMo writes to standard output and error through its own handlers, also keeps every record in memory, and includes a
telemetry client that writes messages on import. Of all that, only errors are kept, and go to the same place as others.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

import torch

from sidecars.engines.nemo_model import Checkpoint, Place, damage

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
for _name in (
    "nv_one_logger",
    "nemo_logger",
    "lightning",
    "lightning.pytorch",
    "lightning.fabric",
    "torch.distributed",
):
    logging.getLogger(_name).setLevel(logging.ERROR)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nemo.collections.asr.inference.streaming.decoders.greedy.greedy_ctc_decoder import CTCGreedyDecoder
    from nemo.collections.asr.inference.utils.bpe_decoder import BPEDecoder
    from nemo.collections.asr.inference.utils.constants import LOG_MEL_ZERO
    from nemo.collections.asr.inference.utils.pipeline_utils import (
        get_confidence_utils,
        make_preprocessor_deterministic,
    )
    from nemo.collections.asr.models import ASRModel
    from nemo.collections.asr.parts.submodules.rnnt_decoding import RNNTDecodingConfig

_own = logging.getLogger("nemo_logger")
_own.handlers.clear()
_own.propagate = True
_own.setLevel(logging.ERROR)


def restored(checkpoint: Checkpoint, place: Place, *, again: bool = False) -> Any:
    """Loads the model in evaluation mode, with its weights as they are in the file. `again`: the file was loaded
    before, so a failure does not mean that it is damaged. Raises `WeightsMissing`, and what CUDA raises.
    """
    device = torch.device(place.device)
    try:
        return ASRModel.restore_from(str(checkpoint.path), map_location=device).eval()
    except Exception as error:
        if again or not place.on_cpu:
            raise
        raise damage(checkpoint.path, error) from error


__all__ = [
    "LOG_MEL_ZERO",
    "ASRModel",
    "BPEDecoder",
    "CTCGreedyDecoder",
    "RNNTDecodingConfig",
    "get_confidence_utils",
    "make_preprocessor_deterministic",
    "restored",
]
