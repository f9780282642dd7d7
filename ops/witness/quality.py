"""Measures how well a telephone plays the agent's speech: the segmental SNR on the wire, compared with that of the
codec alone.

PESQ (ITU-T P.862) is not used, because its reference code, which the package `pesq` contains, may be used without a
license only to study PESQ. ViSQOL (`visqol-python`) needs `libsvm-official`, which is published as source only, and
STOI (`pystoi`) needs SciPy, with which `.venv` would exceed 500 MB. Segmental SNR (Hansen and Pellom, ICSLP 1998) is
sufficient here: between the daemon and the wire there is one codec, whose samples are known, and any other difference
is due to packets that were lost or came too late to be played.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ops.witness.rtp import FRAME_SAMPLES, PCMU, Packet, to_pcm, to_ulaw

BUFFER_S = 0.06
"""How long the telephone's jitter buffer holds the first packet, and therefore all others."""
SPEECH_RMS = 100.0
"""A frame of the agent's below this level is a pause, and does not count."""
LEAST_DB, MOST_DB = -10.0, 35.0
"""The limits to which each frame's SNR is clipped: silence in place of a word is as bad as noise, and a higher SNR is
inaudible.
"""
RATE = 8000


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of one call."""

    db: float
    """Segmental SNR of what is played."""
    codec_db: float
    """Segmental SNR of G.711 alone, with every packet in time: the best possible value."""
    unplayed: float
    """The share of packets that were missing or late."""


def played(packets: Sequence[Packet]) -> tuple[bytes, float]:
    """What a telephone with a fixed jitter buffer plays, with silence in place of packets that are not there when due.

    Returns 16-bit PCM at 8 kHz, and the share of packets that were not there.
    """
    audio = [packet for packet in packets if packet.payload_type == PCMU]
    if not audio:
        return b"", 1.0
    first = audio[0]
    frames: dict[int, bytes] = {}
    for packet in audio:
        after = (packet.timestamp - first.timestamp + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
        if after >= 0 and (packet.at_ns - first.at_ns) / 1e9 <= BUFFER_S + after / RATE:
            frames.setdefault(after // FRAME_SAMPLES, to_pcm(packet.payload))
    count = max(frames) + 1
    silence = bytes(2 * FRAME_SAMPLES)
    return b"".join(frames.get(at, silence) for at in range(count)), 1 - len(frames) / count


def segmental_snr(said: npt.NDArray[np.float64], heard: npt.NDArray[np.float64]) -> float:
    """The mean over the 20 ms frames with speech, in dB; both are 16-bit samples, aligned."""
    count = min(len(said), len(heard)) // FRAME_SAMPLES
    ours, theirs = (each[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES) for each in (said, heard))
    power = np.mean(ours**2, axis=1)
    noise = np.mean((ours - theirs) ** 2, axis=1)
    speech = power > SPEECH_RMS**2
    if not speech.any():
        return LEAST_DB
    ratio = 10 * np.log10(power[speech] / np.maximum(noise[speech], 1e-9))
    return float(np.mean(np.clip(ratio, LEAST_DB, MOST_DB)))


def quality(said: bytes, packets: Sequence[Packet]) -> Quality:
    """`said` is the agent's side of the call as recorded by the daemon (16-bit PCM, 8 kHz)."""
    wire, unplayed = played(packets)
    ours, theirs = (np.frombuffer(pcm, "<i2").astype(np.float64) for pcm in (said, wire))
    if not ours.any() or not theirs.any():
        return Quality(LEAST_DB, LEAST_DB, unplayed)
    # The recording begins with the call, the stream with its first packet: find the lag of the highest correlation.
    size = len(ours) + len(theirs)
    alike = np.fft.irfft(np.fft.rfft(theirs, size) * np.conj(np.fft.rfft(ours, size)), size)
    lag = int(np.argmax(alike))
    lag -= size if lag > len(theirs) else 0
    heard = np.zeros(len(ours))
    begin, end = max(0, -lag), min(len(ours), len(theirs) - lag)
    heard[begin:end] = theirs[begin + lag : end + lag]
    # The line is not to blame for audio before the first packet or after the last.
    span = slice(begin, end)
    codec = np.frombuffer(to_pcm(to_ulaw(said)), "<i2").astype(np.float64)
    return Quality(segmental_snr(ours[span], heard[span]), segmental_snr(ours[span], codec[span]), unplayed)
