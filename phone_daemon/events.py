"""The frozen values that travel between stages. Stages know these and never each other.

Audio is 16-bit signed little-endian mono PCM in `bytes`. Positions count samples at 8 kHz from the moment the call was
answered, on the caller's own timeline: one clock for everything that is heard or said. Fields that end in `_ns` are
CLOCK_MONOTONIC nanoseconds, comparable between the processes of one machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SAMPLE_RATE = 8000
"""Samples per second on the wire (RFC 3551: PCMU, PCMA)."""
PTIME_S = 0.020
"""Length of one RTP frame (ptime, RFC 8866 section 6.4)."""
FRAME_SAMPLES = 160
FRAME_BYTES = 2 * FRAME_SAMPLES
DTMF_EVENTS = "0123456789*#ABCD"
"""The keys of a telephone; the index is the event code (RFC 4733 section 3.2)."""
DTMF_KEYS = frozenset(DTMF_EVENTS)
WIDE_RATE = 16_000
"""Samples per second of a wideband line, for what is heard and said; its positions also count samples at 8 kHz."""


def samples(seconds: float) -> int:
    """Samples at 8 kHz in `seconds`."""
    return round(seconds * SAMPLE_RATE)


def frame_samples(rate: int) -> int:
    """Samples of one frame at `rate`, a multiple of 8 kHz."""
    return FRAME_SAMPLES * rate // SAMPLE_RATE


# ------------------------------------------------------------------------------------------------ wire -> call


@dataclass(frozen=True, slots=True)
class Frame:
    """One tick (20 ms) of the call: what the caller said, and what the agent's side sent in the same tick."""

    position: int
    """Samples on the caller's timeline before this frame."""
    pcm: bytes
    """Caller's audio, `FRAME_BYTES` long; silence if none arrived or its source was not trusted."""
    agent: bytes
    """Agent's audio handed to RTP in this tick, `FRAME_BYTES` long, or empty for silence."""
    reply: int
    """Id of the reply that is being played or was played last (0 if there was none yet)."""
    played: int
    """Samples of `reply` handed to RTP so far."""
    queued: int
    """Samples that are waiting in the playout queue."""


@dataclass(frozen=True, slots=True)
class WideFrame(Frame):
    """A frame of a wideband line."""

    wide: bytes
    """`pcm` at 16 kHz: its sample 2k is at the same time as sample k of `pcm`."""
    wide_agent: bytes
    """`agent` at 16 kHz in the same way; empty for silence."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A DTMF digit from the caller: `0-9 * # A-D` (RFC 4733, or SIP INFO)."""

    digit: str


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first non-silent frame of a reply was handed to RTP."""

    reply: int
    position: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class PlayoutDone:
    """A finished reply's last sample was handed to RTP."""

    reply: int
    played: int
    underruns: int
    """Ticks in which the reply was unfinished and its queue empty."""
    position: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Flushed:
    """A flushed reply went silent: `at_ns` is when the first silent frame was handed to RTP."""

    reply: int
    played: int
    """Samples of the reply that were handed to RTP, which is what the caller can have heard."""
    dropped: int
    """Samples that were waiting in the queue and will never be played."""
    underruns: int
    position: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """RTP comes from an address that no SDP named; its audio is not used until the old source is back."""

    address: str
    trusted: bool
    """True when the expected source is back."""


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """The caller put us on hold (RFC 3264 section 8.4), or is back. While on hold, the caller hears nothing and is not
    heard."""

    held: bool


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The caller could not be transferred, and is still on the line."""

    code: int
    """SIP status of the REFER, or of the call to the other party (RFC 3515): 486 busy, 408 no answer, …"""
    detail: str = ""


class EndReason(StrEnum):
    """Why a call ended."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    TRANSFERRED = "transferred"
    REFUSED = "refused"
    """Refused before it was answered, by us or (for an outbound call) by the other side."""
    NO_ACK = "no_ack"
    RTP_TIMEOUT = "rtp_timeout"
    FAX = "fax"
    """The other side is a fax machine."""
    LINE_CARD_DIED = "line_card_died"
    DRAINED = "drained"
    """Ended by an operator or at shutdown."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LineClosed:
    """The call is over on the wire. It is always the last event of a line, and comes exactly once."""

    reason: EndReason
    code: int = 0
    """Last SIP status code, if there was one."""
    detail: str = ""


LineEvent = (
    Frame | Digit | PlayoutStarted | PlayoutDone | Flushed | SourceChanged | HoldChanged | TransferFailed | LineClosed
)

# --------------------------------------------------------------------------------------------- speech-to-text -> floor


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak: `onset` is the first speech sample, `position` is where that was decided."""

    onset: int
    position: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller fell silent (endpoint): `last` is the last speech sample, `position` is where that was decided."""

    last: int
    position: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an STT session has recognized so far (partial) or for good (final)."""

    text: str
    final: bool
    confidence: float = 1.0
    """0 to 1, in the engine's estimate."""
    others: tuple[str, ...] = ()
    """In a final: other texts that the caller may well have said, the likeliest first."""


# --------------------------------------------------------------------------------------------- agent -> text-to-speech


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the reply's text as the agent produces it; spaces included, so that joining gives the text."""

    text: str


class ActionKind(StrEnum):
    HANG_UP = "hang_up"
    TRANSFER = "transfer"
    SEND_DTMF = "send_dtmf"
    TAKE_MESSAGE = "take_message"


@dataclass(frozen=True, slots=True)
class Action:
    """Something the agent does besides speaking; carried out after what was said before it has been played."""

    kind: ActionKind
    argument: str = ""
    """SIP URI for a transfer, digits for DTMF, the text for a message."""
    briefing: str = ""
    """For an attended transfer: what the other party is told before being connected with the caller."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the agent took the caller's turn to mean; for the turn log and for expectations, never spoken."""

    intent: str
    slots: Mapping[str, str] = field(default_factory=dict)


class ToolOutcome(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A tool of the dialplan is about to run, or has run; `detail` says why it failed.

    A tool that was running when its reply was stopped counts as cancelled. It runs only once the next event is asked
    for.
    """

    name: str
    outcome: ToolOutcome = ToolOutcome.RUNNING
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something failed, and the agent continues without it; for the turn's faults, never spoken."""

    error: str


AgentEvent = Token | Action | Understood | ToolRun | Trouble

# ---------------------------------------------------------------------------------------------- text-to-speech -> wire


@dataclass(frozen=True, slots=True)
class WordMark:
    """Where a word begins: `sample` in the phrase's 8 kHz audio, `start:end` in the phrase's text."""

    sample: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of a phrase's audio at 8 kHz, with the words that begin in it."""

    pcm: bytes
    marks: tuple[WordMark, ...] = ()
    wide: bytes = b""
    """`pcm` at 16 kHz, twice as many samples; empty if nobody could hear it, or the engine does not produce it."""


# ------------------------------------------------------------------------------------------------ call -> observers


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a live call that is worth reporting: for captions, the event stream, and logs.

    `kind` and the keys of `data`: `started` caller, called, dialplan · `state` state · `partial` text,
    stable (the part of it that most likely stands) · `final` text, contradicts (words that were reported as stable, and
    are not in it; usually empty) · `agent` text (a phrase that began to play), reply, filler (true if it only
    bridges the wait) · `understood` intent, slots ·
    `barge_in` source, reply, heard, legs_ms · `turn` number · `digit` digit · `fault` part, error ·
    `action` kind, argument · `echo` delay_ms, level_db · `hold` held · `take_over` taken
    · `transfer_failed` code, detail · `tool` name, outcome · `ended` reason, code, detail, early_start (replies begun
    early: kept, dropped, wasted_tokens).
    """

    call: str
    kind: str
    at_ns: int
    data: Mapping[str, object] = field(default_factory=dict)
