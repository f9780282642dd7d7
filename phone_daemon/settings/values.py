"""Kinds of values in settings and dialplans, for pydantic: as TOML has them, nothing converted on the quiet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, ValidationInfo

MODEL = ConfigDict(extra="forbid")
"""Unknown keys are errors. The text under a field is its documentation (`meanings`), which pydantic would read from the
source at every start."""

Flag = Annotated[bool, Strict()]
"""true or false."""


REQUIRED: Any = Field(json_schema_extra={"required": True})
"""A key that a file must have: its default stands for its absence until all else has been looked at."""


def between(low: float, high: float) -> Any:
    """A number from `low` to `high`, in its own unit."""
    return Field(strict=True, ge=low, le=high, allow_inf_nan=False)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; write some text or take it out")
    return text


def listed(value: object) -> object:
    """One value stands for a list of it."""
    return value if isinstance(value, list | tuple) else [value]


def _texts(value: object) -> object:
    """One text stands for a list of it."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[Annotated[str, AfterValidator(_not_blank)], ...], BeforeValidator(_texts)]
"""A list of texts, or one text alone."""


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return folder / path if folder else path


FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path, relative to the folder of the file that it is written in (the validation context's `folder`)."""


def is_http(url: str) -> bool:
    """Whether `url` is an absolute http or https address, without a password in it."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        return parts.scheme in ("http", "https") and named
    except ValueError:
        return False


NOT_HTTP = 'is not an HTTP address, or has a password in it; write one such as "http://127.0.0.1:8000/v1"'


def listing(names: Iterable[str]) -> str:
    """`voice, language and speaker`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
