"""Audio that comes in bursts leaves as a frame every 20 ms."""

from __future__ import annotations

from phone_daemon.events import FRAME_BYTES
from phone_daemon.web.jitter_buffer import JitterBuffer
from tests.wire.calls import rms, tone

SILENCE = bytes(FRAME_BYTES)
TONE = tone(437, 2.0)


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]


def test_a_steady_stream_comes_out_whole_two_frames_late() -> None:
    buffer = JitterBuffer()
    out = []
    for frame in frames(TONE):
        buffer.put(frame)
        out.append(buffer.take())
    assert out[0] == SILENCE
    assert b"".join(out[1:]) == TONE[: len(out[1:]) * FRAME_BYTES]
    assert not buffer.concealed


def test_pieces_of_any_length_half_samples_included_are_put_together() -> None:
    buffer = JitterBuffer()
    out, sent = b"", 0
    for size in [7, 321, 640, 319, 1, 353, 640] * 3:
        buffer.put(TONE[sent : sent + size])
        sent += size
        out += buffer.take()
    assert out.lstrip(b"\0")[:FRAME_BYTES] in TONE


def test_a_stall_is_concealed_for_three_frames_and_then_silent() -> None:
    buffer = JitterBuffer()
    for frame in frames(TONE)[:3]:
        buffer.put(frame)
    real = [buffer.take() for _ in range(3)]
    concealed = [rms(buffer.take()) for _ in range(4)]
    assert rms(real[-1]) > concealed[0] > concealed[1] > concealed[2] > concealed[3] == 0
    assert buffer.concealed == 3


def test_a_word_that_is_shorter_than_the_buffer_is_heard_all_the_same() -> None:
    buffer = JitterBuffer()
    buffer.put(TONE[:FRAME_BYTES])
    assert TONE[:FRAME_BYTES] in [buffer.take() for _ in range(5)]


def test_a_burst_after_a_stall_loses_its_silence_first_and_no_speech() -> None:
    buffer = JitterBuffer()
    speech = frames(TONE)[:8]
    for frame in [*speech, *[SILENCE] * 30, *speech]:
        buffer.put(frame)
    out = [buffer.take() for _ in range(40)]
    assert [frame for frame in out if frame in speech] == speech + speech
    assert not buffer.dropped
    # The end of the speech comes sooner than it would with the silence that was dropped.
    last = max(at for at, frame in enumerate(out) if frame == speech[-1])
    assert last < 8 + 30 + 8 - 10


def test_at_16_khz_a_frame_is_20_ms_and_a_second_a_second() -> None:
    buffer = JitterBuffer(16_000)
    sound = tone(437, 3.0)
    buffer.put(sound)
    taken = [buffer.take() for _ in range(50)]
    assert {len(frame) for frame in taken} == {640}
    assert b"".join(taken) == sound[-32_000:]
    assert buffer.dropped == len(sound) - 32_000


def test_more_than_a_second_is_not_kept() -> None:
    buffer = JitterBuffer()
    buffer.put(tone(437, 60.0))
    taken = [buffer.take() for _ in range(51)]
    assert b"".join(taken[:50]) == tone(437, 60.0)[-2 * 8000 :]
    assert buffer.concealed == 1
    assert buffer.dropped == 2 * 8000 * 59
