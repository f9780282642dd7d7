from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.mouth.speakable import has_sound, speakable


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Your visit is **on Monday**, _not_ `today`.", "Your visit is on Monday , not today ."),
        ("# Hours\n> nine to five\n- a card\n* a pen", "Hours nine to five a card a pen"),
        ("See [our site](https://x.org/a_b) or ![map](m.png).", "See our site or map ."),
        ("Great 😀👩‍👩‍👧 to ❤️ you ✅", "Great to you"),
        (
            "Mail first_name@x.org, it costs $5.50 (25°C) at no. #5",
            "Mail first_name@x.org, it costs $5.50 (25°C) at no. #5",
        ),
        ("a - b, x-ray, [sic] and (so on)", "a - b, x-ray, [sic] and (so on)"),
        ("| Mon | Tue |", "Mon Tue"),
        ("bell\x07 and \ud800 surrogate", "bell and surrogate"),
        ("naïve café – “quoted” 日本", "naïve café – “quoted” 日本"),
    ],
)
def test_only_what_has_a_sound_is_spoken(text: str, spoken: str) -> None:
    assert speakable(text).split() == spoken.split()


@given(st.text())
def test_a_word_keeps_its_place(text: str) -> None:
    spoken = speakable(text)
    assert len(spoken) == len(text)
    assert all(new in (old, " ") for old, new in zip(text, spoken, strict=True))
    spoken.encode()


@pytest.mark.parametrize(
    ("text", "sound"), [("a", True), ("5", True), ("€", True), ("...", False), (" ", False), ("", False)]
)
def test_punctuation_alone_has_no_sound(text: str, sound: bool) -> None:
    assert has_sound(text) is sound
