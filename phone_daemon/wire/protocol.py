"""What the daemon and a line card say to each other; `packets.py` says how it travels."""

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
"""Audio in one `Play` at most (one second): longer pieces are split."""

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
