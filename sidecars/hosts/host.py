"""What a client sees of an engine, wherever that engine runs.

A host runs one engine and serves many channels at once. A channel carries messages: a dictionary that JSON can
hold, whose `type` says what it is, and a payload of 16-bit signed little-endian mono PCM at the engine's rate.

Recognition (a channel is one utterance):

    Open {options}       first, once; `options` are the engine's session options
    Audio + payload      any even length
    Finalize             answered by Final, and the utterance is over
    Cancel               answered by Cancelled, and the utterance is over
    -> Partial {text, confidence}
    -> Final {text, confidence, held, open}
    -> Cancelled {held, open}
    -> Failed {error, held, open}

Each of the last three says that the utterance is over and that the engine has freed it: `held` is what the engine's
stores hold now, by store, and `open` how many utterances are open now.

Synthesis (a channel speaks any number of texts, in the order in which they were sent):

    Speak {text, options}
    Cancel               drops the text being spoken and those that wait; answered by one Cancelled
    -> Chunk {marks} + payload   `marks`: [sample in the text's audio, start, end in the text] a word
    -> Done                      one for each text, after its last chunk
    -> Cancelled                 nothing of what was sent before Cancel follows
    -> Failed {error}            that text's end, instead of Done

A Cancel is always answered exactly once, whatever came before it, so that a client can wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

Kind = Literal["stt", "tts"]
Message = dict[str, Any]


class HostLost(Exception):
    """The process behind a channel is gone, or could not be started; the channel is over. Says why."""


class Channel(Protocol):
    """One conversation with the engine. One reader at a time."""

    def send(self, message: Message, payload: bytes = b"") -> None:
        """Hands `message` over; never blocks and never raises: what is wrong is told by `receive`."""
        ...

    async def receive(self) -> tuple[Message, bytes]:
        """The next message in order. Raises `HostLost` when the process behind it died. Safe to cancel."""
        ...

    def listen(self, sink: Callable[[Message, bytes], None], lost: Callable[[str], None]) -> None:
        """Instead of `receive`: calls `sink` with each message as it arrives, or `lost` with the reason, once."""
        ...

    def close(self) -> None:
        """Ends the channel: the engine frees what it holds for it, and nothing more arrives. Idempotent."""
        ...


class Host(Protocol):
    """Runs one engine. `sample_rate` and `voices` are known once `start` has returned."""

    sample_rate: int
    voices: Sequence[str]
    """Synthesis: the engine's voices, the default first. Recognition: empty."""

    @property
    def alive(self) -> bool:
        """Whether the engine runs now; a dead one is being replaced."""
        ...

    async def start(self) -> None:
        """Loads the engine. Raises `HostLost` with the reason when that fails."""
        ...

    def open(self) -> Channel:
        """A new channel, at once. While a dead process is being replaced its messages wait for the next one."""
        ...

    async def close(self) -> None:
        """Ends the engine and every channel. Idempotent."""
        ...
