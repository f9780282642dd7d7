"""The scenes made by `make scenes`: what a caller's line sends, when, and the expected outcome."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phone_daemon.media.wav import read_wav

SCENES = Path("var/scenes")


class NoScenes(Exception):
    """The scenes are missing or unreadable: one line, with the remedy."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`fixtures/scene.py` says what each means. Times are in seconds."""

    id: str
    kind: str
    half: str
    when: str
    wants: str
    folder: Path
    sound: str = ""
    text: str = ""
    voice: str = ""
    asked: str = ""
    at_s: float = 0.0
    onset_s: float = 0.0
    end_s: float = 0.0
    pauses: tuple[tuple[float, float], ...] = ()
    echo_loss_db: float | None = None
    echo_delay_s: float = 0.0

    def pcm(self) -> bytes:
        """What the caller's line sends, 8 kHz; empty if only echo."""
        return read_wav(self.folder / self.sound) if self.sound else b""

    def opening(self) -> bytes:
        """The caller's first question, in their voice."""
        openings = self.folder / "openings"
        name = openings / f"{self.voice}.wav"
        usual = openings / ("af_nova.wav" if self.half == "held" else "af_alloy.wav")
        return read_wav(name if name.is_file() else usual)


def load(folder: Path, half: str, kinds: Sequence[str] = (), sample: int = 0) -> list[Scene]:
    """The scenes of one half (`all`: both). `kinds`: only these; `sample`: at most this many, evenly over the kinds.

    Raises `NoScenes`.
    """
    try:
        rows: list[dict[str, Any]] = [json.loads(line) for line in (folder / "scenes.jsonl").read_text().splitlines()]
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise NoScenes(f"{folder / 'scenes.jsonl'}: {what}; run make scenes") from None
    known = sorted({str(row["kind"]) for row in rows})
    if unknown := set(kinds) - set(known):
        raise NoScenes(f"no scenes of kind {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    names = Scene.__dataclass_fields__
    scenes = [
        Scene(folder=folder, pauses=tuple(map(tuple, row.pop("pauses", ()))), **{k: row[k] for k in row if k in names})
        for row in rows
        if half in ("all", row["half"]) and (not kinds or row["kind"] in kinds)
    ]
    if sample and sample < len(scenes):
        # By a hash, so that a sample is always the same, and a smaller sample is a prefix of a larger one.
        ranked: dict[str, list[Scene]] = {}
        for scene in sorted(scenes, key=lambda scene: zlib.crc32(scene.id[::-1].encode())):
            ranked.setdefault(scene.kind, []).append(scene)
        share = sample / len(scenes)
        scenes = [scene for each in ranked.values() for scene in each[: max(1, round(share * len(each)))]]
    return scenes
