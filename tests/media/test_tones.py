from __future__ import annotations

import numpy as np

from phone_daemon.media.tones import attention_tone


def test_the_attention_tone_is_two_soft_beeps_of_425_hz_without_clicks() -> None:
    samples = np.frombuffer(attention_tone(), "<i2").astype(float)
    assert len(samples) == 4000
    loud = np.abs(samples.reshape(-1, 40)).max(axis=1) > 300
    assert np.count_nonzero(np.diff(loud.astype(int)) == -1) == 2
    spectrum = np.abs(np.fft.rfft(samples[:1200] * np.hanning(1200)))
    assert abs(np.argmax(spectrum) * 8000 / 1200 - 425) < 8000 / 1200
    assert 0.05 * 32768 < np.abs(samples).max() < 0.2 * 32768
    far_off = spectrum[round(1000 * 1200 / 8000) :]
    assert far_off.max() < spectrum.max() / 1000, "hard edges would spread over the whole band"
