"""The messages between the daemon and a line card; `packets.py` describes how they travel."""

from __future__ import annotations

from dataclasses import dataclass, field

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

PLAY_BYTES = 16_000
"""The most audio in one `Play` (one second); longer pieces are split."""

# ---------------------------------------------------------------------------------------------- daemon -> card


@dataclass(frozen=True, slots=True)
class Ring:
    """180 Ringing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """200 OK."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """A final response from 300 to 699, with a Retry-After header unless `retry_after` (seconds) is 0."""

    code: int
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Calls `uri` through the account of `trunk` (empty: no account); `caller` is the user part of our From header."""

    uri: str
    caller: str = ""
    trunk: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Sets the account for outgoing calls through `trunk`, and registers it at `registrar` unless `expires` is 0."""

    trunk: str
    user: str
    domain: str
    """The part after the @ in our address."""
    registrar: str
    """`host` or `host:port`."""
    route: str
    """Where requests are sent: `address:port`, followed by `;transport=tcp` for TCP."""
    line: str
    """A parameter of the Contact, which identifies calls that come over this registration."""
    auth_user: str
    realm: str
    password: str = field(repr=False)
    expires: int
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Unregister:
    """Removes the registration of `trunk`, or all registrations if it is empty."""

    trunk: str = ""


@dataclass(frozen=True, slots=True)
class Admit:
    """Says who may call, in the format of `admission.encode`; until the first such message, everybody may."""

    rules: str


@dataclass(frozen=True, slots=True)
class AskOptions:
    """Sends OPTIONS to `trunk` at the SIP URI `target`; if it responds, `OptionsAnswered` follows."""

    trunk: str
    target: str


@dataclass(frozen=True, slots=True)
class SetReady:
    """Sets whether OPTIONS is answered with 200 or with 503."""

    ready: bool


@dataclass(frozen=True, slots=True)
class Play:
    reply: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class PlayWide:
    """The same as `Play`, but at 16 kHz, for a wideband line. A reply may have both."""

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
    """The reply continues softly (`down`), or at full volume."""

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
    """A piece of the audio that the colleague of the next `Consult` hears first."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Consult:
    """An attended transfer: calls `uri`, plays the audio from `Brief`, and connects them with the caller."""

    uri: str
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Music:
    """A piece of the music that the caller hears in a loop in place of replies; empty: the music stops."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Stop:
    """Take no new calls. `drain`: exit once the live ones are over; otherwise end them now and exit."""

    drain: bool


@dataclass(frozen=True, slots=True)
class AskStats:
    """Answered with `Stats`."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The BYE that would end a call. A card sends it to the daemon for each answered call, and an empty one when the
    call is over.

    The card that replaces a dead one receives the BYEs of its calls and sends them.
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
    """A note (`events.Note`) as JSON, about this call or, with call 0, about one on another card. Only for the web's
    card."""

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
    """An incoming call; it rings until it is answered or refused."""

    invite: str
    """The request as it came, without its body."""
    address: str
    """The sender's address, `host:port`."""
    trunk: str = ""
    """The trunk that the call came through; empty if there are no trunks."""
    wide: bool = False
    """Whether its frames are `WideFrame`s."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcome of a registration: how long it is valid in seconds (`expires`; 0: it failed), with the registrar's
    answer."""

    trunk: str
    code: int
    reason: str
    expires: int


@dataclass(frozen=True, slots=True)
class OptionsAnswered:
    """A trunk has responded to OPTIONS, with whatever `code`."""

    trunk: str
    code: int


@dataclass(frozen=True, slots=True)
class Ringing:
    """A placed call rings at the other end. Early media, if any, does not count as an answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A placed call was answered."""


@dataclass(frozen=True, slots=True)
class InBandKeys:
    """Whether the caller's keys come as tones in the audio, because no telephone-event (RFC 4733) was negotiated."""

    expected: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """A card's statistics since its start."""

    ticks: int
    tick_late_p99_us: int
    """Over the last minute, as is the maximum."""
    tick_late_max_us: int
    underruns: int
    stale_frames: int
    """Frames handed to RTP with samples of a reply that had been flushed; anything but 0 is a bug."""
    late_audio: int
    """Pieces of audio that were dropped because they came after their reply was flushed or overtaken."""
    lost_frames: int
    """Frames from callers that the daemon was too slow to take."""
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
