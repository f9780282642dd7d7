"""Languages that the embedded engine supports by itself."""

from __future__ import annotations

import pytest

from sidecars.engines.espeak import VOICES, Espeak
from sidecars.languages import is_english, language_of, spoken_languages


def test_every_language_that_is_said_to_be_spoken_is() -> None:
    engine = Espeak()
    assert len(spoken_languages()) > 100
    for code in spoken_languages():
        assert sum(len(chunk.pcm) for chunk in engine.speak("a e o", {"voice": code}, lambda: False)) > 2000, code


@pytest.mark.parametrize(
    ("voice", "language"),
    [("de", "de"), ("pt-br+f2", "pt-br"), ("en-US", "en-us"), ("heart", ""), ("af_heart", ""), ("alloy", ""), ("", "")],
)
def test_a_voice_may_be_named_by_its_language(voice: str, language: str) -> None:
    assert language_of(voice) == language


def test_embedded_voices_are_named_by_their_languages() -> None:
    assert all(language_of(voice) for voice in VOICES)


def test_english_is_english_wherever_it_is_spoken() -> None:
    assert is_english("en")
    assert is_english("en-gb-scotland")
    assert not is_english("enm")
    assert not is_english("de")
