"""Makes a small Parakeet with random weights, in seconds: for tests of what runs one, and for latency.

    python -m sidecars.parakeet.make_tiny tiny.nemo --decoder rnnt
    python -m sidecars.parakeet.make_tiny large.nemo --decoder rnnt --width 1024 --layers 24 --heads 8 --channels 256

The second has the shape, and so the speed, of the 0.6 B models. What they hear is babble: a few tokens a second of
whatever sounds, so that there are partial results; the same sound gives the same babble. Needs the Parakeet
environment.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch

from sidecars.parakeet.tiny_model import DECODERS, SAMPLE_RATE, Shape, build, make_tokenizer

TOKENS = 96
PHRASES = (
    "hello i would like to book an appointment on tuesday at half past ten please",
    "what are your opening hours and when do you close on friday",
    "can you track my parcel it is zero one two three four five six seven eight nine",
    "yes that's right thank you very much goodbye",
    "the quick brown fox jumps over the lazy dog",
)
EMITTED_PER_S = 4.0
"""Tokens, about as many as in speech."""


def sound(seconds: float) -> npt.NDArray[np.float32]:
    """Something like a voice: a buzz of 120 Hz, its two formants another every 200 ms, with pauses."""
    random = np.random.default_rng(5)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    syllable = (time * 5).astype(int)
    loud = random.uniform(0, 1, syllable[-1] + 1)[syllable] > 0.2
    first, second = (random.uniform(low, high, syllable[-1] + 1)[syllable] for low, high in ((250, 850), (900, 2600)))
    buzz = sum(
        np.cos(2 * np.pi * pitch * time)
        * (np.exp(-(((pitch - first) / 150) ** 2)) + np.exp(-(((pitch - second) / 250) ** 2)))
        for pitch in range(120, 3400, 120)
    )
    return np.asarray(0.1 * buzz * loud + 0.001 * random.standard_normal(time.size), np.float32)


def recording(path: str) -> npt.NDArray[np.float32]:
    """The samples of a WAV file of 16 bits at 8 or 16 kHz, at 16 kHz."""
    with wave.open(path, "rb") as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)


def set_rate(model: Any, decoder: str, audio: npt.NDArray[np.float32]) -> None:
    """Shifts the blank's bias, by bisection, until `audio` gives `EMITTED_PER_S` tokens a second."""
    blank = model.decoder.decoder_layers[0].bias if decoder == "ctc" else model.joint.joint_net[-1].bias
    index = len(model.tokenizer.vocab)
    if decoder != "ctc":
        with torch.no_grad():  # or it babbles all the time or never, whatever it hears
            model.joint.enc.weight *= 8
            model.joint.pred.weight *= 0.3
    low, high = -8.0, 16.0
    for _ in range(10):
        with torch.no_grad():
            blank[index] = (low + high) / 2
        heard = model.transcribe([audio], batch_size=1, verbose=False)[0]
        emitted = len(model.tokenizer.text_to_ids(heard.text)) / (audio.size / SAMPLE_RATE)
        low, high = ((low + high) / 2, high) if emitted > EMITTED_PER_S else (low, (low + high) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.nemo")
    parser.add_argument("--decoder", choices=DECODERS, default="ctc", help="default: %(default)s")
    parser.add_argument("--width", type=int, default=Shape.width, help="of the encoder (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=Shape.layers, help="default: %(default)s")
    parser.add_argument("--heads", type=int, default=Shape.heads, help="default: %(default)s")
    parser.add_argument("--channels", type=int, default=Shape.channels, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (default: %(default)s)")
    parser.add_argument(
        "--sound", type=recording, metavar="WAV", help="what it babbles to (default: a buzz like a voice)"
    )
    arguments = parser.parse_args()
    logging.getLogger("nemo_logger").setLevel(logging.ERROR)
    shape = Shape(arguments.width, arguments.layers, arguments.heads, arguments.channels)
    with tempfile.TemporaryDirectory() as folder:
        model = build(arguments.decoder, make_tokenizer(Path(folder), PHRASES, TOKENS), shape, arguments.seed)
        set_rate(model, arguments.decoder, sound(6.0) if arguments.sound is None else arguments.sound)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        model.save_to(str(arguments.out))
    millions = sum(weights.numel() for weights in model.parameters()) / 1e6
    sys.stdout.write(f"{arguments.out}: {arguments.decoder}, {millions:.1f} million random parameters\n")


if __name__ == "__main__":
    main()
