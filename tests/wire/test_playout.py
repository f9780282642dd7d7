"""The playout queue: what is pushed, what leaves, what is reported."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, Flushed, PlayoutDone, PlayoutStarted
from phone_daemon.wire.playout import MAX_QUEUED, REMEMBERED, Playout, PlayoutEvent


def sound(samples: int, level: int = 1000) -> bytes:
    return np.full(samples, level, dtype="<i2").tobytes()


def ticks(playout: Playout, count: int, start: int = 0) -> tuple[list[bytes], list[PlayoutEvent]]:
    frames: list[bytes] = []
    events: list[PlayoutEvent] = []
    for tick in range(start, start + count):
        frame, told = playout.tick(tick * FRAME_SAMPLES, tick * 1000)
        frames.append(frame)
        events += told
    return frames, events


def test_a_finished_reply_leaves_frame_by_frame_and_its_last_one_is_padded() -> None:
    playout = Playout()
    playout.play(1, sound(400))
    playout.finish(1)
    frames, events = ticks(playout, 4)
    assert frames == [sound(160), sound(160), sound(80) + bytes(160), b""]
    assert events == [PlayoutStarted(1, 0, 0), PlayoutDone(1, 400, 0, 320, 2000)]
    assert (playout.reply, playout.played, playout.queued, playout.underruns) == (1, 400, 0, 0)


def test_pieces_of_any_length_make_one_stream() -> None:
    whole = np.arange(1, 1001, dtype="<i2").tobytes()
    playout = Playout()
    for start in range(0, 2000, 142):
        playout.play(3, whole[start : start + 142])
    playout.finish(3)
    frames, _ = ticks(playout, 7)
    assert b"".join(frames)[:2000] == whole


def test_a_leading_silence_is_played_but_playout_starts_with_the_first_sound() -> None:
    playout = Playout()
    playout.play(1, bytes(FRAME_BYTES) + sound(160, level=8) + sound(160))
    frames, events = ticks(playout, 3)
    assert frames[0] == b""
    assert events == [PlayoutStarted(1, 320, 2000)]


def test_a_flush_silences_the_very_next_frame_and_says_what_was_heard_and_what_was_not() -> None:
    playout = Playout()
    playout.play(1, sound(1000))
    ticks(playout, 2)
    playout.flush(1)
    frames, events = ticks(playout, 2, start=2)
    assert frames == [b"", b""]
    assert events == [Flushed(1, 320, 680, 0, 320, 2000)]


def test_audio_that_comes_after_its_flush_never_plays_and_is_counted() -> None:
    playout = Playout()
    playout.play(2, sound(1000))
    playout.flush(2)
    for late in (1, 2):
        playout.play(late, sound(1000))
        playout.finish(late)
    frames, events = ticks(playout, 3)
    assert frames == [b"", b"", b""]
    assert events == [Flushed(2, 0, 1000, 0, 0, 0)]
    assert playout.late_audio == 2


def test_a_flush_of_a_reply_never_seen_is_answered_and_shuts_the_door() -> None:
    playout = Playout()
    playout.flush(5)
    playout.play(5, sound(160))
    frames, events = ticks(playout, 1)
    assert (frames, events) == ([b""], [Flushed(5, 0, 0, 0, 0, 0)])
    playout.play(6, sound(160))
    assert ticks(playout, 1, start=1)[0] == [sound(160)]


def test_a_flush_after_the_end_tells_the_same_samples_played() -> None:
    playout = Playout()
    playout.play(1, sound(200))
    playout.finish(1)
    ticks(playout, 3)
    playout.flush(1)
    assert ticks(playout, 1, start=3)[1] == [Flushed(1, 200, 0, 0, 480, 3000)]


def test_a_flush_reaches_every_earlier_reply_and_spares_a_later_one() -> None:
    playout = Playout()
    for reply in (1, 2, 3):
        playout.play(reply, sound(320, level=reply * 100))
        playout.finish(reply)
    ticks(playout, 1)
    playout.flush(2)
    frames, events = ticks(playout, 2, start=1)
    assert frames == [sound(160, level=300)] * 2
    assert events == [
        Flushed(1, 160, 160, 0, 160, 1000),
        Flushed(2, 0, 320, 0, 160, 1000),
        PlayoutStarted(3, 160, 1000),
        PlayoutDone(3, 320, 0, 320, 2000),
    ]


def test_a_new_reply_follows_what_is_queued_of_the_old_one_which_gets_no_more() -> None:
    playout = Playout()
    playout.play(1, sound(160, level=100))
    playout.play(2, sound(160, level=200))
    playout.play(1, sound(160, level=100))
    frames, events = ticks(playout, 3)
    assert frames[:2] == [sound(160, level=100), sound(160, level=200)]
    assert PlayoutDone(1, 160, 0, 0, 0) in events
    assert playout.late_audio == 1


def test_an_unfinished_reply_without_audio_is_an_underrun_and_keeps_its_last_samples() -> None:
    playout = Playout()
    playout.play(1, sound(200))
    frames, _ = ticks(playout, 2)
    assert frames == [sound(160), b""]
    playout.play(1, sound(120))
    playout.finish(1)
    frames, events = ticks(playout, 1, start=2)
    assert frames == [sound(160)]
    assert events == [PlayoutDone(1, 320, 1, 320, 2000)]
    assert playout.underruns == 1


def test_a_reply_that_finishes_without_audio_is_done_at_once() -> None:
    playout = Playout()
    playout.finish(4)
    assert ticks(playout, 1)[1] == [PlayoutDone(4, 0, 0, 0, 0)]


def test_a_held_line_plays_nothing_and_still_answers_a_flush() -> None:
    playout = Playout()
    playout.play(1, sound(160))
    assert playout.settle(0, 0) == []
    playout.flush(1)
    assert playout.settle(160, 1) == [Flushed(1, 0, 160, 0, 160, 1)]


def test_memory_of_ended_replies_is_bounded() -> None:
    playout = Playout()
    for reply in range(1, 10 * REMEMBERED):
        playout.play(reply, sound(160))
        playout.finish(reply)
        ticks(playout, 1)
    playout.flush(1)
    assert ticks(playout, 1)[1] == [Flushed(1, 0, 0, 0, 0, 0)]


STEPS = st.one_of(
    st.tuples(st.just("play"), st.integers(1, 5), st.integers(1, 500)),
    st.tuples(st.just("finish"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("flush"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("tick"), st.just(0), st.just(0)),
)


@given(st.lists(STEPS, max_size=60))
def test_whatever_the_order_no_sample_of_a_flushed_or_overtaken_reply_leaves_and_played_is_what_left(
    steps: list[tuple[str, int, int]],
) -> None:
    playout = Playout()
    flushed = newest_heard = tick = 0
    left = dict.fromkeys(range(1, 6), 0)
    told: dict[int, int] = {}
    for step, reply, length in [*steps, *[("tick", 0, 0)] * 20]:
        match step:
            case "play":
                playout.play(reply, sound(length, level=reply * 1000))
            case "finish":
                playout.finish(reply)
            case "flush":
                playout.flush(reply)
                flushed = max(flushed, reply)
            case _:
                frame, events = playout.tick(tick * FRAME_SAMPLES, tick)
                tick += 1
                heard = {int(level) // 1000 for level in np.frombuffer(frame, "<i2")} - {0}
                assert len(heard) <= 1
                for source in heard:
                    assert source > flushed
                    assert source >= newest_heard
                    newest_heard = source
                    left[source] += int(np.count_nonzero(np.frombuffer(frame, "<i2")))
                    assert playout.source == source
                for event in events:
                    if not isinstance(event, PlayoutStarted):
                        assert told.setdefault(event.reply, event.played) == event.played == left[event.reply]


def test_a_reply_that_is_made_much_faster_than_it_is_played_fills_no_more_than_its_queue() -> None:
    playout, piece = Playout(), sound(MAX_QUEUED // 100)
    for _ in range(130):
        playout.play(1, piece)
    assert (playout.queued, playout.late_audio) == (MAX_QUEUED, 30)
    ticks(playout, 1)
    playout.play(1, piece)
    assert (playout.queued, playout.late_audio) == (MAX_QUEUED - FRAME_SAMPLES + len(piece) // 2, 30)


def test_a_ducked_reply_goes_on_softly_and_nothing_of_it_is_lost() -> None:
    playout = Playout()
    playout.play(1, sound(1600))
    playout.finish(1)
    before, _ = ticks(playout, 2)
    playout.duck(1, True)
    soft, _ = ticks(playout, 4, start=2)
    playout.duck(1, False)
    after, events = ticks(playout, 5, start=6)
    assert before == [sound(160)] * 2
    assert np.frombuffer(soft[-1], "<i2").max() <= 126  # 18 dB below 1000
    assert after[2:4] == [sound(160)] * 2
    assert events == [PlayoutDone(1, 1600, 0, 9 * FRAME_SAMPLES, 9000)]


def test_the_reply_after_a_ducked_one_is_as_loud_as_ever() -> None:
    playout = Playout()
    playout.play(1, sound(320))
    playout.duck(1, True)
    playout.duck(7, True)  # which nobody knows
    playout.flush(1)
    playout.play(2, sound(320))
    frames, _ = ticks(playout, 2)
    assert frames == [sound(160)] * 2


def test_at_16_khz_frames_are_twice_as_long_and_every_count_is_the_same() -> None:
    def played(rate: int) -> tuple[list[bytes], list[PlayoutEvent], list[tuple[int, int]]]:
        playout = Playout(rate)
        by = rate // 8000
        frames, events, counts = [], [], []
        for tick in range(16):
            if tick == 0:
                playout.play(1, sound(900 * by))
                playout.finish(1)
                playout.play(2, sound(1000 * by))
            if tick == 9:
                playout.flush(2)
                playout.play(3, sound(100 * by))
            frame, told = playout.tick(tick * FRAME_SAMPLES, tick)
            frames.append(frame)
            events += told
            counts.append((playout.played, playout.queued))
        return frames, events, counts

    narrow, wide = played(8000), played(16_000)
    assert wide[1:] == narrow[1:]
    assert [len(frame) for frame in wide[0]] == [2 * len(frame) for frame in narrow[0]]
    assert b"".join(wide[0]) == b"".join(np.repeat(np.frombuffer(each, "<i2"), 2).tobytes() for each in narrow[0])
