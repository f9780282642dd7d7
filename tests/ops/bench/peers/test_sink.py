"""The far end's playout."""

from __future__ import annotations

import base64
import json

from ops.bench.peers.sink import Sink
from phone_daemon.events import FRAME_BYTES
from phone_daemon.media import g711

TONE = g711.through(b"\x10\x20" * 480)
"""60 ms that survive µ-law."""


def media(pcm: bytes) -> str:
    return json.dumps({"event": "media", "media": {"payload": base64.b64encode(g711.encode(pcm)).decode()}})


def test_what_is_sent_at_once_is_heard_20_ms_at_a_time() -> None:
    sink = Sink()
    sink.receive(media(TONE))
    assert [sink.tick() for _ in range(3)] == [TONE[:FRAME_BYTES], TONE[FRAME_BYTES:640], TONE[640:]]
    assert bytes(sink.heard) == TONE


def test_where_nothing_is_queued_silence_is_heard_and_half_a_frame_is_filled_up() -> None:
    sink = Sink()
    assert sink.tick() == bytes(FRAME_BYTES)
    sink.receive(media(TONE[:100]))
    assert sink.tick() == TONE[:100] + bytes(FRAME_BYTES - 100)
    assert len(sink.heard) == 2 * FRAME_BYTES


def test_what_is_cleared_is_not_heard_and_is_counted() -> None:
    sink = Sink()
    sink.receive(media(TONE))
    first = sink.tick()
    sink.receive(json.dumps({"event": "clear"}))
    assert (first, sink.tick()) == (TONE[:FRAME_BYTES], bytes(FRAME_BYTES))
    assert sink.dropped == len(TONE) - FRAME_BYTES


def test_marks_and_whatever_else_comes_change_nothing() -> None:
    sink = Sink()
    sink.receive(json.dumps({"event": "mark", "mark": {"name": "x"}}))
    assert sink.tick() == bytes(FRAME_BYTES)
