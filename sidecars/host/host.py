"""What a client sees of an engine, wherever that engine runs.

A host runs one engine and serves many channels at once. A channel carries messages: a dictionary that JSON can
hold, whose `type` says what it is, and a payload of 16-bit signed little-endian mono PCM at the engine's rate.

Recognition (a channel is one utterance):

    Open {options}       first, once; `options` are the engine's session options
    Audio + payload      any even length
    Finalize             answered by Final, and the utterance is over
    Cancel               answered by Cancelled, and the utterance is over
    -> Partial {text, confidence, words, samples}    `samples`: how much of its audio the engine had been given, if told
    -> Final {text, confidence, words, others, held, open}
    -> Cancelled {held, open}
    -> Failed {error, held, open}

Each of the last three says that the utterance is over and that the engine has freed it: `held` is what the engine's
stores hold now, by store, and `open` how many utterances are open now. `words`, when the engine knows when they were
said: [text, start, end, confidence] each, in seconds of the utterance's audio. `others`, if there are any: other
texts that it may well have been, the likeliest first.

Synthesis (a channel speaks any number of texts, in the order in which they were sent):

    Speak {text, options}        `before` too: what of the same sentence was spoken just before, for its melody
    Cancel               drops the text being spoken and those that wait; answered by one Cancelled
    -> Chunk {marks} + payload   `marks`: [sample in the text's audio, start, end in the text] a word
    -> Done                      one for each text, after its last chunk
    -> Cancelled                 nothing of what was sent before Cancel follows
    -> Failed {error}            that text's end, instead of Done

    -> Fault {error}     on any channel, at any time: something that the channel has survived, and should be told of

A Cancel is always answered exactly once, whatever came before it, so that a client can wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

Kind = Literal["stt", "tts"]
Message = dict[str, Any]
Letter = tuple[int, Message, bytes]
"""Channel, message, payload."""


class HostLost(Exception):
    """The process behind a channel is gone, or could not be started; the channel is over. Says why."""


class Channel(Protocol):
    """One conversation with the engine. One reader at a time."""

    sample_rate: int
    """Of the audio that goes either way on this channel: a host made of two may have engines of different rates."""

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
    """Runs one engine. What it is like is known once `start` has returned."""

    @property
    def voices(self) -> Sequence[str]:
        """Synthesis: the engine's voices, the default first. Recognition: empty."""
        ...

    @property
    def problem(self) -> str:
        """Why it is not what it should be, in one line without secrets; empty: nothing is wrong.

        Channels can be opened all the same: a dead engine is being replaced.
        """
        ...

    async def start(self) -> None:
        """Loads the engine. Raises `HostLost` with the reason when that fails."""
        ...

    def open(self, call: str = "") -> Channel:
        """A new channel, at once. While a dead process is being replaced its messages wait for the next one.

        `call`: what it is part of, for a host that has a process for each call; empty: nothing in particular.
        """
        ...

    async def close(self) -> None:
        """Ends the engine and every channel. Idempotent."""
        ...


def options_of(message: Message) -> Mapping[str, Any]:
    """The message's `options`. Raises `ValueError` when they are not a table."""
    options = message.get("options", {})
    if not isinstance(options, dict):
        raise ValueError(f"{message.get('type')}: options must be a table, not {options!r:.80}")
    return options
