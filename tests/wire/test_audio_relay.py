"""From one line to another: how far ahead, and at which rate."""

from __future__ import annotations

from phone_daemon.events import FRAME_BYTES, Frame, WideFrame
from phone_daemon.wire.audio_relay import CUSHION, AudioRelay

Played = list[tuple[int, bytes, bytes]]
PCM, WIDE = b"ab" * 160, b"cd" * 320


def relay() -> tuple[AudioRelay, Played]:
    played: Played = []
    return AudioRelay(lambda *sent: played.append(sent)), played


def test_the_first_frame_is_cushioned_and_those_after_it_follow() -> None:
    here, played = relay()
    for _ in range(2):
        here.play(1, Frame(0, PCM, b"", 0, 0, 0))
    assert played == [(1, CUSHION + PCM, b""), (1, PCM, b"")]


def test_what_a_wideband_line_sends_goes_on_at_both_rates() -> None:
    here, played = relay()
    for _ in range(2):
        here.play(1, WideFrame(0, PCM, b"", 0, 0, 0, WIDE, b""))
    assert played == [(1, CUSHION + PCM, 2 * CUSHION + WIDE), (1, PCM, WIDE)]


def test_a_line_that_does_not_keep_up_is_sent_no_more_until_it_has() -> None:
    here, played = relay()
    for _ in range(20):
        here.play(1, Frame(0, PCM, b"", 0, 0, 0))
    waiting = sum(len(pcm) for _, pcm, _ in played)
    assert 6 * FRAME_BYTES < waiting <= 7 * FRAME_BYTES
    here.tick(160)
    here.play(1, Frame(0, PCM, b"", 0, 0, 0))
    assert played[-1] == (1, PCM, b"") and sum(len(pcm) for _, pcm, _ in played) == waiting + FRAME_BYTES
