"""How soon partial transcripts come from an engine at one place, how many streams keep up, and how long a start takes.

python -m ops.ab.stream SPEC ANSWER

A separate program, like the daemon: if the engine runs in its client's process, it runs in this one. Streams are
recorded callers, one utterance after the other, in real time, in frames of 20 ms. As in a call, each stream holds one
open session that recognizes and one in reserve. SPEC and ANSWER are JSON files.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ops import sigterm
from ops.ab.alone import FRAME_S, RATE, frames
from ops.ab.places import LOAD_S, CannotRun, Engine, host, sidecar
from ops.live.processes import cost
from ops.report.stats import quantiles
from sidecars.host.host import Host, HostLost, Message
from sidecars.local.per_call import PerCallHost
from sidecars.resample import Resampler

START = 4
"""Initial number of streams: the calls of one line card."""
MOST = 64
LATE_MS = 100.0
"""Streams keep up while the p95 of chunk to partial is at most one chunk plus this."""
FINAL_S = 5.0
"""A final that takes longer has not kept up."""
FIRST_S = 0.5
"""Length of the very first utterance."""
LONGEST_S = 4.0
"""The part of a recording that is streamed: an utterance must end within a measurement."""
SPARE_MEMORY = 2 << 30
"""Bytes to leave for other programs."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The audio of a stream."""

    pcm: bytes
    """8 kHz."""
    options: Mapping[str, Any]
    """Options of its session."""
    partials: Mapping[str, float]
    """The partials of the engine alone, and after how many seconds of audio they come."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The measurements."""

    startup_s: float
    partial_ms: Sequence[float]
    partial_streams: int
    streams: int
    limit: str
    """Why there were no more streams."""


class _Late(Exception):
    """A level did not keep up; the message says why."""


class _Utterance:
    """One utterance on a host: opened ahead of time, spoken in real time, its partials timed."""

    def __init__(self, host: Host, call: str, recording: Recording) -> None:
        self._recording = recording
        self._channel = host.open(call)
        self._stream = Resampler(RATE, self._channel.sample_rate)
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._began = 0.0
        self._unseen = dict(recording.partials)
        self.latencies: list[float] = []
        self._channel.listen(self._take, self._lose)
        self._channel.send({"type": "Open", "options": dict(recording.options)})

    async def begin(self) -> None:
        """Sends a little of it as fast as possible, and waits for the final for as long as an engine may take to
        load.
        """
        await self.say(FIRST_S, pace=0.0, final_s=LOAD_S)

    async def say(self, seconds: float = LONGEST_S, pace: float = FRAME_S, final_s: float = FINAL_S) -> None:
        """Speaks the beginning of it, and returns with its final. Raises `_Late`."""
        self._began = self._loop.time()
        for index, frame in enumerate(frames(self._recording.pcm[: 2 * round(RATE * seconds)]), 1):
            # A frame is complete when its last sample has been spoken. A client that is late is late for its caller,
            # too.
            if (ahead := self._began + index * pace - self._loop.time()) > 0:
                await asyncio.sleep(ahead)
            self._channel.send({"type": "Audio"}, self._stream.feed(frame))
            if self._over.done():
                break
        self._channel.send({"type": "Audio"}, self._stream.flush())
        self._channel.send({"type": "Finalize"})
        try:
            async with asyncio.timeout(final_s):
                await self._over
        except TimeoutError:
            raise _Late(f"no final within {final_s:g} s") from None

    def close(self) -> None:
        self._channel.close()
        if self._over.done() and not self._over.cancelled():
            self._over.exception()  # possibly nobody has awaited it

    def _take(self, message: Message, _: bytes) -> None:
        kind = message["type"]
        if kind == "Partial":
            known = self._unseen.pop(message["text"], None)
            if known is not None and (late := self._loop.time() - self._began - known) >= 0:
                self.latencies.append(1e3 * late)
        elif kind == "Final":
            self._settle(None)
        elif kind == "Failed":
            self._settle(message["error"])

    def _lose(self, reason: str) -> None:
        self._settle(reason)

    def _settle(self, error: str | None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(_Late(error))


async def first(host: Host, recording: Recording) -> None:
    """The very first utterance. Raises `_Late`."""
    utterance = _Utterance(host, "first", recording)
    try:
        await utterance.begin()
    finally:
        utterance.close()


async def level(host: Host, recordings: Sequence[Recording], streams: int, seconds: float) -> list[float]:
    """Milliseconds of each partial while `streams` streams run for `seconds`, and until each has its last final.

    Raises `_Late`.
    """
    ready = [_Utterance(host, f"stream {number}", recordings[number % len(recordings)]) for number in range(streams)]
    running = [
        asyncio.create_task(_stream(host, number, utterance, recordings, seconds))
        for number, utterance in enumerate(ready)
    ]
    try:
        return [ms for each in await asyncio.gather(*running) for ms in each]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _stream(
    host: Host, number: int, utterance: _Utterance, recordings: Sequence[Recording], seconds: float
) -> list[float]:
    loop = asyncio.get_running_loop()
    call = f"stream {number}"
    latencies: list[float] = []
    following = utterance
    try:
        following = _Utterance(host, call, recordings[(number + 1) % len(recordings)])
        await utterance.begin()  # waits for everything that a new call has to wait for
        utterance.close()
        await asyncio.sleep(number * 0.137 % 1.0)  # callers do not speak in step
        until, turn = loop.time() + seconds, number + 2
        while loop.time() < until:
            utterance, following = following, _Utterance(host, call, recordings[turn % len(recordings)])
            await utterance.say()
            utterance.close()
            latencies += utterance.latencies
            turn += 1
    finally:
        utterance.close()
        following.close()
    return latencies


async def search(keeps_up: Callable[[int], Awaitable[bool]], most: int = MOST) -> int:
    """The most streams that keep up: doubles from `START`, or halves, and tries one step between the last two.

    `most` 0: tries none.
    """
    held, broke, streams = 0, 0, min(START, most)
    while streams:
        if await keeps_up(streams):
            held = streams
            if broke or streams >= most:
                break
            streams = min(2 * streams, most)
        else:
            broke = streams
            if held:
                break
            streams //= 2
    between = (held + broke) // 2
    if held and between > held and await keeps_up(between):
        held = between
    return held


async def measure(
    place: str,
    engine: Engine,
    recordings: Sequence[Recording],
    *,
    chunk_ms: float,
    seconds: float,
    most: int,
    folder: Path,
) -> Answer:
    """Starts the engine at `place` and measures it. Raises `CannotRun`."""
    began = time.perf_counter()
    async with sidecar(place, engine, folder) as server:
        there = host(place, engine, server.url if server else "")
        try:
            await there.start()
            await first(there, recordings[0])
            startup_s = time.perf_counter() - began
            levels: dict[int, list[float]] = {}
            limit = [""]

            async def keeps_up(streams: int) -> bool:
                for _ in range(2):  # Another program may have taken the machine for a moment.
                    try:
                        _room(there, streams)
                        levels[streams] = await level(there, recordings, streams, seconds)
                    except _Late as late:
                        limit[0] = f"{streams} streams: {late}"
                        continue
                    if not levels[streams]:
                        limit[0] = f"{streams} streams: no partial arrived that the engine alone produces"
                        continue
                    p95 = quantiles(levels[streams])["p95"]
                    if p95 <= chunk_ms + LATE_MS:
                        return True
                    limit[0] = f"{streams} streams: partials take {p95:.0f} ms at p95"
                return False

            streams = await search(keeps_up, most)
        except (HostLost, _Late) as error:
            raise CannotRun(str(error)) from None
        finally:
            await there.close()
    shown = START if levels.get(START) else max((each for each in levels if levels[each]), default=0)
    untried = f"{most} streams: no more were tried"
    return Answer(startup_s, levels.get(shown, []), shown, streams, untried if streams >= most else limit[0])


def _room(there: Host, streams: int) -> None:
    """Checks that memory has room for one child process per stream. Raises `_Late`."""
    if not isinstance(there, PerCallHost) or there.ready is None:
        return
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    needed = streams * cost(there.ready).rss_bytes
    if needed > available - SPARE_MEMORY:
        raise _Late(f"they would take {needed / 1e9:.1f} GB of memory, and {available / 1e9:.1f} are available")


def main(asked: str, answer: str) -> int:
    spec = json.loads(Path(asked).read_text(encoding="utf-8"))
    recordings = [
        Recording(Path(each["pcm"]).read_bytes(), each["options"], dict(each["partials"]))
        for each in spec["recordings"]
    ]
    try:
        with tempfile.TemporaryDirectory(prefix="stream-") as folder:
            found = sigterm.run(
                measure(
                    spec["place"],
                    Engine(**spec["engine"]),
                    recordings,
                    chunk_ms=spec["chunk_ms"],
                    seconds=spec["seconds"],
                    most=spec["most"],
                    folder=Path(folder),
                )
            )
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 1
    Path(answer).write_text(json.dumps(asdict(found)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
