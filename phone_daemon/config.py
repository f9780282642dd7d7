"""Frozen settings, from a TOML file and the environment, checked once at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SipSettings:
    """`[sip]`: where calls come in."""

    bind: str = "127.0.0.1"
    port: int = 5060
    """UDP port of the first line card; the next card takes the next port. 0: any free port (one card only)."""
    cards: int = 1
    """Line card processes; each carries as many calls as pjsua2 was compiled for (4 in the PyPI wheel)."""
    public_address: str = ""
    """Address to write into SDP and Contact when the machine stands behind a NAT."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    """In order of preference."""
    rtp_port: int = 0
    """First RTP port; 0: any free ones."""
    rtp_timeout_s: float = 30.0
    """A call whose caller sends no RTP for this long is ended."""
    ack_timeout_s: float = 5.0
    """An answered call that is never acknowledged (ACK) is ended after this long."""


@dataclass(frozen=True, slots=True)
class VadSettings:
    """`[vad]`: when the caller speaks (Silero at 8 kHz, 32 ms windows)."""

    threshold: float = 0.5
    release: float = 0.35
    """Speech goes on while the probability stays above this (hysteresis)."""
    min_speech_s: float = 0.096
    min_silence_s: float = 0.5
    """Endpointing: the caller's turn is over after this much silence."""
    pre_roll_s: float = 0.4
    """Audio before the onset that recognition gets as well, so that first words are never lost."""
    max_speech_s: float = 15.0
    """Speech without a pause is made final at least this often."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`[ears]` and `[mouth]`: which engine, and which host runs it."""

    engine: str = ""
    host: str = "subprocess"
    python: str = ""
    """Interpreter of the subprocess host; empty: the daemon's own."""
    processes: int = 1
    options: dict[str, object] = field(default_factory=dict)
    """Handed to the engine as they are (`[ears.options]`)."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """`[calls]`: what a call may take and what it leaves."""

    directory: Path = Path("var/calls")
    record: bool = True
    """Write `call.wav`. Recordings are personal data: the law may want the caller told."""
    limit_s: float = 3600.0
    drain_s: float = 30.0
    """At shutdown, how long live calls may go on."""
    lead_s: float = 0.4
    """How far ahead of playout audio is pushed to the line card."""
    leg_deadline_s: float = 1.0
    """A leg of a cancel chain that takes longer is reported as missed."""


@dataclass(frozen=True, slots=True)
class StateSettings:
    """`[state]`: Redis. `REDIS_URL` overrides `url`."""

    url: str = ""
    """Empty: an embedded server on a socket under `directory`. `off`: none."""
    directory: Path = Path("var")
    lease_s: float = 15.0
    max_events: int = 10_000


@dataclass(frozen=True, slots=True)
class Settings:
    sip: SipSettings = SipSettings()
    vad: VadSettings = VadSettings()
    ears: EngineSettings = EngineSettings(engine="pocketsphinx")
    mouth: EngineSettings = EngineSettings(engine="espeak")
    calls: CallSettings = CallSettings()
    state: StateSettings = StateSettings()
    health_port: int = 8060
    """HTTP port on loopback for /healthz and /readyz; 0: any free port."""
    dialplans: tuple[Path, ...] = ()
    """Dialplan files; empty: every number is answered with the dental clinic."""
    llm_cancel_floor_s: float | None = None
    """`LLM_CANCEL_FLOOR_S`: what the gate is judged against; None: measured."""
