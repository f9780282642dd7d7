"""The melody that waiting callers hear."""

from __future__ import annotations

import numpy as np

from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from phone_daemon.media.dtmf import ToneKeys
from phone_daemon.media.hold_music import LEVEL_DB, melody


def test_it_is_quiet_never_clips_and_joins_its_own_beginning() -> None:
    samples = np.frombuffer(melody(), "<i2").astype(float)
    assert 10 < len(samples) / SAMPLE_RATE < 20
    assert abs(20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768) - LEVEL_DB) < 0.1
    assert np.abs(samples).max() < 32767 / 2
    assert samples[0] == samples[-1] == 0
    seconds = samples[: 12 * SAMPLE_RATE].reshape(-1, SAMPLE_RATE)
    assert np.sqrt(np.mean(seconds**2, axis=1)).min() > 300


def test_no_key_of_a_telephone_is_heard_in_it() -> None:
    keys, pcm = ToneKeys(), melody()
    assert "".join(keys.hear(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm) - 320, FRAME_BYTES)) == ""
