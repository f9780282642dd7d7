from __future__ import annotations

import pytest

from phone_daemon.tts.pace import DOUBT, SAMPLES_PER_CHARACTER, Pace


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_a_voice_not_heard_yet_is_taken_to_be_calm(rate: float) -> None:
    assert Pace(rate).samples_per_character == SAMPLES_PER_CHARACTER / rate


def test_what_was_heard_soon_counts_for_more_than_what_was_assumed() -> None:
    pace = Pace()
    pace.learn(DOUBT, DOUBT * 300)
    assert pace.samples_per_character == (SAMPLES_PER_CHARACTER + 300) / 2
    for _ in range(100):
        pace.learn(50, 50 * 300)
    assert pace.samples_per_character == pytest.approx(300, rel=0.01)
