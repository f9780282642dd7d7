"""What the embedded recognizer costs, and how long a caller waits for its final.

Recorded callers speak one utterance after the other, in 20 ms frames. CPU is compared with Silero's for the same audio
in the same run, which shows how fast the machine currently is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ops.bench.figure import Figure, Progress
from ops.live.processes import cost
from ops.replay import fixture
from ops.report.stats import quantiles
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.engines import engine_options
from phone_daemon.events import FRAME_SAMPLES, SAMPLE_RATE
from phone_daemon.settings.settings import Settings
from phone_daemon.stt.utterance import Utterance
from sidecars.engine import SttEngine, load
from sidecars.local.subprocess import SubprocessHost
from sidecars.resample import Resampler
from sidecars.silero import WINDOW, Silero

ENGINE = "moonshine"
CALLERS = 4
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE


async def measure(progress: Progress, seconds: float = 60.0) -> list[Figure]:
    """`seconds`: length of the speech for the CPU, and again, in real time, for the wait."""
    said = _utterances(seconds)
    options = engine_options(Settings().stt, Dialplans.load(sorted(SHIPPED.glob("*.toml"))))
    speech_s = sum(map(len, said)) / 2 / SAMPLE_RATE
    vad = await asyncio.to_thread(_silero, said)
    progress(0.05)
    engine: SttEngine = load(ENGINE, options)
    finals = await asyncio.to_thread(_cpu, engine, said, partials=False)
    progress(0.2)
    partials = await asyncio.to_thread(_cpu, engine, said, partials=True)
    progress(0.5)
    waits, rss = await _waits(options, said, lambda part: progress(0.5 + part / 2))
    beside = f"{speech_s:.0f} s of recorded callers; Silero: {vad / speech_s:.4f} s"
    told = quantiles(waits)
    return [
        Figure("CPU per second of speech, finals", finals / speech_s, "s", 0.02, f"{beside}; {finals / vad:.1f} × it"),
        Figure("… with partials", partials / speech_s, "s", 0.12, f"{partials / vad:.1f} × Silero"),
        Figure(
            f"{CALLERS} callers: final after the endpoint, p95",
            told["p95"],
            "ms",
            40.0,
            f"p50 {told['p50']:.1f}, max {told['max']:.1f}; {len(waits)} utterances",
        ),
        Figure("memory of the process", rss / 1e6, "MB", 250.0, "RSS, when it had heard them all"),
    ]


def _utterances(seconds: float) -> list[bytes]:
    """What the recorded callers say, 8 kHz, until there is enough; deterministic."""
    found: list[bytes] = []
    for name in sorted(each.name for each in fixture.CALLS.iterdir() if each.is_dir()):
        found += [cue.pcm for cue in fixture.load(fixture.CALLS / name).cues if cue.words and cue.pcm]
    chosen: list[bytes] = []
    for pcm in found:
        if sum(map(len, chosen)) / 2 / SAMPLE_RATE >= seconds:
            break
        chosen.append(pcm)
    return chosen


def _frames(pcm: bytes) -> Iterable[bytes]:
    return (pcm[at : at + 2 * FRAME_SAMPLES] for at in range(0, len(pcm), 2 * FRAME_SAMPLES))


def _paused(pcm: bytes) -> bytes:
    """The speech, and the silence after which the turn is over."""
    return pcm + bytes(2 * round(Settings().vad.min_silence_s * SAMPLE_RATE))


def _silero(said: Sequence[bytes]) -> float:
    """Seconds of CPU for the VAD alone."""
    silero, began = Silero(), time.process_time()
    for pcm in said:
        for at in range(0, len(pcm) - 2 * WINDOW, 2 * WINDOW):
            silero.probability(pcm[at : at + 2 * WINDOW])
    return time.process_time() - began


def _cpu(engine: SttEngine, said: Sequence[bytes], *, partials: bool) -> float:
    """Seconds of CPU for all of `said`, in frames as in a call; or, without partials, each utterance at once."""
    began = time.process_time()
    for number, pcm in enumerate(said):
        stream = Resampler(SAMPLE_RATE, engine.sample_rate)
        engine.open(number, {})
        for frame in _frames(_paused(pcm)) if partials else (_paused(pcm),):
            if wide := stream.feed(frame):
                engine.step({number: wide})
        engine.finalize(number)
    return time.process_time() - began


async def _waits(
    options: dict[str, object], said: Sequence[bytes], progress: Progress
) -> tuple[NDArray[np.float64], int]:
    """Milliseconds from the endpoint to the final for concurrent callers; and bytes of memory."""
    host = SubprocessHost("stt", ENGINE, options)
    await host.start()
    try:
        found: list[float] = []
        async with asyncio.TaskGroup() as tasks:
            for caller in range(CALLERS):
                # Each begins at a different place, so that pauses do not coincide.
                own = [*said[caller * len(said) // CALLERS :], *said[: caller * len(said) // CALLERS]]
                tasks.create_task(_call(host, own[: max(1, len(said) // CALLERS)], found, progress, said))
        assert host.pid is not None
        return np.array(found), cost(host.pid).rss_bytes
    finally:
        await host.close()


async def _call(
    host: SubprocessHost, own: Sequence[bytes], found: list[float], progress: Progress, said: Sequence[bytes]
) -> None:
    loop = asyncio.get_running_loop()
    for pcm in own:
        utterance = Utterance(host)
        due = loop.time()
        for frame in _frames(_paused(pcm)):
            utterance.feed(frame)
            due += FRAME_S
            await asyncio.sleep(due - loop.time())
        began = loop.time()
        await utterance.finalize()
        found.append(1000 * (loop.time() - began))
        utterance.close()
        progress(len(found) / len(said))
