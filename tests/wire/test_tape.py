"""A line without a network: what a call hears from a recorded caller, tick by tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from phone_daemon.clock import run_counted
from phone_daemon.events import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    Digit,
    EndReason,
    Flushed,
    Frame,
    LineClosed,
    LineEvent,
    PlayoutDone,
    PlayoutStarted,
)
from phone_daemon.media import g711
from phone_daemon.wire.line import Line
from phone_daemon.wire.tape import DIGIT_S, Act, HangUp, Press, Say, TapeLine

TICK_NS = 20_000_000


def tone(frames: int, level: int = 4000) -> bytes:
    return (level * np.sin(np.arange(frames * FRAME_SAMPLES) / 3)).astype("<i2").tobytes()


class Scripted:
    """A far end that acts at given ticks, and keeps what it heard."""

    def __init__(self, acts: dict[int, Sequence[Act]]) -> None:
        self.acts = acts
        self.heard: list[bytes] = []

    def __call__(self, agent: bytes) -> Iterable[Act]:
        self.heard.append(agent)
        return self.acts.get(len(self.heard) - 1, ())


def played(
    acts: dict[int, Sequence[Act]],
    agent: Callable[[Line, LineEvent], None] = lambda line, event: None,
    companded: bool = False,
) -> tuple[list[LineEvent], Scripted, TapeLine]:
    """Runs one call; `agent` sees each event. Returns all events."""

    async def main() -> tuple[list[LineEvent], Scripted, TapeLine]:
        far_end = Scripted(acts)
        line = TapeLine("t-1", "5550100", "100", far_end, companded=companded)
        running = asyncio.create_task(line.run())
        events = []
        async for event in line.events():
            events.append(event)
            agent(line, event)
        await running
        return events, far_end, line

    return run_counted(main())


def only(events: Iterable[LineEvent], *kinds: type) -> list[LineEvent]:
    return [event for event in events if isinstance(event, kinds)]


def at_tick(number: int, do: Callable[[Line], None]) -> Callable[[Line, LineEvent], None]:
    """Does something when the frame of a tick arrives."""

    def agent(line: Line, event: LineEvent) -> None:
        if isinstance(event, Frame) and event.position == number * FRAME_SAMPLES:
            do(line)

    return agent


def test_a_frame_comes_every_tick_until_the_caller_hangs_up() -> None:
    events, _, _ = played({4: [HangUp()]})
    frames = [event for event in events if isinstance(event, Frame)]
    assert [frame.position for frame in frames] == [0, 160, 320, 480, 640]
    assert all(frame.pcm == bytes(FRAME_BYTES) and frame.agent == b"" for frame in frames)
    assert events[-1] == LineClosed(EndReason.CALLER_HUNG_UP)


def test_what_the_caller_says_begins_with_the_next_frame_and_is_padded_to_whole_ones() -> None:
    said = tone(2) + tone(1)[:100]
    events, _, _ = played({1: [Say(said)], 8: [HangUp()]})
    pcm = b"".join(event.pcm for event in events if isinstance(event, Frame))
    assert pcm == bytes(2 * FRAME_BYTES) + said.ljust(7 * FRAME_BYTES, b"\0")


def test_the_caller_hears_what_was_played_in_the_tick_it_was_played() -> None:
    said = tone(3)

    def speak(line: Line) -> None:
        line.play(1, said)
        line.finish(1)

    events, far_end, _ = played({9: [HangUp()]}, at_tick(2, speak))
    assert far_end.heard == [
        b"",
        b"",
        b"",
        *(said[i : i + FRAME_BYTES] for i in range(0, 960, 320)),
        b"",
        b"",
        b"",
        b"",
    ]
    assert only(events, PlayoutStarted, PlayoutDone) == [
        PlayoutStarted(1, 480, 3 * TICK_NS),
        PlayoutDone(1, 480, 0, 800, 5 * TICK_NS),
    ]
    frames = [event for event in events if isinstance(event, Frame)]
    assert b"".join(frame.agent for frame in frames) == said
    assert [(frame.reply, frame.played, frame.queued) for frame in frames[2:7]] == [
        (0, 0, 0), (1, 160, 320), (1, 320, 160), (1, 480, 0), (1, 480, 0),
    ]  # fmt: skip


def test_a_flush_is_silent_at_the_next_tick_and_tells_what_was_heard() -> None:
    def agent(line: Line, event: LineEvent) -> None:
        at_tick(0, lambda line: line.play(1, tone(50)))(line, event)
        at_tick(10, lambda line: line.flush(1))(line, event)
        at_tick(12, lambda line: line.play(1, tone(50)))(line, event)

    events, far_end, _ = played({20: [HangUp()]}, agent)
    assert only(events, Flushed) == [Flushed(1, 1600, 6400, 0, 1760, 11 * TICK_NS)]
    assert [bool(frame) for frame in far_end.heard] == [False] + [True] * 10 + [False] * 10


def test_keys_arrive_one_after_the_other_as_fast_as_a_line_carries_them() -> None:
    events, _, _ = played({5: [Press("1#")], 20: [HangUp()]})
    keys = [(index, event) for index, event in enumerate(events) if isinstance(event, Digit)]
    frames_before = [len(only(events[:index], Frame)) for index, _ in keys]
    assert [event for _, event in keys] == [Digit("1"), Digit("#")]
    assert frames_before == [6, 6 + round(DIGIT_S / 0.020)]


def test_both_directions_sound_as_through_a_telephone() -> None:
    said = tone(3)

    def speak(line: Line) -> None:
        line.play(1, said)
        line.finish(1)

    events, far_end, _ = played({0: [Say(said)], 9: [HangUp()]}, at_tick(0, speak), companded=True)
    through = g711.through(said)
    assert b"".join(far_end.heard) == through != said
    assert b"".join(event.pcm for event in events if isinstance(event, Frame))[320 : 320 + 960] == through


@pytest.mark.parametrize("reason", [EndReason.AGENT_HUNG_UP, EndReason.DRAINED])
def test_hanging_up_ends_the_call_once_with_its_reason(reason: EndReason) -> None:
    def agent(line: Line, event: LineEvent) -> None:
        if isinstance(event, Frame) and event.position >= 320:
            line.hang_up(reason)
            line.hang_up(EndReason.FAILED)

    events, _, _ = played({}, agent)
    assert only(events, LineClosed) == [LineClosed(reason)]
    assert events[-1] == LineClosed(reason)


def test_a_transfer_and_sent_digits_are_kept_for_whoever_asks() -> None:
    def hand_over(line: Line) -> None:
        line.send_digits("12")
        line.transfer("sip:desk@127.0.0.1")

    events, _, line = played({}, at_tick(1, hand_over))
    assert events[-1] == LineClosed(EndReason.TRANSFERRED)
    assert (line.sent_digits, line.transferred_to) == ("12", "sip:desk@127.0.0.1")


def test_two_runs_give_the_same_events() -> None:
    def run() -> list[LineEvent]:
        speak = at_tick(5, lambda line: line.play(1, tone(9)))
        return played({3: [Say(tone(20))], 7: [Press("5")], 60: [HangUp()]}, speak)[0]

    assert run() == run()
