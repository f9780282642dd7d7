"""What a call sees of its telephone line, whichever wire carries it (SIP, WebRTC, or a recording)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from phone_daemon.events import EndReason, LineEvent


class Line(Protocol):
    """One call's line. Methods return at once; what comes of them arrives as events.

    Playout belongs to the line: audio is pushed ahead and leaves at 20 ms a tick, however busy the daemon is.
    Replies are numbered from 1 upwards within a call. Audio of a reply whose id was flushed, or that is lower
    than one already seen, is dropped: late audio can never play.
    """

    id: str
    """Unique, safe as a folder name; sorts by time."""
    caller: str
    """Calling number or user part; empty when withheld."""
    caller_name: str
    """What their telephone or exchange calls the caller; empty when it does not. Anybody's word."""
    called: str
    """Called number or user part of the request URI."""
    wide: bool
    """Its frames are `WideFrame`s."""

    def events(self) -> AsyncIterator[LineEvent]:
        """The line's events in order; ends after `LineClosed`. One reader only."""
        ...

    def play(self, reply: int, pcm: bytes) -> None:
        """Queues 8 kHz audio (any even length) for `reply`."""
        ...

    def finish(self, reply: int) -> None:
        """Says that `reply` has no more audio: a `PlayoutDone` follows when the last sample has left."""
        ...

    def flush(self, reply: int) -> None:
        """Silences `reply` (and every earlier one) at the next tick: a `Flushed` follows, even if nothing was queued.

        A reply that already ended with `PlayoutDone` is answered with a `Flushed` of the same samples played.
        """
        ...

    def duck(self, reply: int, down: bool) -> None:
        """Has `reply` go on softly (18 dB less, over 40 ms) from the next tick on, or be as loud as before again.

        Nothing of it is lost. Harmless when the reply is over.
        """
        ...

    def send_digits(self, digits: str) -> None:
        """Sends DTMF digits (RFC 4733)."""
        ...

    def transfer(self, uri: str) -> None:
        """Hands the caller over to `uri` by a blind transfer (REFER, RFC 5589).

        `LineClosed` follows once he is there, or `TransferFailed`: then he is still here.
        """
        ...

    def consult(self, uri: str, briefing: bytes) -> None:
        """Hands the caller over to `uri` by an attended transfer: they are called, and hear `briefing` (8 kHz) first.

        What follows is what follows a `transfer`. What the caller hears meanwhile is `play_music`.
        """
        ...

    def play_music(self, pcm: bytes) -> None:
        """Plays 8 kHz audio, again and again, in place of replies, which wait."""
        ...

    def stop_music(self) -> None:
        """Replies are played again. Harmless when no music is."""
        ...

    def hang_up(self, reason: EndReason = EndReason.AGENT_HUNG_UP) -> None:
        """Ends the call; `LineClosed` with `reason` follows. Harmless when it is over already."""
        ...
