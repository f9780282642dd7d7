"""Makes a tiny Qwen3-ASR with random weights, for tests: with the real one's files and classes. It babbles.

python make_tiny.py FOLDER
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import torch
from qwen_asr.core.transformers_backend import (
    Qwen3ASRConfig,
    Qwen3ASRForConditionalGeneration,
    Qwen3ASRProcessor,
)
from transformers import Qwen2Tokenizer, WhisperFeatureExtractor

WIDTH, HEADS, LAYERS, MELS = 64, 2, 2, 128
SURE = 3.0
"""How much larger than usual the last layer's weights are: the model is surer of its babble."""
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|audio_start|>", "<|audio_end|>", "<|audio_pad|>")
TAG = "<asr_text>"
"""Comes after the language that the model has made out; it is no special token, or it would not be read."""
TEMPLATE = """{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'audio' %}<|audio_start|><|audio_pad|><|audio_end|>{% else %}{{ part.text }}{% endif %}\
{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def tokenizer(folder: Path) -> Qwen2Tokenizer:
    """The bytes, and words of two syllables that no text is made of, only babble."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    alphabet = [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    words = [f"Ġ{a}{b}" for a, b in itertools.product(syllables, repeat=2)]
    (folder / "vocab.json").write_text(json.dumps({token: place for place, token in enumerate([*alphabet, *words])}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    made = Qwen2Tokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        extra_special_tokens={
            "audio_token": "<|audio_pad|>",
            "audio_bos_token": "<|audio_start|>",
            "audio_eos_token": "<|audio_end|>",
        },
    )
    made.add_special_tokens({"additional_special_tokens": list(SPECIAL)}, replace_additional_special_tokens=False)
    made.add_tokens([TAG])
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    text = tokenizer(folder)
    features = WhisperFeatureExtractor(feature_size=MELS, return_attention_mask=True)
    Qwen3ASRProcessor(features, text, chat_template=TEMPLATE).save_pretrained(folder)
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    audio_config = {
        "num_mel_bins": MELS,
        "d_model": WIDTH,
        "encoder_layers": LAYERS,
        "encoder_attention_heads": HEADS,
        "encoder_ffn_dim": 2 * WIDTH,
        "output_dim": WIDTH,
        "downsample_hidden_size": 8,
        "n_window": 50,
        "n_window_infer": 800,
    }
    text_config = {
        "vocab_size": len(text),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "rope_scaling": {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [8, 4, 4]},
    }
    thinker = {
        "audio_config": audio_config,
        "text_config": text_config,
        "audio_token_id": text.convert_tokens_to_ids("<|audio_pad|>"),
        "audio_start_token_id": text.convert_tokens_to_ids("<|audio_start|>"),
    }
    model = Qwen3ASRForConditionalGeneration(Qwen3ASRConfig(thinker_config=thinker))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
        last = model.thinker.lm_head.weight
        last *= SURE
        last[:256] *= 0.1  # no half characters
        last[-len(SPECIAL) - 1 :] *= 0.1
    model.save_pretrained(folder)


if __name__ == "__main__":
    main()
