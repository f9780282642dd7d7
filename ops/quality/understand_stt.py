"""Recognizes a recording as a call does: frame by frame through the VAD, pre-roll, endpoint, and an utterance's
engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from phone_daemon.call.caller_side import CallerSide, PendingTurn
from phone_daemon.clock import SampleClockLoop
from phone_daemon.events import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    PTIME_S,
    Frame,
    SpeechEnded,
    SpeechStarted,
    samples,
)
from phone_daemon.settings.settings import Settings
from phone_daemon.stt.utterance import Utterance
from sidecars.host.host import Host

LEAD_S = 0.5
"""Silence before the recording: a caller does not begin to speak on the first sample of a call."""
LONGEST_WAIT_S = 5.0
"""Silence after it: long enough for every endpoint."""


async def hear(host: Host, settings: Settings, dialplan: str, expects: str, pcm: bytes) -> PendingTurn:
    """The turn recognized from `pcm` (8 kHz), spoken by a caller who has been asked for `expects`.

    A caller who pauses for longer than an endpoint continues the same turn, as in a call whose agent has not yet begun
    to answer. On a `SampleClockLoop` time passes as in a call, elsewhere as fast as audio is accepted.
    """
    running: set[asyncio.Task[Any]] = set()

    def spawn(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        running.add(task)
        task.add_done_callback(running.discard)
        return task

    options = {"grammar": dialplan} if dialplan else {}
    caller = CallerSide(
        lambda expected: Utterance(host, options, expected=expected),
        settings.vad,
        settings.turn,
        spawn=spawn,
        tell=lambda kind, data: None,
    )
    caller.expect(expects)
    caller.drop()
    pace = PTIME_S if isinstance(asyncio.get_running_loop(), SampleClockLoop) else 0.0
    finals: list[asyncio.Event] = []

    def make_final() -> None:
        done = asyncio.Event()
        finals.append(done)
        caller.make_final(lambda pending: done.set())

    try:
        spoken = bytes(2 * samples(LEAD_S)) + pcm
        for position in range(0, len(spoken) // 2 + samples(LONGEST_WAIT_S), FRAME_SAMPLES):
            if 2 * position >= len(spoken) and not caller.speaking:
                break
            frame = spoken[2 * position : 2 * position + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            for event in caller.hear(Frame(position, frame, b"", 0, 0, 0), has_floor=True):
                match event:
                    case SpeechStarted(onset=onset):
                        caller.attend(onset)
                    case SpeechEnded():
                        make_final()
            if caller.speaking and caller.attended_s >= settings.vad.max_speech_s:
                make_final()
                caller.attend()
            await asyncio.sleep(pace)
        # Each waits for the previous one, and only the last one's `then` is certain to be called.
        if finals:
            await finals[-1].wait()
        return caller.pending
    finally:
        caller.close()
        for task in list(running):
            task.cancel()
