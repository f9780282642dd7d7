"""µ-law against the values of ITU-T G.711, table 2a/2b."""

from __future__ import annotations

import numpy as np

from phone_daemon.media import g711

EVERY = np.arange(-32768, 32768).astype("<i2")


def test_the_ends_and_the_middle_of_the_scale_have_the_codes_of_the_table() -> None:
    decoded = np.frombuffer(g711.decode(bytes([0x00, 0x7F, 0xFF, 0x80, 0xF0, 0xEF])), "<i2")
    # The table's values of 14 bits (8031, 0, 15 → 30/2, 33/2 …) on the scale of 16.
    assert decoded.tolist() == [-32124, 0, 0, 32124, 120, 132]


def test_every_code_survives_a_round_trip() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F and 0xFF are both zero
    assert g711.encode(g711.decode(codes)) == codes


def test_every_sample_comes_back_within_half_a_step() -> None:
    heard = np.frombuffer(g711.through(EVERY.tobytes()), "<i2").astype(int)
    magnitude = np.minimum(np.abs(EVERY.astype(int)), 32635)
    # A segment's step is a sixteenth of its length, which equals everything below it (with the bias).
    assert np.all(np.abs(np.abs(heard) - magnitude) <= (magnitude + 132) / 32)
    assert np.all(heard * EVERY.astype(int) >= 0)


def test_silence_stays_silent() -> None:
    assert g711.through(bytes(320)) == bytes(320)
