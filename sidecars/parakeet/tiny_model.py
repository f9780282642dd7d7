"""A small cache-aware FastConformer of NVIDIA's own make, with random weights: CTC, RNN-T or TDT on one encoder.

Everything but the weights is what the large models have (NeMo's classes, a BPE tokenizer, chunked attention with a
limited look-ahead, causal convolutions), so that what runs this one runs those. Needs the Parakeet environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from nemo.collections.asr.models import EncDecCTCModelBPE, EncDecRNNTBPEModel
from omegaconf import OmegaConf
from sentencepiece import sentencepiece_model_pb2

SAMPLE_RATE = 16_000
MEL = 80
DECODERS = ("ctc", "rnnt", "tdt")
LOOK_AHEADS = ((70, 1), (70, 0), (70, 6), (70, 13))
"""Attention context, in frames of 80 ms, before and after: chunks of 160 ms, which is the default, 80, 560 and
1,120 ms. NeMo wants the first divisible by the second plus one."""
DURATIONS = (0, 1, 2, 3, 4)
"""Frames that a TDT decoder may skip after a token."""


@dataclass(frozen=True)
class Shape:
    """How large the encoder is. As it stands: 3.3 million parameters with the CTC decoder."""

    width: int = 144
    layers: int = 6
    heads: int = 4
    channels: int = 128
    """Of the convolutions that make one frame of 80 ms of eight of 10 ms."""


def make_tokenizer(folder: Path, sentences: Iterable[str], size: int) -> Path:
    """Trains a BPE tokenizer of at most `size` tokens; `folder` then is what NeMo's `tokenizer.dir` takes.

    Few tokens a second matter: CTC emits one a frame at most, twice the same only with a blank between.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(sentences)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=1.0,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    file = folder / "tokenizer.model"
    model = sentencepiece_model_pb2.ModelProto.FromString(file.read_bytes())
    model.trainer_spec.model_prefix = ""  # where it was made is nobody else's business
    file.write_bytes(model.SerializeToString())
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))
    # NeMo reads this one as WordPiece's list: no unknown token, and ## where no word begins.
    names = [pieces.id_to_piece(index) for index in range(1, pieces.get_piece_size())]
    text = "\n".join(name[1:] if name.startswith("▁") else f"##{name}" for name in names)
    (folder / "vocab.txt").write_text(text + "\n", encoding="utf-8")
    return folder


def config(decoder: str, tokenizer: Path, shape: Shape) -> dict[str, Any]:
    """The model's configuration, as NeMo's own YAML files have it."""
    # The large TDT models hear a whole segment at once; the others stream.
    streams = decoder != "tdt"
    encoder = {
        "_target_": "nemo.collections.asr.modules.ConformerEncoder",
        "feat_in": MEL,
        "feat_out": -1,
        "n_layers": shape.layers,
        "d_model": shape.width,
        "subsampling": "dw_striding",
        "subsampling_factor": 8,
        "subsampling_conv_channels": shape.channels,
        "causal_downsampling": streams,
        "ff_expansion_factor": 4,
        "self_attention_model": "rel_pos",
        "n_heads": shape.heads,
        "att_context_size": [list(context) for context in LOOK_AHEADS] if streams else [-1, -1],
        "att_context_style": "chunked_limited" if streams else "regular",
        "xscaling": True,
        "untie_biases": True,
        "pos_emb_max_len": 5000,
        "conv_kernel_size": 9,
        "conv_norm_type": "layer_norm" if streams else "batch_norm",
        "conv_context_size": "causal" if streams else None,
        "dropout": 0.0,
        "dropout_pre_encoder": 0.0,
        "dropout_emb": 0.0,
        "dropout_att": 0.0,
    }
    if streams:
        encoder["att_context_probs"] = [1.0, *(0.0 for _ in LOOK_AHEADS[1:])]
    made: dict[str, Any] = {
        "sample_rate": SAMPLE_RATE,
        "log_prediction": False,
        "tokenizer": {"dir": str(tokenizer), "type": "bpe"},
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
            "sample_rate": SAMPLE_RATE,
            "normalize": "NA",  # a statistic of the whole utterance is not to be had while it is spoken
            "window_size": 0.025,
            "window_stride": 0.01,
            "window": "hann",
            "features": MEL,
            "n_fft": 512,
            "log": True,
            "frame_splicing": 1,
            "dither": 0.0,
            "pad_to": 0,
        },
        "encoder": encoder,
    }
    if decoder == "ctc":
        made["decoder"] = {
            "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
            "feat_in": shape.width,
            "num_classes": -1,  # both come from the tokenizer
            "vocabulary": [],
        }
        made["decoding"] = {"strategy": "greedy_batch"}
        return made
    extra = len(DURATIONS) if decoder == "tdt" else 0
    greedy = {"max_symbols": 10}
    made |= {
        "model_defaults": {
            "enc_hidden": shape.width,
            "pred_hidden": shape.width,
            "joint_hidden": shape.width,
            "num_tdt_durations": extra,
            "tdt_durations": list(DURATIONS[:extra]),
        },
        "decoder": {
            "_target_": "nemo.collections.asr.modules.RNNTDecoder",
            "normalization_mode": None,
            "random_state_sampling": False,
            "blank_as_pad": True,
            "prednet": {"pred_hidden": shape.width, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.0},
        },
        "joint": {
            "_target_": "nemo.collections.asr.modules.RNNTJoint",
            "log_softmax": None,
            "preserve_memory": False,
            "fuse_loss_wer": False,
            "num_extra_outputs": extra,
            "jointnet": {
                "encoder_hidden": shape.width,
                "pred_hidden": shape.width,
                "joint_hidden": shape.width,
                "activation": "relu",
                "dropout": 0.0,
            },
        },
        "decoding": {"strategy": "greedy_batch", "greedy": greedy},
        "loss": {"loss_name": "default"},
    }
    if decoder == "tdt":
        made["decoding"] |= {"model_type": "tdt", "durations": list(DURATIONS)}
        made["loss"] = {
            "loss_name": "tdt",
            "tdt_kwargs": {"fastemit_lambda": 0.0, "clamp": -1.0, "durations": list(DURATIONS)},
        }
    return made


def build(decoder: str, tokenizer: Path, shape: Shape, seed: int = 0) -> Any:
    """The model, its random weights drawn by `seed`, in evaluation mode. Saving it wants `tokenizer` still there."""
    torch.manual_seed(seed)
    kind = EncDecCTCModelBPE if decoder == "ctc" else EncDecRNNTBPEModel
    return kind(cfg=OmegaConf.create(config(decoder, tokenizer, shape))).eval()
