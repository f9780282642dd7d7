"""How well the embedded engine understands the dialplans' phrases, by voices that the recorded callers do not have.

The voices are synthetic: espeak-ng variants through a telephone band, noise and µ-law. They say how the engine does
on speech it was not tuned to, and nothing about people.
"""

from __future__ import annotations

import asyncio
import itertools
import random

import numpy as np
import soxr

from fixtures.make_calls import LEAD_S, gain, rms_db, white
from ops.bench.figure import Figure, Progress
from ops.score import edits
from ops.telephone import band, to_pcm
from phone_daemon.config import Settings
from phone_daemon.events import SAMPLE_RATE
from phone_daemon.hosts import engine_options
from phone_daemon.mind.dialplan import SHIPPED, Dialplan, Dialplans
from phone_daemon.wire import g711
from sidecars.engine import SttEngine, TtsEngine, load

VOICES = ("en-us+f4", "en-us+m7", "en-gb+f3", "en-gb-scotland+m1", "en-gb-x-rp+f1")
PHRASES = 30
"""Of each dialplan, drawn with a fixed seed; every voice says each."""
LEVEL_DB, SNR_DB = -24.0, 20.0
STEP = 2 * 1600
"""Bytes given to the engine at once: 100 ms at 16 kHz."""


async def measure(progress: Progress, phrases: int = PHRASES) -> list[Figure]:
    """Word error rate over all voices, and of the worst one."""
    return await asyncio.to_thread(_measure, progress, phrases)


def _measure(progress: Progress, phrases: int) -> list[Figure]:
    plans = Dialplans.load(sorted(SHIPPED.glob("*.toml")))
    ears: SttEngine = load("moonshine", engine_options(Settings().ears, plans))
    mouth: TtsEngine = load("espeak", {})
    sessions = itertools.count(1)
    draw = random.Random(1)
    said = [
        (plan, phrase)
        for plan in plans
        for phrase in draw.sample(sorted(plan.phrases()), min(phrases, len(plan.phrases())))
    ]
    errors: dict[str, int] = dict.fromkeys(VOICES, 0)
    words = 0
    for index, (plan, phrase) in enumerate(said):
        words += len(phrase.split())
        for voice in VOICES:
            heard = _hear(ears, next(sessions), plan, _telephone(mouth, voice, phrase, seed=index))
            errors[voice] += edits(phrase.split(), heard.split())
        progress((index + 1) / len(said))
    by_voice = {voice: 100 * wrong / words for voice, wrong in errors.items()}
    sample = f"{len(said)} phrases × {len(VOICES)} synthetic voices (not people), {words * len(VOICES)} words"
    told = ", ".join(f"{voice} {rate:.0f}" for voice, rate in by_voice.items())
    return [
        Figure("WER, telephone band", 100 * sum(errors.values()) / words / len(VOICES), "%", None, f"{sample}: {told}")
    ]


def _telephone(mouth: TtsEngine, voice: str, phrase: str, seed: int) -> bytes:
    """The phrase as it arrives at the other end of a telephone line, 8 kHz."""
    pcm = b"".join(chunk.pcm for chunk in mouth.speak(phrase, {"voice": voice}, lambda: False))
    sound = soxr.resample(np.frombuffer(pcm, "<i2") / 32768, mouth.sample_rate, SAMPLE_RATE)
    sound = band(sound)
    sound *= gain(LEVEL_DB - rms_db(sound))
    lead = np.zeros(round(LEAD_S * SAMPLE_RATE))
    sound = np.concatenate([lead, sound, lead])
    noise = band(white(sound.size, np.random.default_rng(seed)))
    sound = sound + noise * gain(LEVEL_DB - SNR_DB - rms_db(noise))
    return g711.through(to_pcm(sound))


def _hear(ears: SttEngine, session: int, plan: Dialplan, pcm: bytes) -> str:
    """What the engine makes of it, fed as in a call."""
    wide = soxr.resample(np.frombuffer(pcm, "<i2"), SAMPLE_RATE, ears.sample_rate).astype("<i2").tobytes()
    ears.open(session, {"grammar": plan.name})
    for at in range(0, len(wide), STEP):
        ears.step({session: wide[at : at + STEP]})
    return ears.finalize(session).text.lower()
