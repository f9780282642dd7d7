"""A call's telephone line, whatever carries it (SIP, WebRTC, or a recording)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from phone_daemon.events import EndReason, LineEvent


class Line(Protocol):
    """One call's line. Methods return at once; their results arrive as events. The line owns playout: audio is pushed
    ahead and leaves at 20 ms a tick, no matter how busy the daemon is. Replies are numbered from 1 within a call. Audio
    for a reply that was flushed, or whose number is lower than one already seen, is dropped: late audio can never play.
    """

    id: str
    """Unique, safe as a folder name; sorts by time."""
    caller: str
    """The calling number or user part; empty if withheld."""
    caller_name: str
    """The caller's name as given by their telephone or exchange; empty if there is none. Not to be trusted."""
    called: str
    """Called number or user part of the request URI."""
    wide: bool
    """Whether its frames are `WideFrame`s."""

    def events(self) -> AsyncIterator[LineEvent]:
        """The line's events in order; ends after `LineClosed`. One reader only."""
        ...

    def play(self, reply: int, pcm: bytes, wide: bytes = b"") -> None:
        """Queues 8 kHz audio (any even length) for `reply`; `wide`: the same at 16 kHz, for a wideband line."""
        ...

    def finish(self, reply: int) -> None:
        """Marks the end of `reply`'s audio: a `PlayoutDone` follows when the last sample has left."""
        ...

    def flush(self, reply: int) -> None:
        """Silences `reply` (and every earlier one) at the next tick: a `Flushed` follows, even if nothing was queued.

        For a reply that already ended with `PlayoutDone`, the `Flushed` has the same number of samples played.
        """
        ...

    def duck(self, reply: int, down: bool) -> None:
        """Makes `reply` continue softly (18 dB lower, over 40 ms) from the next tick on, or returns it to full volume.
        Nothing of it is lost. Harmless if the reply is over.
        """
        ...

    def send_digits(self, digits: str) -> None:
        """Sends DTMF digits (RFC 4733)."""
        ...

    def transfer(self, uri: str) -> None:
        """Transfers the caller to `uri` by a blind transfer (REFER, RFC 5589). `LineClosed` follows once they have
        arrived; after `TransferFailed` they are still on this line.
        """
        ...

    def consult(self, uri: str, briefing: bytes) -> None:
        """Transfers the caller to `uri` by an attended transfer: the other party is called, and hears `briefing` (8
        kHz) first. The same events follow as for `transfer`. Meanwhile the caller hears what `play_music` plays.
        """
        ...

    def play_music(self, pcm: bytes) -> None:
        """Plays 8 kHz audio in a loop instead of replies, which wait."""
        ...

    def stop_music(self) -> None:
        """Plays replies again. Harmless if there is no music."""
        ...

    def hang_up(self, reason: EndReason = EndReason.AGENT_HUNG_UP) -> None:
        """Ends the call; `LineClosed` with `reason` follows. Harmless if the call is already over."""
        ...
