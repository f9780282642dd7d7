"""A natural voice as it arrives over a telephone."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from hibari import Hibari

from ops.quality.telephone import heard_over
from phone_daemon.events import SAMPLE_RATE


@cache
def _voice() -> Hibari:
    return Hibari()


@cache
def said(text: str) -> bytes:
    """`text` at 8 kHz through a telephone's band and µ-law, with the noise of a quiet line."""
    voice = _voice()
    sound = np.asarray(voice(text, seed=1), dtype=np.float64)
    sound *= 0.08 / np.sqrt(np.mean(sound**2))
    around = np.zeros(round(0.3 * voice.sample_rate))
    sound = np.concatenate([around, sound, around])
    return heard_over(sound + np.random.default_rng(1).standard_normal(sound.size) * 0.002, voice.sample_rate)


def write(path: Path, pcm: bytes, rate: int = SAMPLE_RATE, channels: int = 1) -> None:
    soundfile.write(str(path), np.frombuffer(pcm, "<i2").reshape(-1, channels), rate)


def manifest(folder: Path, rows: list[dict[str, str]], name: str = "set.jsonl") -> Path:
    """A manifest of `rows`, each with a clip of its `text`, or of noise if that is empty."""
    lines = []
    for number, row in enumerate(rows):
        noise = (np.random.default_rng(number).standard_normal(2 * SAMPLE_RATE) * 300).astype("<i2").tobytes()
        write(folder / f"{number}.wav", said(row["text"]) if row["text"] else noise)
        lines.append(json.dumps({"audio_filepath": f"{number}.wav", **row}))
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name
