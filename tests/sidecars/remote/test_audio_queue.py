"""Audio queued for a slow server."""

from __future__ import annotations

import pytest

from sidecars.remote.audio_queue import WAITING_S, AudioQueue

RATE = 8000


def test_audio_comes_out_as_it_went_in_in_pieces() -> None:
    queue = AudioQueue(RATE, lambda: pytest.fail("dropped"))
    assert not queue
    pcm = bytes(range(256)) * 25
    queue.put(pcm[:3000])
    queue.put(pcm[3000:])
    assert queue.waiting_s == 0.4
    taken = []
    while queue:
        taken.append(queue.take())
    assert b"".join(taken) == pcm
    assert max(map(len, taken)) == 1600
    assert queue.waiting_s == queue.dropped_s == 0


def test_of_too_much_the_oldest_is_dropped_and_it_is_said_once() -> None:
    said: list[str] = []
    queue = AudioQueue(RATE, lambda: said.append("slow"))
    for second in range(30):
        queue.put(bytes([second]) * 2 * RATE)
    assert said == ["slow"]
    assert queue.waiting_s == WAITING_S
    assert queue.dropped_s == pytest.approx(10)
    assert queue.take()[0] == 10
    queue.clear()
    assert not queue
    assert queue.waiting_s == 0
