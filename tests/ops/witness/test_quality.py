"""The quality measure on known streams."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.witness.quality import LEAST_DB, Quality, played, quality
from ops.witness.rtp import FRAME_NS, FRAME_SAMPLES, PCMU, Packet, to_pcm, to_ulaw
from tests.foreign.audio import read

SAID = read(min(Path("fixtures/calls/books_an_appointment").glob("*.wav")))[0].astype("<i2").tobytes()
BEFORE = 37
"""Packets of silence before the recording begins."""


def stream(pcm: bytes, timestamp: int = 0xFFFF_F000) -> list[Packet]:
    ulaw = b"\xff" * (BEFORE * FRAME_SAMPLES) + to_ulaw(pcm)
    frames = [ulaw[at : at + FRAME_SAMPLES] for at in range(0, len(ulaw), FRAME_SAMPLES)]
    return [
        Packet(10**9 + at * FRAME_NS, at, (timestamp + at * FRAME_SAMPLES) % 2**32, 1, PCMU, False, frame, ("h", 1))
        for at, frame in enumerate(frames)
    ]


def test_a_whole_stream_is_as_good_as_its_codec_wherever_it_begins() -> None:
    for cut in (0, 100, BEFORE + 20):
        found = quality(SAID, stream(SAID)[cut:])
        assert found.db == pytest.approx(found.codec_db)
        assert found.codec_db > 30
        assert found.unplayed == 0


def test_what_is_lost_or_late_costs_and_what_is_a_little_late_does_not() -> None:
    whole = stream(SAID)
    best = quality(SAID, whole).db
    some = np.random.default_rng(1).random(len(whole)) < 0.05

    def worse(late_ms: float) -> Quality:
        return quality(
            SAID,
            [replace(p, at_ns=p.at_ns + int(late_ms * 1e6)) if bad else p for p, bad in zip(whole, some, strict=True)],
        )

    lost = quality(SAID, [packet for packet, bad in zip(whole, some, strict=True) if not bad])
    assert worse(50) == quality(SAID, whole)
    assert worse(70) == lost
    assert best - 4 < lost.db < best - 0.5
    assert lost.unplayed == pytest.approx(some.mean(), abs=0.01)


def test_packets_out_of_order_are_played_in_order_and_another_sound_is_not_alike() -> None:
    whole = stream(SAID)
    turned = [whole[0], *(whole[at + 1 - 2 * (at % 2 == 0)] for at in range(1, len(whole) - 1))]
    assert [packet.sequence for packet in turned[:5]] == [0, 2, 1, 4, 3]
    heard = played(turned)[0]
    assert heard[: len(heard) - 640] == played(whole)[0][: len(heard) - 640]
    noise = np.random.default_rng(1).integers(-3000, 3000, len(SAID) // 2).astype("<i2").tobytes()
    assert quality(SAID, stream(noise)).db < 5


def test_without_sound_there_is_no_quality() -> None:
    assert quality(SAID, []) == Quality(LEAST_DB, LEAST_DB, 1.0)
    assert quality(bytes(3200), stream(SAID)).db == LEAST_DB
    assert to_pcm(b"\xff") == bytes(2)
