"""Synthetic utterances as the tiny model takes them: log-mel features in a file, with text and onset of each."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sidecars.parakeet.corpus import KINDS, Corpus, Kinds
from sidecars.parakeet.voices import HELD_OUT_ESPEAK, HELD_OUT_FLITE, draw_line, draw_speaking, send, speak, vary

FRAME_S = 0.01
CHUNK = 100
"""Utterances that one process makes at a time, from one seed."""
SEEN = "seen"
SETS = {SEEN: None, "espeak": HELD_OUT_ESPEAK, "flite": HELD_OUT_FLITE}
"""What is measured: voices that are trained on, and those held out."""


@dataclass(frozen=True)
class Utterance:
    text: str
    start: int
    """Of its features in the file, in frames of 10 ms."""
    frames: int
    onset: int
    """Frame in which speech begins."""
    end: int
    """Frame in which it ends."""


class Utterances:
    """A folder with `features.f16` (frames x 80, raw log-mel) and `utterances.json`."""

    def __init__(self, folder: Path, mel: int = 80) -> None:
        items = json.loads((folder / "utterances.json").read_text(encoding="utf-8"))
        self.items = [Utterance(**item) for item in items]
        self._features = np.memmap(folder / "features.f16", np.float16, "r").reshape(-1, mel)

    def features(self, item: Utterance) -> npt.NDArray[np.float32]:
        """Frames x 80."""
        return np.asarray(self._features[item.start : item.start + item.frames], np.float32)

    def hours(self) -> float:
        return sum(item.frames for item in self.items) * FRAME_S / 3600


@dataclass(frozen=True)
class Task:
    """A chunk to make; the same task gives the same sounds."""

    seed: int
    count: int
    copies: int
    """Lines that each utterance is sent over."""
    voice: str | None
    """None: any that is trained on."""
    kinds: Kinds = KINDS
    words: frozenset[str] = frozenset()
    """That texts are made of; none: of any."""


def sounds(task: Task) -> Iterator[tuple[str, npt.NDArray[np.float32], float, float]]:
    """Text, sound at 16 kHz, and when speech begins and ends (s)."""
    random = np.random.default_rng(task.seed)
    corpus = Corpus(task.seed)
    for _ in range(task.count):
        text = corpus.sentence(task.kinds)
        while task.words and not task.words.issuperset(text.split()):
            text = corpus.sentence(task.kinds)
        speaking = draw_speaking(random) if task.voice is None else vary(task.voice, random)
        spoken, rate = speak(speaking, text)
        for _ in range(task.copies):
            line = draw_line(random)
            heard, onset = send(spoken, rate, line, random)
            yield text, heard, onset, heard.size / 16_000 - line.tail_s


_preprocessor: Any = None


def _start(configuration: dict[str, Any]) -> None:
    """In each process: the model's own preprocessor."""
    global _preprocessor  # noqa: PLW0603
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch  # noqa: PLC0415
    from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor  # noqa: PLC0415

    torch.set_num_threads(1)
    options = {key: value for key, value in configuration.items() if key != "_target_"}
    _preprocessor = AudioToMelSpectrogramPreprocessor(**options)


def features_of(preprocessor: Any, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Frames x 80, as the model's preprocessor makes them."""
    import torch  # noqa: PLC0415

    with torch.no_grad():
        signal = torch.from_numpy(sound)[None]
        mel, length = preprocessor(input_signal=signal, length=torch.tensor([sound.size]))
    return np.asarray(mel[0, :, : int(length[0])].T.numpy())


def _make(task: Task) -> tuple[list[dict[str, Any]], npt.NDArray[np.float16]]:
    items, parts, start = [], [], 0
    for text, sound, onset, end in sounds(task):
        mel = features_of(_preprocessor, sound)
        item = Utterance(text, start, mel.shape[0], round(onset / FRAME_S), round(end / FRAME_S))
        items.append(asdict(item))
        parts.append(mel.astype(np.float16))
        start += mel.shape[0]
    return items, np.concatenate(parts)


def make(folder: Path, tasks: Sequence[Task], preprocessor: dict[str, Any], processes: int) -> Iterator[int]:
    """Makes the folder, unless it is there; yields how many utterances there are by now."""
    if (folder / "utterances.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    items: list[dict[str, Any]] = []
    frames = 0
    pool = multiprocessing.get_context("spawn").Pool(processes, _start, (preprocessor,))
    with pool, (folder / "features.f16").open("wb") as file:
        for made, mel in pool.imap(_make, tasks):
            items += [item | {"start": item["start"] + frames} for item in made]
            frames += mel.shape[0]
            file.write(mel.tobytes())
            yield len(items)
    (folder / "utterances.json").write_text(json.dumps(items), encoding="utf-8")


def tasks(count: int, copies: int, voice: str | None, seed: int) -> list[Task]:
    """`count` different utterances. Seeds of different sets must lie further apart than their chunks are many."""
    return [Task(seed + start // CHUNK, min(CHUNK, count - start), copies, voice) for start in range(0, count, CHUNK)]
