"""The media of many callers in one thread."""

from __future__ import annotations

import time

from ops.chaos.load.media import Media
from ops.witness.rtp import RtpEnd
from tests.wire.calls import tone


def test_what_one_end_plays_the_other_hears_and_counts() -> None:
    with Media() as media:
        ends = [media.end() for _ in range(4)]
        for one, other in (ends[:2], ends[2:]):
            one.aim("127.0.0.1", other.port)
            other.aim("127.0.0.1", one.port)
        played = ends[0].play(tone(440, 0.4))
        assert played.done.wait(10)
        limit = time.monotonic() + 10
        while sum(ends[1].loud) < 20 or len(ends[3].at_ns) < 20:
            assert time.monotonic() < limit
            time.sleep(0.02)
        for end in ends:
            end.close()
    assert sum(ends[1].loud) == 20
    assert not ends[2].heard
    assert not ends[3].heard
    assert ends[1].lost == 0
    assert len(ends[1].gaps_ms()) == len(ends[1].at_ns) - 1


def test_packets_that_never_arrive_are_counted() -> None:
    with Media() as media:
        end, other = media.end(), RtpEnd()
        try:
            other.aim("127.0.0.1", end.port)
            limit = time.monotonic() + 10
            while len(end.at_ns) < 5:
                assert time.monotonic() < limit
                time.sleep(0.02)
            other._sequence += 3  # as if three had been lost on the way
            so_far = len(end.at_ns)
            while len(end.at_ns) < so_far + 5:
                assert time.monotonic() < limit
                time.sleep(0.02)
        finally:
            other.close()
        end.close()
    assert end.lost == 3
