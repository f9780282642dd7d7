"""Which agents are compared, how each is started, and with which settings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.bench.peers.process import NotThere
from ops.bench.peers.servers import Where

HERE = Path(__file__).parent
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Peer:
    """One agent and its settings."""

    name: str
    folder: str
    """Its environment, beside this file; empty for ours."""
    policy: str
    settings: str
    """What a reader needs to repeat it."""

    def command(self, where: Where) -> list[str]:
        """Raises `NotThere` if its environment has not been built."""
        if not self.folder:
            module = ["-m", "ops.bench.peers.ours"]
            return [sys.executable, *module, "--stt", f"{where.stt}/v1/listen", "--tts", where.tts]
        python = HERE / self.folder / ".venv" / "bin" / "python"
        if not python.is_file():
            raise NotThere(f"{self.name}: its environment is not built; make peers")
        stt = where.stt if self.policy else where.stt.replace("ws", "http", 1)
        policy = ["--policy", self.policy] if self.policy else []
        return [
            str(python),
            "-W",
            "ignore",
            str(HERE / self.folder / "agent.py"),
            "--stt",
            stt,
            "--tts",
            where.tts,
            *policy,
        ]


_PIPECAT = "pipecat-ai 1.14.0, Twilio over FastAPI WebSocket at 8 kHz, Silero VAD at its defaults (0.2 s, 0.7), "
PEERS = (
    Peer(OURS, "", "", "this checkout at its defaults: barge_in adaptive, endpointing adaptive"),
    Peer("pipecat vad", "pipecat", "vad", _PIPECAT + "a turn starts by VAD or transcript and ends 0.6 s after speech"),
    Peer(
        "pipecat words",
        "pipecat",
        "min-words",
        _PIPECAT + "MinWordsUserTurnStartStrategy(min_words=3); a turn ends 0.6 s after speech",
    ),
    Peer(
        "pipecat smart turn",
        "pipecat",
        "smart-turn",
        _PIPECAT + "its defaults: a turn starts by VAD or transcript and ends by Smart Turn v3",
    ),
    Peer(
        "livekit",
        "livekit",
        "",
        "livekit-agents 1.8.9, AgentSession() at its defaults: bundled Silero VAD and turn-detector-v1-mini, "
        "interruption after 0.5 s of speech, resumed after 2 s without words, preemptive generation",
    ),
)
NOT_RUN = (
    "LiveKit's adaptive interruption handling and turn-detector-v1: they run in LiveKit Cloud alone.",
    "LiveKit's multilingual turn-detector plug-in: its weights come from a model hub.",
    "LiveKit's enhanced noise cancellation, which it recommends for telephony, and a room: they want its server.",
    "Pipecat's Krisp VIVA filters and strategies: their models are licensed and not in a package.",
)


def chosen(names: Sequence[str]) -> list[Peer]:
    """The named agents plus ours, or all if none is named. Raises `NotThere` for an unknown name."""
    known = {peer.name: peer for peer in PEERS}
    if unknown := set(names) - set(known):
        raise NotThere(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [peer for peer in PEERS if not names or peer.name in names or peer.name == OURS]
