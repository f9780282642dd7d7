"""The embedded voice: its cost, its delay, the accuracy of its word marks, and its level.

Where a word begins can be seen if it follows a pause: at the first sound after that silence. CPU and waits depend on
the machine, so CPU is compared with espeak-ng's for the same phrases in the same run.
"""

from __future__ import annotations

import asyncio
import time
from itertools import cycle, islice, pairwise

import numpy as np
from numpy.typing import NDArray

from ops.bench.figure import Figure, Progress
from ops.bench.first_phrase import REPLIES
from ops.quality.score import Pair, normalized, score
from ops.quality.transcribe import hear, started
from ops.report.stats import quantiles
from phone_daemon.events import SAMPLE_RATE
from phone_daemon.text.speakable import speakable
from phone_daemon.tts.phrases import PhraseChunker
from sidecars.engine import Chunk, TtsEngine, load
from sidecars.engines.level import LEVEL_DB, active_level_db
from sidecars.local.inprocess import InProcessHost
from sidecars.local.subprocess import SubprocessHost
from sidecars.resample import Resampler

ENGINE, BESIDE, RECOGNIZER = "hibari", "espeak", "moonshine"
CALLERS = 4
SILENT = 10 ** (-42 / 20)
PAUSE_S = 0.08
"""Shorter silences are consonants."""
LATE_S = 0.2
"""Where a word is looked for after its mark."""

Floats = NDArray[np.float32]


async def measure(progress: Progress, phrases: int = 50) -> list[Figure]:
    """`phrases`: how many are spoken to each of four callers."""
    said = tuple(phrase for reply in REPLIES for phrase in _phrases(reply))
    engine: TtsEngine = await asyncio.to_thread(load, ENGINE, {})
    cpu, speech_s, held = await asyncio.to_thread(_cost, engine, said)
    beside, beside_s, _ = await asyncio.to_thread(_cost, load(BESIDE, {}), said)
    progress(0.2)
    levels = [await asyncio.to_thread(_level, engine, phrase) for phrase in said]
    late = [each for reply in REPLIES for each in _off_ms(engine, speakable(reply.replace("|", "")).text)]
    off = quantiles(map(abs, late))
    progress(0.35)
    pairs = await _heard_back(engine)
    progress(0.5)
    waits = await _waits(said, phrases, lambda part: progress(0.5 + part / 2))
    wait = quantiles(waits)
    wrong = score(pairs)
    worst = max(levels, key=lambda level: abs(level - LEVEL_DB))
    told = f"{speech_s:.0f} s of speech in {len(said)} phrases"
    ratio = (cpu / speech_s) / (beside / beside_s)
    return [
        Figure(
            "voice: CPU per second of speech", 1000 * cpu / speech_s, "ms", 15, f"{told}; {ratio:.1f} × {BESIDE}-ng"
        ),
        Figure("… between two questions whether to stop, p95", held["p95"], "ms", 30, f"max {held['max']:.0f} ms"),
        Figure(
            f"voice: first audio with {CALLERS} callers, p95",
            wait["p95"],
            "ms",
            40,
            f"{len(waits)} phrases, each caller's one after the other; p50 {wait['p50']:.0f}, max {wait['max']:.0f}",
        ),
        Figure(
            "voice: word marks off, p95", off["p95"], "ms", 80, f"{len(late)} words after pauses; p50 {off['p50']:.0f}"
        ),
        Figure("voice: level of the phrase that is furthest off", abs(worst - LEVEL_DB), "dB", 2, f"of {LEVEL_DB} dB"),
        Figure(
            "voice: words that the embedded recognizer mishears",
            100 * wrong.wer,
            "%",
            None,
            f"of {wrong.words}, at 8 kHz",
        ),
    ]


def _phrases(reply: str) -> list[str]:
    """As they reach the engine."""
    chunker = PhraseChunker()
    phrases = [*chunker.feed(reply.replace("|", "")), *chunker.flush()]
    return [speakable(phrase).text for phrase in phrases]


def _cost(engine: TtsEngine, said: tuple[str, ...]) -> tuple[float, float, dict[str, float]]:
    """CPU and seconds of speech, and for how long the engine does not check whether to stop, in ms."""
    asked: list[float] = []
    pauses: list[float] = []

    def stop() -> bool:
        now = time.perf_counter()
        if asked:
            pauses.append(1000 * (now - asked[-1]))
        asked.append(now)
        return False

    began = time.thread_time()
    samples = 0
    for phrase in said:
        asked.clear()
        samples += sum(len(chunk.pcm) // 2 for chunk in engine.speak(phrase, {}, stop))
    return time.thread_time() - began, samples / engine.sample_rate, quantiles(pauses)


def _spoken(engine: TtsEngine, text: str) -> tuple[Floats, list[Chunk]]:
    chunks = list(engine.speak(text, {}, lambda: False))
    pcm = b"".join(chunk.pcm for chunk in chunks)
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768), chunks


def _level(engine: TtsEngine, text: str) -> float:
    level = active_level_db(_spoken(engine, text)[0], engine.sample_rate)
    assert level is not None
    return level


def _off_ms(engine: TtsEngine, text: str) -> list[float]:
    """How late the marks of words that follow a pause are (negative: early)."""
    audio, chunks = _spoken(engine, text)
    marks = [mark for chunk in chunks for mark in chunk.marks]
    rate = engine.sample_rate
    off: list[float] = []
    for (before, _, _), (sample, start, _) in pairwise(marks):
        if text[:start].rstrip()[-1:] in tuple(",."):
            onset = onset_after_pause(audio[before : sample + round(LATE_S * rate)], rate)
            off += [] if onset is None else [1000 * (sample - before - onset) / rate]
    return off


def onset_after_pause(audio: Floats, rate: int) -> int | None:
    """Where sound begins after the longest silence within `audio`; None if no silence lasts `PAUSE_S`."""
    loud = np.flatnonzero(np.abs(audio) > SILENT)
    gaps = np.diff(loud)
    if not gaps.size or gaps.max() < PAUSE_S * rate:
        return None
    return int(loud[int(gaps.argmax()) + 1])


async def _heard_back(engine: TtsEngine) -> list[Pair]:
    pairs = []
    async with started(InProcessHost("stt", RECOGNIZER, {})) as stt:
        for reply in REPLIES:
            text = reply.replace("|", "")
            audio, _ = await asyncio.to_thread(_spoken, engine, speakable(text).text)
            narrow = Resampler(engine.sample_rate, SAMPLE_RATE)
            wide = Resampler(SAMPLE_RATE, 16000)
            pcm = narrow.feed((audio * 32767).astype("<i2").tobytes()) + narrow.flush()
            heard = await hear(stt, wide.feed(pcm) + wide.flush() + bytes(16000), {})
            pairs.append(Pair(normalized(text), normalized(heard)))
    return pairs


async def _waits(said: tuple[str, ...], phrases: int, progress: Progress) -> list[float]:
    """In ms, from requesting a phrase to its first audio, for callers who are spoken to all the time."""
    waits: list[float] = []
    async with started(SubprocessHost("tts", ENGINE, {})) as host:

        async def speak_to(caller: int) -> None:
            channel = host.open()
            await asyncio.sleep(0.7 * caller)
            for phrase in islice(cycle(said), 17 * caller, 17 * caller + phrases):
                began, samples, first = time.perf_counter(), 0, True
                channel.send({"type": "Speak", "text": phrase, "options": {}})
                while (received := await channel.receive())[0]["type"] != "Done":
                    if first:
                        waits.append(1000 * (time.perf_counter() - began))
                        first = False
                    samples += len(received[1]) // 2
                progress(len(waits) / (CALLERS * phrases))
                # The next phrase is requested when this one has been played.
                await asyncio.sleep(samples / channel.sample_rate - (time.perf_counter() - began))
            channel.close()

        await asyncio.gather(*(speak_to(caller) for caller in range(CALLERS)))
    return waits
