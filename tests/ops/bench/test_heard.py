"""The witness of what was heard: finds words by their sound."""

from __future__ import annotations

import pytest

from ops.bench.heard import SENTENCES, sounded, words_heard
from ops.witness.rtp import SILENT_FRAME, Packet


@pytest.mark.long
def test_more_sound_is_more_words_up_to_all_of_them() -> None:
    for sentence in SENTENCES:
        counts = [words_heard(sentence, samples) for samples in range(0, 80_000, 800)]
        assert counts == sorted(counts)
        assert counts[0] == 0
        assert counts[-1] == len(sentence.split())
        assert len(set(counts)) > 10


def test_sound_is_counted_from_the_first_to_the_last_of_it() -> None:
    packets = [
        Packet(0, at, (0xFFFFFF00 + at * 160) & 0xFFFFFFFF, 1, 0, False, payload, ("127.0.0.1", 1))
        for at, payload in enumerate([SILENT_FRAME, bytes(160), SILENT_FRAME, bytes(160), SILENT_FRAME])
    ]
    assert sounded(packets) == 3 * 160
    assert sounded(packets[:1]) == 0
