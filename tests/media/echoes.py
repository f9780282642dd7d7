"""Two voices of recorded callers, one of them as the agent's; and lines that return the agent's."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ops.replay.echo_path import Echo, EchoPath
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, Frame, SpeechStarted, WideFrame, samples
from phone_daemon.media import g711
from phone_daemon.media.echo import EchoCanceller
from phone_daemon.media.half_band import Doubler, Halver
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.vad import Vad

CALLS = Path(__file__).resolve().parents[2] / "fixtures" / "calls"
LEVEL = 32768 * 10 ** (-20 / 20)
"""RMS of speech at our voices' usual level."""
Sound = npt.NDArray[np.float64]


@cache
def recorded(name: str) -> bytes:
    with wave.open(str(CALLS / f"{name}.wav"), "rb") as file:
        return file.readframes(file.getnframes())


def agent(seconds: float = 6.0) -> list[bytes]:
    """The agent's frames, from just before its first word: a minute of voice, without its line's noise."""
    sound = np.frombuffer(recorded("talks_for_a_minute/minute"), "<i2").astype(np.float64)
    sound = sound[int(np.argmax(np.abs(sound) > 1000)) - 400 :][: samples(seconds)]
    loud = np.sqrt(np.mean(sound[np.abs(sound) > 500] ** 2))
    return frames(np.where(np.abs(sound) > 60, sound, 0) * LEVEL / loud)


def frames(sound: Sound) -> list[bytes]:
    pcm = np.clip(np.round(sound), -32768, 32767).astype("<i2").tobytes()
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def returned(agent: list[bytes], *paths: Echo, noise: float = 16.0, drive: float = 0.0) -> list[bytes]:
    """What a line of the same length returns; with several paths, one after the other.

    `noise`: RMS of the line's own noise; `drive`: an overdriven loudspeaker distorts what is louder than this.
    """
    rng = np.random.default_rng(1)
    echoes, sent = [EchoPath(path) for path in paths], []
    for number, frame in enumerate(agent):
        heard = g711.through(frame)
        if drive:
            bent = drive * np.tanh(np.frombuffer(heard, "<i2") / drive)
            heard = bent.astype("<i2").tobytes()
        back = [echo.feed(heard) for echo in echoes][number * len(echoes) // len(agent)]
        noisy = np.frombuffer(back, "<i2") + noise * rng.standard_normal(FRAME_SAMPLES)
        sent.append(g711.through(np.round(noisy).astype("<i2").tobytes()))
    return sent


def over(line: list[bytes], voice: bytes, at_s: float) -> list[bytes]:
    """`line` with somebody who speaks on it from `at_s` on."""
    sound = np.frombuffer(b"".join(line), "<i2").astype(np.float64)
    said = np.frombuffer(voice, "<i2")[: sound.size - samples(at_s)]
    sound[samples(at_s) : samples(at_s) + said.size] += said
    return [g711.through(frame) for frame in frames(sound)]


@dataclass
class Heard:
    starts: list[float]
    """When somebody was taken to begin to speak, in seconds."""
    frames: list[Frame]
    canceller: EchoCanceller


def wideband(line: list[bytes], voice: list[bytes] | None = None) -> list[tuple[bytes, bytes]]:
    """`line` as a wideband leg splits it, at 8 and at 16 kHz; above 4 kHz it has a hiss as loud as `voice`."""
    doubler, halver = Doubler(), Halver()
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(2 * FRAME_SAMPLES * len(line)))
    spectrum[: int(0.62 * spectrum.size)] = 0
    hiss = np.fft.irfft(spectrum, 2 * FRAME_SAMPLES * len(line)).reshape(len(line), -1)
    taken = []
    for number, frame in enumerate(line):
        said = 0.0 if voice is None else float(np.std(np.frombuffer(voice[number], "<i2")))
        sound = np.frombuffer(doubler.feed(frame), "<i2") + said * hiss[number] / np.std(hiss)
        taken.append(halver.feed(np.clip(np.round(sound), -32768, 32767).astype("<i2").tobytes()))
    return taken


def hear(
    caller: list[bytes] | list[tuple[bytes, bytes]],
    agent: list[bytes] | list[tuple[bytes, bytes]],
    canceller: EchoCanceller | None = None,
    vad: Vad | None = None,
) -> Heard:
    """What a call hears of a line: with the canceller before the VAD, as in `Call`."""
    canceller, vad = canceller or EchoCanceller(), vad or Vad(VadSettings())
    heard = Heard([], [], canceller)
    doubler = Doubler()
    pairs: Iterable[tuple[bytes | tuple[bytes, bytes], bytes | tuple[bytes, bytes]]] = zip(caller, agent, strict=True)
    for number, (said, spoken) in enumerate(pairs):
        played, wide = (spoken, doubler.feed(spoken)) if isinstance(spoken, bytes) else spoken
        position, sent = number * FRAME_SAMPLES, played if any(played) else b""
        frame = (
            Frame(position, said, sent, 1, 0, 0)
            if isinstance(said, bytes)
            else WideFrame(position, said[0], sent, 1, 0, 0, said[1], wide if sent else b"")
        )
        cleaned = canceller.clean(frame)
        vad.doubted = canceller.doubted
        events = vad.feed(cleaned.position, cleaned.pcm)
        heard.starts += [event.position / SAMPLE_RATE for event in events if isinstance(event, SpeechStarted)]
        heard.frames.append(cleaned)
    return heard
