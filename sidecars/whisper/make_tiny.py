"""Makes a tiny Whisper with random weights in CTranslate2's format, for tests. It babbles, one word a token.

    python make_tiny.py FOLDER

What the libraries count on is as in the real one: 51,865 tokens with Whisper's special ones at their places, an empty
one, by which a model of many languages is known, 80 mel bands, 1,500 frames heard and 448 tokens written. All else is
small.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WIDTH, HEADS, LAYERS = 64, 2, 2
MELS, FRAMES, WRITTEN = 80, 1500, 448
TEXT_TOKENS, TOKENS = 50257, 51865
SPREAD = 8.0
"""How sure the model is of its babble: standard deviation of the logits."""
BREVITY = 16.0
"""What is added to the logit of the end, lest it babbled for ever; the likeliest word has some 34."""
LANGUAGES = 99
"""Of the first three generations; later ones know one more."""

_random = np.random.default_rng(23)


def _weights(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
    """Random, and such that what comes out is about as large as what goes in."""
    return np.asarray(_random.standard_normal(shape) * scale / np.sqrt(np.prod(shape[1:])), np.float32)


def _linear(spec: Any, outputs: int, inputs: int = WIDTH) -> None:
    spec.weight, spec.bias = _weights(outputs, inputs), np.zeros(outputs, np.float32)


def _norm(spec: Any) -> None:
    spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def _attention(spec: Any, *outputs: int) -> None:
    _norm(spec.layer_norm)
    for linear, size in zip(spec.linear, outputs, strict=True):
        _linear(linear, size)


def _feed_forward(spec: Any) -> None:
    _norm(spec.layer_norm)
    _linear(spec.linear_0, 4 * WIDTH)
    _linear(spec.linear_1, WIDTH, 4 * WIDTH)


def _special_tokens() -> list[str]:
    languages = sorted(_LANGUAGE_CODES[:LANGUAGES])
    tasks = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    return [f"<|{name}|>" for name in ("endoftext", "startoftranscript", *languages, *tasks)]


def _text_tokens() -> list[str]:
    """The bytes, then words of three syllables, each with the space before it; last the empty one."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = (f"Ġ{a}{b}{c}" for a, b, c in itertools.product(syllables, repeat=3))
    return [*sorted(pre_tokenizers.ByteLevel.alphabet()), *itertools.islice(words, TEXT_TOKENS - 257), ""]


def write_tokenizer(folder: Path) -> list[str]:
    """Writes tokenizer.json and returns all tokens in their order."""
    text, special = _text_tokens(), _special_tokens()
    times = [f"<|{0.02 * step:.2f}|>" for step in range(TOKENS - len(text) - len(special))]
    tokenizer = Tokenizer(models.BPE({token: place for place, token in enumerate(text)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.add_tokens([AddedToken(token) for token in times])
    tokenizer.save(str(folder / "tokenizer.json"))
    return [*text, *special, *times]


def model(tokens: list[str]) -> WhisperSpec:
    spec = WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    encoder, decoder = spec.encoder, spec.decoder
    place = {token: number for number, token in enumerate(tokens)}
    encoder.conv1.weight, encoder.conv1.bias = _weights(WIDTH, MELS, 3), np.zeros(WIDTH, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = _weights(WIDTH, WIDTH, 3), np.zeros(WIDTH, np.float32)
    encoder.position_encodings.encodings = _weights(FRAMES, WIDTH, scale=0.1)  # it shall hear, not count
    for layer in encoder.layer:
        _attention(layer.self_attention, 3 * WIDTH, WIDTH)
        _feed_forward(layer.ffn)
    for layer in decoder.layer:
        _attention(layer.self_attention, 3 * WIDTH, WIDTH)
        _attention(layer.attention, WIDTH, 2 * WIDTH, WIDTH)
        _feed_forward(layer.ffn)
    for norm in (encoder.layer_norm, decoder.layer_norm):
        _norm(norm)
    decoder.embeddings.weight = _weights(TOKENS, WIDTH)
    decoder.position_encodings.encodings = _weights(WRITTEN, WIDTH, scale=3.0)  # or it would say one word for ever
    towards = _weights(TOKENS, WIDTH)  # a few that are longer than others would be said all the time
    decoder.projection.weight = SPREAD * towards / np.linalg.norm(towards, axis=1, keepdims=True)
    decoder.projection.bias = np.zeros(TOKENS, np.float32)
    decoder.projection.bias[place["<|endoftext|>"]] = BREVITY
    decoder.scale_embeddings = False
    languages = [place[f"<|{code}|>"] for code in sorted(_LANGUAGE_CODES[:LANGUAGES])]
    spec.config.lang_ids = languages
    spec.config.suppress_ids = list(range(256))  # no half characters
    spec.config.suppress_ids_begin = [place["<|endoftext|>"]]
    spec.config.alignment_heads = [(LAYERS - 1, head) for head in range(HEADS)]
    spec.register_vocabulary(tokens)
    return spec


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    spec = model(write_tokenizer(folder))
    spec.validate()
    spec.optimize(quantization="float16")
    spec.save(str(folder))
    features = {"feature_size": MELS, "sampling_rate": 16000, "hop_length": 160, "n_fft": 400, "chunk_length": 30}
    (folder / "preprocessor_config.json").write_text(json.dumps(features))


if __name__ == "__main__":
    main()
