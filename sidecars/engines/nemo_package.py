"""What the engine uses of NeMo, imported without the noise that importing it makes.

NeMo writes to the standard output and error by handlers of its own, keeps every record in memory besides, and brings
a telemetry client that talks while it is imported. Of all that, errors are left, and go where the others' go.
"""

from __future__ import annotations

import logging
import os
import warnings

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
    from nemo.collections.asr.inference.factory.cache_aware_pipeline_builder import CacheAwarePipelineBuilder
    from nemo.collections.asr.inference.streaming.decoders.greedy.greedy_ctc_decoder import CTCGreedyDecoder
    from nemo.collections.asr.inference.streaming.framing.request import Frame
    from nemo.collections.asr.inference.streaming.framing.request_options import ASRRequestOptions
    from nemo.collections.asr.inference.utils.bpe_decoder import BPEDecoder
    from nemo.collections.asr.inference.utils.pipeline_utils import get_confidence_utils
    from nemo.collections.asr.models import ASRModel
    from nemo.collections.asr.parts.submodules.rnnt_decoding import RNNTDecodingConfig

_own = logging.getLogger("nemo_logger")
_own.handlers.clear()
_own.propagate = True
_own.setLevel(logging.ERROR)

__all__ = [
    "ASRModel",
    "ASRRequestOptions",
    "BPEDecoder",
    "CTCGreedyDecoder",
    "CacheAwarePipelineBuilder",
    "Frame",
    "RNNTDecodingConfig",
    "get_confidence_utils",
]
