"""Recorded speech with its words, in the layouts that it comes in.

manifest          JSON lines as NeMo has them: `audio_filepath` (relative to the manifest), `text`, and where the file
                  holds more than the utterance `offset` and `duration` in seconds
LibriSpeech       a folder with `SPEAKER-CHAPTER.trans.txt` files, at any depth, and `.flac` files beside each
recorded callers  a folder with `call.toml` in it or in its folders: `say` and `words` of each cue
pairs             a folder with audio files and a `.txt` of the same name for each
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import soundfile

from ops.quality.telephone import Sound

AUDIO = (".wav", ".flac", ".ogg", ".opus")
MANIFESTS = (".json", ".jsonl")


class SetError(Exception):
    """A set, or a file in it, that cannot be read: one line."""


@dataclass(frozen=True, slots=True)
class Utterance:
    path: Path
    words: str
    offset_s: float = 0.0
    duration_s: float | None = None
    """None: to the end of the file."""

    def read(self) -> tuple[Sound, int]:
        """Its first channel, and the rate in Hz. Raises `SetError`."""
        try:
            with soundfile.SoundFile(str(self.path)) as file:
                rate = file.samplerate
                file.seek(min(round(self.offset_s * rate), file.frames))
                count = -1 if self.duration_s is None else round(self.duration_s * rate)
                samples = file.read(count, dtype="float64", always_2d=True)
        except (OSError, RuntimeError, ValueError) as error:
            why = "no such file" if not self.path.exists() else str(error).partition("\n")[0]
            raise SetError(f"{self.path}: {why}") from None
        if not samples.size:
            raise SetError(f"{self.path}: no audio in it from {self.offset_s:g} s on")
        return np.asarray(samples[:, 0]), int(rate)


def load(path: Path) -> list[Utterance]:
    """Every utterance of a manifest or folder, in a fixed order. Raises `SetError`."""
    if path.is_file():
        return list(_manifest(path))
    if not path.is_dir():
        raise SetError(f"{path}: no such file or folder")
    manifests = [each for each in sorted(path.iterdir()) if each.suffix in MANIFESTS]
    readers = (
        (sorted(path.rglob("*.trans.txt")), _transcripts),
        (sorted(path.rglob("call.toml")), _caller),
        (manifests, _manifest),
        (sorted(each for each in path.rglob("*.txt") if _audio_beside(each)), _pair),
    )
    for files, read in readers:
        if files:
            return [utterance for file in files for utterance in read(file)]
    raise SetError(
        f"{path}: no recordings with their words; expected a manifest, *.trans.txt, call.toml, or .txt files"
    )


def _manifest(path: Path) -> Iterator[Utterance]:
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield _row(path.parent, row)
        except (ValueError, TypeError, KeyError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise SetError(
                f'{path}:{number}: {what}; expected {{"audio_filepath": "a.wav", "text": "…"}} on each line'
            ) from None


def _row(folder: Path, row: object) -> Utterance:
    if not isinstance(row, dict):
        raise TypeError("not a table")
    name, words = row["audio_filepath"], row["text"]
    if not isinstance(name, str) or not name or not isinstance(words, str):
        raise TypeError("audio_filepath and text must be texts")
    offset_s = float(row.get("offset") or 0.0)
    duration = row.get("duration")
    # Without an offset, a duration only says how long the file is.
    duration_s = float(duration) if duration is not None and "offset" in row else None
    if not 0 <= offset_s < inf or (duration_s is not None and not 0 < duration_s < inf):
        raise ValueError(f"offset {offset_s:g} s, duration {duration} s: no piece of a file")
    return Utterance(folder / name, words, offset_s, duration_s)


def _transcripts(path: Path) -> Iterator[Utterance]:
    for line in _text(path).splitlines():
        name, _, words = line.partition(" ")
        if name:
            yield Utterance(path.parent / f"{name}.flac", words)


def _caller(path: Path) -> Iterator[Utterance]:
    try:
        table = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SetError(f"{path}: not TOML: {error}") from None
    for cue in table.get("cue", ()):
        if cue.get("say") and cue.get("words"):
            yield Utterance(path.parent / cue["say"], cue["words"])


def _pair(path: Path) -> Iterator[Utterance]:
    audio = _audio_beside(path)
    assert audio is not None
    yield Utterance(audio, _text(path).strip())


def _audio_beside(path: Path) -> Path | None:
    return next((each for suffix in AUDIO if (each := path.with_suffix(suffix)).is_file()), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SetError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SetError(f"{path}: not a text in UTF-8") from None
