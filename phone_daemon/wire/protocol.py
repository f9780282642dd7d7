"""What the daemon and a line card say to each other: messages in packets on a `SOCK_SEQPACKET` pair.

A message is its type, the call it is about (0: the card itself), the value's fields in the order in which they are
declared (numbers as they are, the length of each text or audio), then the texts and audio themselves. A packet is
one message or several: a card tells of all its calls' 20 ms at once, which wakes the daemon once. Both ends run on
one machine from one checkout, so there is no version to negotiate; a packet that does not fit is a bug or a
stranger, and raises `WireError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from phone_daemon.events import (
    Digit,
    EndReason,
    Flushed,
    Frame,
    HoldChanged,
    LineClosed,
    PlayoutDone,
    PlayoutStarted,
    SourceChanged,
    TransferFailed,
    WideFrame,
)

MAX_PACKET = 65_536
"""Bytes a receiver makes room for."""
PLAY_BYTES = 16_000
"""Audio in one `Play` packet at most (one second): longer pieces are split."""


class WireError(ValueError):
    """A packet that is not of this protocol."""


# ---------------------------------------------------------------------------------------------- daemon -> card


@dataclass(frozen=True, slots=True)
class Ring:
    """180 Ringing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """200 OK."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """A final response of 300 to 699; `retry_after` seconds are told to the caller unless 0."""

    code: int
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Calls `uri` by the account of `trunk` (empty: none's); `caller` is the user part of our own From header."""

    uri: str
    caller: str = ""
    trunk: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What calls of `trunk` go out by, in place of what it had; registered at `registrar` unless `expires` is 0."""

    trunk: str
    user: str
    domain: str
    """What follows the @ in our address."""
    registrar: str
    """`host` or `host:port`."""
    route: str
    """Where requests are sent: `address:port`, with `;transport=tcp` where that is meant."""
    line: str
    """A parameter of the Contact, which calls over the registration bear."""
    auth_user: str
    realm: str
    password: str = field(repr=False)
    expires: int
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Unregister:
    """Takes back the registration of `trunk`, or all of them when it is empty."""

    trunk: str = ""


@dataclass(frozen=True, slots=True)
class Admit:
    """Who may call: `admission.encode`; until the first one everybody may."""

    rules: str


@dataclass(frozen=True, slots=True)
class AskOptions:
    """Asks `trunk` at the SIP URI `target` whether it is there; answered with `OptionsAnswered` if it is."""

    trunk: str
    target: str


@dataclass(frozen=True, slots=True)
class SetReady:
    """Whether OPTIONS is answered with 200 or with 503."""

    ready: bool


@dataclass(frozen=True, slots=True)
class Play:
    reply: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class PlayWide:
    """`Play` at 16 kHz, for a wideband line. Both may come for one reply."""

    reply: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    reply: int


@dataclass(frozen=True, slots=True)
class Flush:
    reply: int


@dataclass(frozen=True, slots=True)
class Duck:
    """The reply goes on softly (`down`), or as loud as before."""

    reply: int
    down: bool


@dataclass(frozen=True, slots=True)
class SendDigits:
    digits: str


@dataclass(frozen=True, slots=True)
class Transfer:
    uri: str


@dataclass(frozen=True, slots=True)
class Brief:
    """A piece of what the colleague of the next `Consult` is told."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Consult:
    """An attended transfer: calls `uri`, tells them what `Brief` brought, and joins them with the caller."""

    uri: str
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Music:
    """A piece of what the caller hears, again and again, in place of replies; empty: they are heard again."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Stop:
    """No new calls; `drain`: exit when the live ones are over, else end them now and exit."""

    drain: bool


@dataclass(frozen=True, slots=True)
class AskStats:
    """Answered with `Stats`."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The BYE that would end a call. A card tells it of each call that is answered; empty: the call is over.

    The card that takes the place of a dead one is told it in turn, and sends it.
    """

    call_id: str
    """The SIP Call-ID."""
    address: str
    """Where the BYE is sent: `host:port`."""
    tcp: bool
    bye: str
    """The whole message."""


@dataclass(frozen=True, slots=True)
class Told:
    """A note (`events.Note`) as JSON: of this call, or with call 0 of one on another card. For the web's card alone."""

    note: str


TrunkCommand = Account | Unregister | Admit | AskOptions | SetReady
Command = (
    Ring
    | Answer
    | Refuse
    | Place
    | Play
    | PlayWide
    | Finish
    | Flush
    | Duck
    | SendDigits
    | Transfer
    | Brief
    | Consult
    | Music
    | HangUp
    | Stop
    | AskStats
    | Farewell
    | Told
    | TrunkCommand
)

# ---------------------------------------------------------------------------------------------- card -> daemon


@dataclass(frozen=True, slots=True)
class Hello:
    """The card is ready for calls."""

    pid: int
    max_calls: int
    version: str
    port: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody calls; rings until it is answered or refused."""

    invite: str
    """The request as it came, without its body."""
    address: str
    """Where it came from, `host:port`."""
    trunk: str = ""
    """The trunk whose call it is; empty where there are none."""
    wide: bool = False
    """Whether its frames are `WideFrame`s."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration: it holds for `expires` seconds, or does not (0), with the registrar's answer."""

    trunk: str
    code: int
    reason: str
    expires: int


@dataclass(frozen=True, slots=True)
class OptionsAnswered:
    """A trunk is there, whatever it says (`code`)."""

    trunk: str
    code: int


@dataclass(frozen=True, slots=True)
class Ringing:
    """A placed call rings at the other side; what it says meanwhile (early media) is no answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A placed call was answered."""


@dataclass(frozen=True, slots=True)
class InBandKeys:
    """Whether the caller's keys come as tones in the audio, as no telephone-event (RFC 4733) was agreed on."""

    expected: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """A card since its start."""

    ticks: int
    tick_late_p99_us: int
    """Over the last minute, as is the maximum."""
    tick_late_max_us: int
    underruns: int
    stale_frames: int
    """Frames handed to RTP with samples of a reply that had been flushed: 0, or a bug."""
    late_audio: int
    """Pieces of audio that came after their reply was flushed or overtaken, and were dropped."""
    lost_frames: int
    """Caller's frames the daemon was too slow to take."""
    calls: int
    conf_ports: int
    descriptors: int
    rss_bytes: int
    cpu_s: float


LineMessage = (
    Frame
    | WideFrame
    | Digit
    | PlayoutStarted
    | PlayoutDone
    | Flushed
    | SourceChanged
    | HoldChanged
    | TransferFailed
    | LineClosed
)
Report = (
    Hello | Incoming | Registered | OptionsAnswered | Ringing | Answered | InBandKeys | Farewell | Stats | LineMessage
)
Message = Command | Report

# -------------------------------------------------------------------------------------------------- packets

_FORMAT = {int: "q", float: "d", bool: "?", str: "I", bytes: "I", EndReason: "I"}


class _Codec:
    """Packs one type of value."""

    def __init__(self, number: int, kind: type[Any]) -> None:
        hints = get_type_hints(kind)
        self.number = number
        self.kind = kind
        self.types = [hints[each.name] for each in fields(kind)]
        self.names = [each.name for each in fields(kind)]
        self.head = struct.Struct("<BI" + "".join(_FORMAT[of] for of in self.types))
        self.tails: list[tuple[int, Callable[[bytes], Any]]] = [
            (at, _TEXT[of]) for at, of in enumerate(self.types) if of in _TEXT
        ]

    def pack(self, call: int, value: Any) -> bytes:
        values = [getattr(value, name) for name in self.names]
        tail = []
        for at, decode in self.tails:
            data = values[at] if decode is bytes else values[at].encode()
            values[at] = len(data)
            tail.append(data)
        return b"".join((self.head.pack(self.number, call, *values), *tail))

    def unpack(self, packet: bytes, start: int) -> tuple[int, Any, int]:
        """The call, the value, and where it ends."""
        _, call, *values = self.head.unpack_from(packet, start)
        start += self.head.size
        for at, decode in self.tails:
            end = start + values[at]
            if end > len(packet):
                raise ValueError(f"{len(packet)} bytes where {end} were announced")
            values[at] = decode(packet[start:end])
            start = end
        return call, self.kind(*values), start


_TEXT: dict[Any, Callable[[bytes], Any]] = {
    bytes: bytes,
    str: bytes.decode,
    EndReason: lambda data: EndReason(data.decode()),
}
_KINDS: tuple[type[Any], ...] = (
    *(Ring, Answer, Refuse, Place, Play, Finish, Flush, Duck, SendDigits, Transfer, HangUp, Stop, AskStats, Told),
    *(Brief, Consult, Music, Farewell),
    *(Account, Unregister, Admit, AskOptions, SetReady),
    *(Registered, OptionsAnswered, Ringing),
    *(Hello, Incoming, Answered, InBandKeys, Stats),
    *(Frame, Digit, PlayoutStarted, PlayoutDone, Flushed, SourceChanged, HoldChanged, TransferFailed, LineClosed),
    *(WideFrame, PlayWide),
)
_CODECS = [_Codec(number, kind) for number, kind in enumerate(_KINDS)]
_BY_KIND = {codec.kind: codec for codec in _CODECS}


def pack(call: int, message: Message) -> bytes:
    """`message` about `call` (0 to 2**32 - 1) as it travels; several may be joined, up to `MAX_PACKET` bytes."""
    return _BY_KIND[type(message)].pack(call, message)


_FRAME = _BY_KIND[Frame]


def pack_frame(  # noqa: PLR0917 (as fast as can be)
    call: int, position: int, pcm: bytes, agent: bytes, reply: int, played: int, queued: int
) -> bytes:
    """`pack(call, Frame(…))` for the one message that is sent 50 times a second and call."""
    head = _FRAME.head.pack(_FRAME.number, call, position, len(pcm), len(agent), reply, played, queued)
    return head + pcm + agent


def unpack(packet: bytes) -> list[tuple[int, Message]]:
    """The messages in `packet`, each with its call. Raises `WireError` when anything in it is not one."""
    messages: list[tuple[int, Message]] = []
    start = 0
    try:
        while start < len(packet):
            call, message, start = _CODECS[packet[start]].unpack(packet, start)
            messages.append((call, message))
    except (IndexError, struct.error, ValueError) as error:
        raise WireError(f"malformed line card packet of {len(packet)} bytes, at {start}: {error}") from error
    return messages
