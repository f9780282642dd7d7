"""The record of one turn: what was said, what was heard, and when everything happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LEGS = ("rtp_silent", "tts_stopped", "llm_closed", "stt_closed", "stt_cache_freed", "listen_entered")
"""Legs of a cancel chain, in the order in which they are reported; they run in parallel. `total` is the last to end."""

STAMPS = (
    "speech_onset",
    "speech_end",
    "early_start",
    "endpoint",
    "stt_final",
    "llm_first_token",
    "first_phrase",
    "tts_first_audio",
    "filler",
    "rtp_first_audio",
    "reply_first_audio",
    "llm_end",
    "tts_end",
    "playout_end",
)
"""Moments of a turn, in their most common order. Stages overlap: the model is still producing text while we play.
`early_start`: the agent was asked before it was certain that the caller's turn was over (absent if it was asked
afterwards). `filler`: the reply was late, and an acknowledgment was handed to the line in its place; `rtp_first_audio`
is then the filler's, and `reply_first_audio` the reply's own. `llm_end`, `tts_end`: the agent had no more to say, the
voice nothing more to speak; absent if they were stopped."""


class BargeInSource(StrEnum):
    """What took the floor from the agent."""

    SPEECH = "speech"
    DTMF = "dtmf"
    COMMAND = "command"
    """An operator's `interrupt` command."""
    HOLD = "hold"
    """The caller put us on hold."""


@dataclass(frozen=True, slots=True)
class CancelReport:
    """One run of the cancel chain. All times are monotonic nanoseconds."""

    source: BargeInSource
    reply: int
    vad_trigger_ns: int
    """When the decision to yield was made; every leg is counted from here."""
    speech_onset_ns: int | None
    """First speech sample of the interruption, by the sample clock; None if nobody spoke."""
    legs_ns: Mapping[str, int]
    """End of each leg; a leg that missed its deadline is absent."""
    missed: tuple[str, ...] = ()

    def legs_ms(self) -> dict[str, float]:
        """Milliseconds from `vad_trigger` to the end of each leg, and to the last of them as `total`."""
        legs = {leg: (at - self.vad_trigger_ns) / 1e6 for leg, at in self.legs_ns.items()}
        return {**legs, "total": max(legs.values(), default=0.0)}

    def onset_to_silence_ms(self) -> float | None:
        """From the caller's first sample to the first silent frame handed to RTP, which is how long the caller
        waits."""
        silent = self.legs_ns.get("rtp_silent")
        return None if silent is None or self.speech_onset_ns is None else (silent - self.speech_onset_ns) / 1e6


@dataclass(slots=True)
class Duck:
    """A voice began while the agent spoke, and the agent spoke softly until it was clear what the voice wanted."""

    at_ns: int
    onset_ms: float
    """From the voice's first sample until the agent spoke softly."""
    outcome: str = ""
    """`cut`: the voice got the floor; `restored`: the agent continued as loud as before; empty: the call ended
    first."""
    why: str = ""
    """`words`, `speech`, or `length` if it cut; `remark`, `noise`, `echo`, `announcement`, or `behind` (somebody behind
    the caller) if it did not; `over` if the reply ended first."""
    took_ms: float = 0.0
    """Time until the outcome was decided."""


@dataclass(frozen=True, slots=True)
class Backchannel:
    """What the agent said during the caller's turn to show that it listens. Monotonic nanoseconds."""

    text: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool of the agent that ran. Monotonic nanoseconds; a tool that never began took no time."""

    name: str
    outcome: str
    start_ns: int
    end_ns: int


@dataclass(slots=True)
class Turn:
    """A caller's turn and the agent's reply to it. Turn 0 is the greeting, which answers nobody."""

    number: int
    reply: int = 0
    caller: str = ""
    """Final transcript of what the caller said; if `dtmf`, the digits as they were pressed."""
    dtmf: bool = False
    remark: str = ""
    """The caller's remark ("uh-huh") that interrupted the previous reply, which continues here."""
    remarks: list[str] = field(default_factory=list)
    """The caller's remarks that did not ask for the floor: while the agent said this, or before it in the silence."""
    ducks: list[Duck] = field(default_factory=list)
    """Voices that began while the agent said this, in order."""
    backchannels: list[Backchannel] = field(default_factory=list)
    """What the agent said while the caller was speaking."""
    partials: int = 0
    intent: str = ""
    slots: dict[str, str] = field(default_factory=dict)
    agent: str = ""
    """The text that the agent produced."""
    heard: str = ""
    """The part of it that was played, to the word, as in the conversation's history."""
    actions: list[str] = field(default_factory=list)
    tools: list[ToolUse] = field(default_factory=list)
    """In the order in which they ended."""
    cancel: CancelReport | None = None
    filler: str = ""
    """What was said first because the reply was late; part of `heard`, not of `agent`."""
    drafts: int = 0
    """Number of replies that were begun early and dropped, because the caller had not finished or was understood
    differently."""
    wasted_tokens: int = 0
    """Pieces of text that the agent produced for those replies."""
    underruns: int = 0
    echo: dict[str, object] = field(default_factory=dict)
    """The echo of our audio that was found on the caller's line in this turn: `delay_ms`, and `level_db` relative to
    ours."""
    faults: list[str] = field(default_factory=list)
    """Parts that failed in this turn, and what was done about each failure."""
    endpoint: dict[str, object] = field(default_factory=dict)
    """How long the caller was waited for at the end of their turn (`wait_s`), and the reason; empty if there was no
    wait."""
    at_ns: dict[str, int] = field(default_factory=dict)
    """Moments of `STAMPS`, monotonic nanoseconds; moments that did not happen are absent."""

    def ttfa_ms(self) -> float | None:
        """Time to first audio: last speech sample of the caller → first non-silent agent frame handed to RTP."""
        if "speech_end" not in self.at_ns or "rtp_first_audio" not in self.at_ns:
            return None
        return (self.at_ns["rtp_first_audio"] - self.at_ns["speech_end"]) / 1e6
