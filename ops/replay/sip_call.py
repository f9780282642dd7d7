"""A recorded caller on a real telephone line: SIP and RTP through a line card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ops.replay.caller import RecordedCaller
from ops.replay.echo_path import EchoPath, mixed
from ops.replay.fixture import Fixture
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, EndReason, Frame, LineClosed
from phone_daemon.wire.line import Line
from phone_daemon.wire.tape import HangUp, Press, Say

AHEAD = 4 * FRAME_SAMPLES
"""The longest time that an echo waits in the line's queue, even if this process is late; later audio is dropped."""


class Telephone(Protocol):
    """Something that can place a call: `wire.sip.LineCards` or one `LineCard`."""

    async def place(self, uri: str, caller: str = "") -> Line: ...


@dataclass(frozen=True, slots=True)
class CallerSide:
    """The outcome of a recorded call, as its caller saw it."""

    closed: LineClosed
    hung_up: bool
    """Whether the caller ended the call."""
    gave_up: str
    """What the caller waited for in vain; empty if nothing."""


async def place_recorded_call(
    telephone: Telephone, uri: str, fixture: Fixture, progress: Callable[[float], None] = lambda part: None
) -> CallerSide:
    """Phones `uri` under the fixture's name, and plays its cues until the call is over.

    `progress` is called with the fraction of cues played. Raises `CallRefused`. Canceling it hangs up.
    """
    line = await telephone.place(uri, fixture.name)
    caller = RecordedCaller(fixture)
    echo = None if fixture.echo is None else EchoPath(fixture.echo)
    saying, sent = bytearray(), 0
    closed = LineClosed(EndReason.FAILED)
    utterance = 0
    try:
        async for event in line.events():
            match event:
                case Frame(pcm=pcm, played=played):
                    for act in caller.hear(pcm):
                        match act:
                            case Say(said) if echo is not None:
                                saying += said
                            case Say(said):
                                utterance += 1
                                line.play(utterance, said)
                                line.finish(utterance)
                            case Press(digits):
                                line.send_digits(digits)
                            case HangUp():
                                line.hang_up(EndReason.CALLER_HUNG_UP)
                        progress(caller.progress)
                    if echo is not None:
                        # The line never falls silent, so everything that is said is one endless utterance.
                        back = echo.feed(pcm)
                        if sent - played <= AHEAD:
                            said = bytes(saying[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
                            del saying[:FRAME_BYTES]
                            line.play(1, mixed(said, back))
                            sent += FRAME_SAMPLES
                case LineClosed():
                    closed = event
    finally:
        line.hang_up()
    return CallerSide(closed, caller.hung_up, caller.gave_up)
