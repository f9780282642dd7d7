"""The interface of an engine for its clients, wherever the engine runs.

A host runs one engine and serves many channels at once. A channel carries messages. A message is a JSON-compatible
dictionary whose `type` says what it is, with a payload of 16-bit signed little-endian mono PCM at the engine's rate.

Recognition (a channel is one utterance):

    Open {options}       first, once; `options` are the engine's session options
    Audio + payload      any even length
    Finalize             answered by Final, and the utterance is over
    Cancel               answered by Cancelled, and the utterance is over
    -> Partial {text, confidence, words, samples}    `samples`: how much audio the engine had received, if known
    -> Final {text, confidence, words, others, held, open}
    -> Cancelled {held, open}
    -> Failed {error, held, open}

Each of the last three messages says that the utterance is over and that the engine has freed it. `held` is what the
engine's stores hold now, by store, and `open` is the number of open utterances. `words`, if the engine knows their
times, has [text, start, end, confidence] for each word, in seconds of the utterance's audio. `others`, if there are
any, are other texts that may well have been said, likeliest first.

Synthesis (a channel speaks any number of texts, in the order in which they were sent):

    Speak {text, options}        also `before`: the preceding part of the same sentence, for its melody
    Cancel               drops the text being spoken and those that wait; answered by one Cancelled
    -> Chunk {marks} + payload   `marks`: [sample in the text's audio, start, end in the text] for each word
    -> Done                      one for each text, after its last chunk
    -> Cancelled                 nothing that was sent before Cancel follows
    -> Failed {error}            that text's end, instead of Done

    -> Fault {error}     on any channel, at any time: a problem that the channel has survived, but should report

A Cancel is always answered exactly once, whatever came before it, so that a client can wait for the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

Kind = Literal["stt", "tts"]
Message = dict[str, Any]
Letter = tuple[int, Message, bytes]
"""Channel, message, payload."""


class HostLost(Exception):
    """The process behind a channel is gone or could not be started, and the channel is over. The message says why."""


class Channel(Protocol):
    """One conversation with the engine. One reader at a time."""

    sample_rate: int
    """The sample rate of audio in both directions on this channel: a host made of two may have engines with different
    rates."""

    def send(self, message: Message, payload: bytes = b"") -> None:
        """Sends `message`; never blocks and never raises: errors are reported by `receive`."""
        ...

    async def receive(self) -> tuple[Message, bytes]:
        """Returns the next message in order. Raises `HostLost` if the process behind the channel has died. Can safely
        be cancelled.
        """
        ...

    def listen(self, sink: Callable[[Message, bytes], None], lost: Callable[[str], None]) -> None:
        """An alternative to `receive`: calls `sink` with each message as it arrives, or `lost` once with the reason."""
        ...

    def close(self) -> None:
        """Ends the channel: the engine frees what it holds for the channel, and nothing more arrives. Idempotent."""
        ...


class Host(Protocol):
    """Runs one engine. Its properties are known once `start` has returned."""

    @property
    def voices(self) -> Sequence[str]:
        """Synthesis: the engine's voices, the default first. Recognition: empty."""
        ...

    @property
    def problem(self) -> str:
        """Why the host does not work properly, in one line without secrets; empty: it works.

        Channels can be opened even so, because a dead engine is being replaced.
        """
        ...

    async def start(self) -> None:
        """Loads the engine. Raises `HostLost` with the reason if that fails."""
        ...

    def open(self, call: str = "") -> Channel:
        """Opens a channel at once. While a dead process is being replaced, the channel's messages wait for the next
        one. `call`: the call that the channel belongs to, for a host that has a process for each call; empty: no
        particular call.
        """
        ...

    async def close(self) -> None:
        """Ends the engine and every channel. Idempotent."""
        ...


def options_of(message: Message) -> Mapping[str, Any]:
    """Returns the message's `options`. Raises `ValueError` if they are not a table."""
    options = message.get("options", {})
    if not isinstance(options, dict):
        raise ValueError(f"{message.get('type')}: options must be a table, not {options!r:.80}")
    return options
