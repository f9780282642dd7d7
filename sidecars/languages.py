"""The languages of espeak-ng, which is the embedded voice for all languages except English."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import espeakng_loader

_CODE = re.compile(r"^language\s+([a-z]{2,3}(?:-\w+){0,3})(?=\s|$)", re.MULTILINE)


@cache
def spoken_languages() -> frozenset[str]:
    """The languages' codes, in lower case: "de", "fr", "fr-fr", "pt-br"…"""
    data = Path(espeakng_loader.get_data_path())
    described = (_CODE.findall(path.read_text(encoding="utf-8")) for path in data.glob("lang/**/*") if path.is_file())
    # Some languages are described but have no dictionary.
    known = (codes for codes in described if any((data / f"{code.partition('-')[0]}_dict").is_file() for code in codes))
    return frozenset(code.lower() for codes in known for code in codes)


def language_of(voice: str) -> str:
    """The language of a voice that is named after one, such as "de" or "en-us+f3"; empty if it is not."""
    code = voice.partition("+")[0].lower()
    return code if code in spoken_languages() else ""


def is_english(language: str) -> bool:
    return language.partition("-")[0] == "en"
