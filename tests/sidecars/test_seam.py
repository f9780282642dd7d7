"""Waveforms that grow and change at their end are joined without a click."""

from __future__ import annotations

import numpy as np
import pytest

from sidecars.engines.seam import Seam, Wave

RATE, HELD, FADE = 24_000, 1920, 960
LENGTHS = (9_600, 24_000, 43_200, 50_000)


def tone(samples: int, phase: float = 0.0) -> Wave:
    return np.sin(2 * np.pi * 220 * np.arange(samples) / RATE + phase).astype(np.float32)


def joined(versions: list[Wave]) -> list[Wave]:
    seam = Seam(HELD, FADE)
    return [seam.take(version, last=version is versions[-1]) for version in versions]


def largest_step(wave: Wave) -> float:
    return float(np.abs(np.diff(wave)).max())


def test_a_waveform_that_only_grows_comes_out_as_it_is() -> None:
    parts = joined([tone(length) for length in LENGTHS])
    assert [len(part) for part in parts] == [9_600 - HELD, 14_400, 19_200, 6_800 + HELD]
    np.testing.assert_allclose(np.concatenate(parts), tone(LENGTHS[-1]), atol=1e-6)


@pytest.mark.parametrize("phase", [0.5, 1.5, np.pi])
def test_versions_that_differ_are_joined_without_a_click(phase: float) -> None:
    """A cut would step by up to twice the amplitude; a tone of 220 Hz steps by 0.058 of it."""
    versions = [tone(length, phase * place) for place, length in enumerate(LENGTHS)]
    parts = joined(versions)
    assert largest_step(np.concatenate(parts)) < 1.1 * largest_step(tone(RATE))
    for version, part, end in zip(versions[:-1], parts, np.cumsum([len(part) for part in parts]), strict=False):
        np.testing.assert_array_equal(version[end - 100 : end], part[-100:])  # away from the seam, each is unchanged


def test_a_version_with_nothing_certain_gives_nothing_and_loses_nothing() -> None:
    parts = joined([tone(HELD), tone(HELD // 2), tone(24_000)])
    assert [len(part) for part in parts] == [0, 0, 24_000]
    parts = joined([tone(9_600), tone(9_600), tone(9_600, 1.0), tone(9_700)])
    assert [len(part) for part in parts] == [9_600 - HELD, 0, 0, HELD + 100]
    assert largest_step(np.concatenate(parts)) < 1.1 * largest_step(tone(RATE))


def test_an_end_that_is_shorter_than_what_was_given_out_gives_nothing_more() -> None:
    assert [len(part) for part in joined([tone(9_600), tone(5_000)])] == [9_600 - HELD, 0]
