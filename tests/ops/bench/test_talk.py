"""Recorded callers' sounds as seen by the bench."""

from __future__ import annotations

import numpy as np

from ops.bench.talk import LEAD, active_onset, fell_silent, sounds
from ops.witness.rtp import Packet


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


def test_the_answer_to_a_sound_is_not_taken_for_what_the_sound_interrupted() -> None:
    """The agent speaks with a pause, yields 120 ms into the caller's speech, and answers 600 ms later."""
    heard = [*range(0, 1000, 20), *range(1300, 2120, 20), *range(2720, 3000, 20)]
    packets = [packet(at_ms, at_ms in heard) for at_ms in range(0, 3000, 20)]
    assert fell_silent(packets, 2000 * 10**6) == 2100 * 10**6


def test_an_agent_who_does_not_yield_is_heard_to_the_end() -> None:
    assert fell_silent([packet(at_ms, True) for at_ms in range(0, 3000, 20)], 2000 * 10**6) == 2980 * 10**6


def packet(at_ms: int, loud: bool) -> Packet:
    payload = b"\x80" * 160 if loud else b"\xff" * 160
    return Packet(at_ms * 10**6, at_ms // 20, 8 * at_ms, 1, 0, False, payload, ("127.0.0.1", 4000))
