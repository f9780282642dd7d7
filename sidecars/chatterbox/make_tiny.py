"""Makes a checkpoint for chatterbox with random weights: the files, names and formats of the released one, but small.

    sidecars/chatterbox/.venv/bin/python sidecars/chatterbox/make_tiny.py FOLDER [--tokens N]

It speaks no word: what comes out is noise. It is there to run the real code where the real weights are not to be had.
Every text takes N speech tokens (25 are a second) and then ends.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from chatterbox.models.s3gen import S3Gen
from chatterbox.models.t3 import T3
from chatterbox.models.tokenizers import EnTokenizer
from chatterbox.models.voice_encoder import VoiceEncoder
from chatterbox.tts import ChatterboxTTS
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sidecars.engines.chatterbox_sizes import NAME, sized

SIZES: dict[str, dict[str, Any]] = {
    "t3": {"num_hidden_layers": 2, "intermediate_size": 256},
    "tokenizer": {"n_audio_state": 128, "n_audio_head": 2, "n_audio_layer": 1},
    "encoder": {"num_blocks": 1, "linear_units": 64},
    "estimator": {"channels": [64], "num_mid_blocks": 1, "n_blocks": 1, "num_heads": 2, "attention_head_dim": 32},
    "vocoder": {"base_channels": 32},
}
CLOCK, ONE = 0, 1
"""Two of T3's dimensions, which nothing else may touch: whether it is time to stop, and a constant."""


def make(folder: Path, tokens: int) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    with sized(SIZES):
        t3, s3gen, encoder = T3(), S3Gen(), VoiceEncoder()
    end_after(t3, tokens)
    tokenizer().save(str(folder / "tokenizer.json"))
    tts = ChatterboxTTS(
        t3.eval(), s3gen.eval(), encoder.eval(), EnTokenizer(str(folder / "tokenizer.json")), device="cpu"
    )
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, recording(), 24_000)
        tts.prepare_conditionals(file.name)
    tts.conds.save(folder / "conds.pt")
    for name, part in (("ve", encoder), ("t3_cfg", t3), ("s3gen", s3gen)):
        save_file({key: value.contiguous() for key, value in part.state_dict().items()}, folder / f"{name}.safetensors")
    (folder / NAME).write_text(json.dumps(SIZES, indent=2))


def end_after(t3: Any, tokens: int) -> None:
    """Makes the stop token impossible before `tokens` tokens and certain after, and tokens without a sound unlikely."""
    own = [CLOCK, ONE]
    with torch.no_grad():
        for embedding in (t3.text_emb, t3.speech_emb, t3.text_pos_emb.emb, t3.speech_pos_emb.emb):
            embedding.weight[:, own] = 0
        for layer in t3.tfmr.layers:
            layer.self_attn.o_proj.weight[own] = 0
            layer.mlp.down_proj.weight[own] = 0
        t3.speech_pos_emb.emb.weight[:, CLOCK] = -5
        t3.speech_pos_emb.emb.weight[tokens:, CLOCK] = 200
        t3.speech_pos_emb.emb.weight[:, ONE] = 5
        head = t3.speech_head.weight
        head[t3.hp.start_speech_token :] = 0
        head[t3.hp.start_speech_token :, ONE] = -5
        head[t3.hp.stop_speech_token, own] = torch.tensor([5.0, 0.0])


def tokenizer() -> Tokenizer:
    """Characters, at the places where the model looks for the special ones."""
    vocabulary = {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2, "[START]": 255}
    vocabulary |= {chr(code): 3 + place for place, code in enumerate(range(33, 127))}
    vocabulary |= {f"[{place}]": place for place in set(range(256)) - set(vocabulary.values())}
    made = Tokenizer(BPE(vocabulary, [], unk_token="[UNK]"))
    made.add_special_tokens([name for name in vocabulary if len(name) > 1])
    return made


def recording() -> Any:
    """Two seconds of a buzz that goes up and down, at 24 kHz."""
    at = np.arange(2 * 24_000) / 24_000
    buzz = sum(np.sin(2 * np.pi * n * (120 * at - 10 * np.cos(3 * at))) / n for n in range(1, 20))
    return 0.1 * buzz * (1 + np.sin(2 * np.pi * 4 * at)) + np.random.default_rng(1).normal(0, 0.003, len(at))


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes a small checkpoint with random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=55, help="of every text (default: %(default)s)")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.tokens)
    return 0


if __name__ == "__main__":
    sys.exit(main())
