"""Which words were played: the recognizer's transcript of what the far end heard."""

from __future__ import annotations

from ops.bench.peers.line import Recorded
from ops.bench.peers.score import SOUNDING
from ops.quality.transcribe import hear
from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from sidecars.host.host import Host
from sidecars.resample import Resampler

RATE = 16000
"""The recognizer's rate in Hz."""
PAUSE = 15
"""Ticks of silence at which the audio is divided: the recognizer works on utterances."""
LEAST = 10
"""Ticks of the shortest piece worth transcribing."""


def pieces(recorded: Recorded) -> list[bytes]:
    """The audio since the reply began, 8 kHz PCM, divided at its pauses."""
    begin = recorded.reply_at or 0
    found: list[list[int]] = []
    for at in range(begin, len(recorded.levels)):
        if recorded.levels[at] >= SOUNDING:
            if not found or at - found[-1][-1] > PAUSE:
                found.append([at])
            else:
                found[-1].append(at)
    cut = [(piece[0], piece[-1] + 1) for piece in found if piece[-1] + 1 - piece[0] >= LEAST]
    return [recorded.heard[FRAME_BYTES * a : FRAME_BYTES * b] for a, b in cut]


async def transcript(host: Host, recorded: Recorded) -> str:
    """Raises `NotHeard`."""
    texts = []
    for pcm in pieces(recorded):
        resampler = Resampler(SAMPLE_RATE, RATE)
        texts.append(await hear(host, resampler.feed(pcm) + resampler.flush(), {}))
    return " ".join(texts)
