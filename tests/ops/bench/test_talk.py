"""Recorded callers' sounds as the bench sees them."""

from __future__ import annotations

import numpy as np

from ops.bench.talk import LEAD, active_onset, sounds


def test_speech_begins_where_it_is_within_15_9_db_of_its_own_level() -> None:
    """Noise, a faint breath, then a voice with pauses: it begins with the voice, to 15 ms."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(16000) * 10
    noise[2000:3000] += rng.standard_normal(1000) * 100
    for start in (3000, 6000, 9000):
        noise[start : start + 2000] += 4000 * np.sin(np.arange(2000) * 0.3)
    assert abs(active_onset(noise, LEAD) - 3000) <= 120


def test_a_quiet_voice_begins_where_the_loud_one_does() -> None:
    rng = np.random.default_rng(1)
    voice = np.concatenate([np.zeros(4000), rng.standard_normal(8000) * 5000])
    assert active_onset(voice, LEAD) == active_onset(voice / 50, LEAD)


def test_every_recorded_sound_begins_after_its_lead_and_before_half_a_second() -> None:
    found = sounds()
    assert len(found) > 20
    assert all(LEAD <= sound.onset < LEAD + 4000 for sound in found if sound.words)
    assert any(not sound.words for sound in found), "there are noises among them"
