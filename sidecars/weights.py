"""Finds an engine's weights: a local folder, or a repository of the Hugging Face hub that is downloaded on first use.

Downloads go to the hub's own cache (`HF_HOME`, else `huggingface/` under `XDG_CACHE_HOME`, else under `~/.cache`),
where other programs find them too. Files that are already there are used without asking the network.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
READ = 1 << 22
TELL_EVERY_S = 5.0

log = logging.getLogger(__name__)


class WeightsMissing(Exception):
    """The weights are missing and cannot be downloaded. One line: what is missing, why, and what to do."""


def find_weights(model: str, files: Sequence[str]) -> Path:
    """Returns the folder with `files` of `model`, which is a folder, or `OWNER/NAME`, optionally `@REVISION`, on the
    hub.

    Downloads what the cache does not have, with progress on standard error, resumes interrupted downloads, and checks
    files against the checksum that the hub gives. Raises `WeightsMissing`.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if missing := [name for name in files if not (folder / name).is_file()]:
            raise WeightsMissing(f"model {model}: the folder has no {_list(missing)}; it takes {_list(files)}")
        return folder
    if not REPOSITORY.fullmatch(model):
        raise WeightsMissing(f"model {model!r}: no such folder, nor OWNER/NAME of a repository on the Hugging Face hub")
    return _from_hub(model, files)


def _from_hub(model: str, files: Sequence[str]) -> Path:
    # Engines that load from a folder do not need this package.
    try:
        from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache  # noqa: PLC0415
        from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError  # noqa: PLC0415
    except ModuleNotFoundError:
        remedy = f"pip install huggingface_hub, or put {_list(files)} into a folder and set model to it"
        raise WeightsMissing(f"model {model}: downloading it requires the package huggingface_hub; {remedy}") from None

    repository, _, revision = model.partition("@")
    where: dict[str, Any] = {"repo_id": repository, "revision": revision or None}
    cached = {name: try_to_load_from_cache(filename=name, **where) for name in files}
    missing = [name for name, path in cached.items() if not isinstance(path, str)]
    if not missing:
        return _root(Path(str(cached[files[0]])), files[0])

    def gone(why: str) -> WeightsMissing:
        remedy = f"put {_list(files)} into a folder and set model to it, or fetch them where there is a network"
        return WeightsMissing(f"model {model}: {_list(missing)} not in {constants.HF_HUB_CACHE}, and {why}; {remedy}")

    if constants.HF_HUB_OFFLINE:
        raise gone("HF_HUB_OFFLINE forbids downloading them")
    log.info("fetching %s of %s into %s", _list(missing), model, constants.HF_HUB_CACHE)
    path = ""
    for name in files:
        try:
            path = hf_hub_download(filename=name, tqdm_class=_progress(), **where)
        except LocalEntryNotFoundError as error:
            raise gone(f"{constants.ENDPOINT} cannot be reached ({_first_line(error.__cause__ or error)})") from error
        except (OSError, ValueError, HTTPError) as error:
            raise gone(f"{name} could not be downloaded ({_first_line(error)})") from error
        if name in missing:
            verify(Path(path))
    return _root(Path(path), files[-1])


def _root(path: Path, name: str) -> Path:
    """The folder relative to which `path` is called `name`, which may contain folders itself."""
    return path.parents[len(Path(name).parts) - 1]


def verify(path: Path) -> None:
    """Checks a file of the hub's cache against its checksum, which is the name of the blob that it links to.

    A damaged file is removed from the cache. A file from elsewhere is checked against the SHA-256 in `FILE.sha256`
    beside it, in the format of sha256sum(1); without that it has no checksum. Raises `WeightsMissing`.
    """
    blob, beside = path.resolve(), path.with_name(f"{path.name}.sha256")
    if beside.is_file():
        wanted = (beside.read_text(encoding="utf-8", errors="replace").split() or [""])[0].lower()
        if (found := digest(path)) != wanted:
            raise WeightsMissing(f"{path}: its SHA-256 is {found}, not {wanted:.64}, which {beside.name} says")
        return
    if not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", blob.name):
        return
    # Small files are stored in git, and named by their git hash.
    if (found := digest(blob, git=len(blob.name) == 40)) != blob.name:
        blob.unlink()
        path.unlink(missing_ok=True)
        raise WeightsMissing(f"{path.name}: its checksum is {found}, not {blob.name}; it was thrown away: try again")


def digest(path: Path, *, git: bool = False) -> str:
    """The file's SHA-256; with `git`, its git hash."""
    made = hashlib.sha256()
    if git:
        made = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while data := file.read(READ):
            made.update(data)
    return made.hexdigest()


def _progress() -> Callable[..., Any] | None:
    """None, which means the hub's own progress bar, on a terminal; otherwise a bar that writes lines, for a log."""
    if sys.stderr.isatty():
        return None
    from tqdm.auto import tqdm  # noqa: PLC0415

    class Lines(tqdm):  # type: ignore[misc]
        """Reports its progress from time to time."""

        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            self._told = time.monotonic()
            super().__init__(*args, **options)

        def display(self, *args: Any, **options: Any) -> None:
            if self.n and (time.monotonic() - self._told >= TELL_EVERY_S or self.n == self.total):
                self._told = time.monotonic()
                log.info("%s", self.format_meter(**{**self.format_dict, "ncols": 0}).strip())

    return Lines


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
