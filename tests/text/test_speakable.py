from __future__ import annotations

import pytest

from phone_daemon.text.speakable import is_english, speakable
from phone_daemon.text.spoken import has_sound


def test_what_is_written_for_the_eye_is_said_for_the_ear() -> None:
    written = "## Fees\n- **Check-up**: £45.00 😀, [book](https://x.org/b?id=1) by 5 p.m."
    assert speakable(written).text == "Fees Check-up: forty-five pounds, book by five p.m."


def test_a_language_that_has_no_words_for_figures_here_keeps_them() -> None:
    assert speakable("**Um** 10:30 Uhr, 5 €", english=False).text == "Um 10:30 Uhr, 5 €"


@pytest.mark.parametrize(
    ("text", "sound"), [("a", True), ("5", True), ("€", True), ("...", False), (" ", False), ("", False)]
)
def test_punctuation_alone_has_no_sound(text: str, sound: bool) -> None:
    assert has_sound(text) is sound
    assert bool(speakable(text, english=False).words) is sound


@pytest.mark.parametrize("voice", ["", "en-us", "en-gb+f5", "af_heart", "en_GB-alan-low", "alloy", "default"])
def test_voices_speak_english(voice: str) -> None:
    assert is_english(voice)


@pytest.mark.parametrize("voice", ["de", "fr-fr", "pt-br+f2", "es_ES-davefx-medium", "de+Annie"])
def test_but_for_those_that_are_named_after_another_language(voice: str) -> None:
    assert not is_english(voice)
