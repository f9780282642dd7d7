"""The languages that espeak-ng speaks, which is the embedded voice of all but English."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import espeakng_loader

_CODE = re.compile(r"^language\s+([a-z]{2,3}(?:-\w+){0,3})(?=\s|$)", re.MULTILINE)


@cache
def spoken_languages() -> frozenset[str]:
    """Their codes, in small letters: "de", "fr", "fr-fr", "pt-br"…"""
    data = Path(espeakng_loader.get_data_path())
    described = (_CODE.findall(path.read_text(encoding="utf-8")) for path in data.glob("lang/**/*") if path.is_file())
    # Some are described, and have no words.
    known = (codes for codes in described if any((data / f"{code.partition('-')[0]}_dict").is_file() for code in codes))
    return frozenset(code.lower() for codes in known for code in codes)


def language_of(voice: str) -> str:
    """The language of a voice that is named by one, such as "de" or "en-us+f3"; empty: it is named otherwise."""
    code = voice.partition("+")[0].lower()
    return code if code in spoken_languages() else ""


def is_english(language: str) -> bool:
    return language.partition("-")[0] == "en"
