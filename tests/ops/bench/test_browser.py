"""Which recorded callers interrupt in `make bench-web`."""

from __future__ import annotations

from ops.bench.browser import interruptions


def test_nobody_who_only_agrees_counts_as_interrupting() -> None:
    sounds = interruptions(16)
    said = [sound.words for sound in sounds]
    assert len({sound.name for sound in sounds}) == 16
    assert "Yes, that's right." not in said
    assert "What are your opening hours?" in said
