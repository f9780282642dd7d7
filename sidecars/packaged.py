"""Weights that `make FAMILY` extracts from packages into that family's environment, identified by name, size, and
SHA-256."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sidecars.weights import WeightsMissing, digest


@dataclass(frozen=True, slots=True)
class Packaged:
    """A file with its expected content: a different one with the same name is rejected."""

    name: str
    size: int
    sha256: str

    def check(self, folder: Path, remedy: str) -> None:
        """Raises `WeightsMissing` if the file is not in `folder` or is a different one; `remedy` ends its message."""
        path = folder / self.name
        if not path.is_file():
            raise WeightsMissing(f"{path} is missing; {remedy}")
        if (size := path.stat().st_size) != self.size:
            raise WeightsMissing(f"{path} has {size} bytes, not {self.size}; {remedy}")
        if (found := digest(path)) != self.sha256:
            raise WeightsMissing(f"{path}: its SHA-256 is {found}, not {self.sha256}; {remedy}")


def packaged_folder(family: str) -> Path:
    """The folder with the weights, in this interpreter's environment."""
    return Path(sys.prefix) / "share" / family


def packaged(family: str, files: Sequence[Packaged]) -> Path:
    """Returns the folder with `files`, after checking each of them. Raises `WeightsMissing`."""
    folder = packaged_folder(family)
    remedy = f"run `rm -rf sidecars/{family}/.venv` and `make {family}`, or set model to a folder of your own"
    for file in files:
        file.check(folder, remedy)
    return folder
