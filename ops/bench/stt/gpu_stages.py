"""The measurements of the GPU bench, each part in its own process: `python -m ops.bench.stt.gpu_stages NAME …`.

A part prints a line of JSON as soon as it knows a figure, so a part that fails or runs out of time has reported
everything found until then. Runs with the Python that has NeMo, and imports nothing of the daemon.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from ops.bench.stt.gpu_callers import (
    RATE,
    ROOT,
    Callers,
    callers,
    collections,
    memory,
    numbers,
    on_gpu,
    share,
    spread,
    tell,
    wait,
)
from sidecars.engine import load
from sidecars.local import collector

TINY = ROOT / "sidecars" / "parakeet" / "tiny.nemo"


# ---------------------------------------------------------------------------------------------------------------- parts


def model(arguments: argparse.Namespace) -> None:
    """The shape of the released models, with random weights, also with chunks of 320 ms."""
    import torch  # noqa: PLC0415

    from fixtures.models.tiny_nemo import make, model  # noqa: PLC0415

    torch.set_num_threads(arguments.threads)
    logging.getLogger("nemo_logger").setLevel(logging.ERROR)
    setattr(model, "LOOK_AHEADS", (*model.LOOK_AHEADS, (68, 3)))  # noqa: B010  (of one more)
    shape = model.Shape(*(int(each) for each in arguments.shape.split(",")))
    audio = make.recording(str(ROOT / "fixtures" / "calls" / "leaves_a_message" / "two.wav"))
    for decoder in arguments.decoders.split(","):
        began = time.monotonic()
        path = Path(arguments.folder) / f"{decoder}.nemo"
        with tempfile.TemporaryDirectory() as folder:
            tokenizer = model.make_tokenizer(Path(folder), make.PHRASES, make.TOKENS)
            made = model.build(decoder, tokenizer, shape, 0)
            make.set_rate(made, decoder, audio)
            made.save_to(f"{path}.part")
        Path(f"{path}.part").rename(path)
        millions = sum(each.numel() for each in made.parameters()) / 1e6
        tell(f"{decoder} model made", time.monotonic() - began, "s", f"{millions:.0f} M random parameters")


def bare(arguments: argparse.Namespace) -> None:
    """The engine itself: steps by chunk and number of streams, finals, cancels, new streams, a profile."""
    pcm = callers()
    for chunk_ms in arguments.chunks:
        began = time.monotonic()
        engine = load("nemo", _options(arguments, "rnnt", chunk_ms))
        loaded = time.monotonic() - began
        collector.settle()
        place = engine._pipeline.place
        tell(f"{chunk_ms} ms: load and warm-up", loaded, "s", f"{place}; {memory()}")
        sustained = 0
        for count in arguments.streams:
            callers_ = Callers(engine, count, pcm)
            with collections() as found:
                took = callers_.steps()
            said = sum(len(engine._sessions[each].heard.words) for each in callers_.sessions)
            cancels = callers_.leave()
            p95 = share(took, 0.95)
            sustained = max(sustained, count) if p95 <= chunk_ms else sustained
            tell(
                f"{chunk_ms} ms: step of {count}",
                share(took, 0.5),
                "ms",
                f"{spread(took)}; full collections {len(found)}; {said} words; cancel {spread(cancels)}",
            )
            if p95 > 2 * chunk_ms:
                break
        tell(f"{chunk_ms} ms: streams sustained", sustained, "", "p95 of a step within the chunk")
        if chunk_ms == arguments.chunks[0] and not arguments.brief:
            _joining(engine, pcm, min(64, engine.max_sessions))
            for others in (0, max(0, min(126, engine.max_sessions - 30))):
                _finals(engine, pcm, others)
            for count in (1, min(256, engine.max_sessions)):
                _profile(engine, pcm, count)
        tell(f"{chunk_ms} ms: memory", None, "", memory())
        del engine
        gc.unfreeze()
        gc.collect()


def _joining(engine: Any, pcm: bytes, count: int) -> None:
    some = Callers(engine, count, pcm)
    plain, took = some.steps(), []
    for _ in range(20):
        engine.cancel(some.sessions.pop(0))
        some.sessions.append(next(numbers))
        engine.open(some.sessions[-1], {})
        took.append(some.step())
    some.leave()
    note = f"without: {spread(plain)}; with: {spread(took)}"
    tell(f"step of {count}, one of which begins and one has left", share(took, 0.5), "ms", note)


def _finals(engine: Any, pcm: bytes, others: int) -> None:
    """Finals of one stream in mid-speech and after silence, and of thirty at once, while others are open."""
    beside = Callers(engine, others, pcm)
    for _ in range(3 if others else 0):
        beside.step()
    for name, tail in (("in mid-sound", b""), ("after 500 ms of silence", bytes(RATE))):
        took = []
        for number in range(16):
            session = next(numbers)
            engine.open(session, {})
            start = 2 * (number * len(pcm) // 40)
            engine.step({session: pcm[start : start + 3 * RATE] + tail})
            began = time.perf_counter()
            engine.finalize(session)
            wait()
            took.append(1e3 * (time.perf_counter() - began))
        tell(f"final {name}, {others} others open", share(took, 0.5), "ms", spread(took))
    some = Callers(engine, min(30, engine.max_sessions - others), pcm)
    for _ in range(5):
        some.step()
    began = time.perf_counter()
    engine.finalize_all(some.sessions)
    tell(f"{len(some.sessions)} finals at once, {others} others open", 1e3 * (time.perf_counter() - began), "ms")
    beside.leave()


def _profile(engine: Any, pcm: bytes, count: int) -> None:
    """torch's profiler: the GPU's operations, how many launches, and where the CPU time goes."""
    import torch  # noqa: PLC0415
    from torch.profiler import ProfilerActivity  # noqa: PLC0415

    some = Callers(engine, count, pcm)
    some.steps(6)
    steps = 3
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    with torch.profiler.profile(activities=activities) as traced:
        for _ in range(steps):
            some.step()
        wait()
    some.leave()
    averages = traced.key_averages()
    kernels = [each for each in averages if str(each.device_type).endswith("CUDA")]
    calls = {each.key: each.count / steps for each in averages if each.key.startswith(("cuda", "cuLaunch"))}
    busy = sum(each.self_device_time_total for each in kernels) / 1e3 / steps
    rest = [each for each in averages if each not in kernels]
    top = sorted(kernels or rest, key=lambda each: -(each.self_device_time_total or each.self_cpu_time_total))[:10]
    launches = sum(made for key, made in calls.items() if "LaunchKernel" in key)
    graphs = calls.get("cudaGraphLaunch", 0)
    tell(
        f"GPU busy, step of {count}" if kernels else f"profile, step of {count}",
        busy,
        "ms",
        f"{launches:.0f} launches and {graphs:.1f} graphs a step",
        top=[
            [each.key[:80], each.count / steps, (each.self_device_time_total or each.self_cpu_time_total) / 1e3 / steps]
            for each in top
        ],
        cpu=[
            [each.key[:60], each.count / steps, each.self_cpu_time_total / 1e3 / steps]
            for each in sorted(rest, key=lambda each: -each.self_cpu_time_total)[:10]
        ],
        calls=calls,
    )


def differ(one: str, other: str) -> int:
    """The number of words that differ between two texts."""
    first, second = one.split(), other.split()
    same = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return max(len(first), len(second)) - sum(block.size for block in same)


def words(arguments: argparse.Namespace) -> None:
    """How the transcripts of the small trained model change with each number format, compared with float32 on the
    CPU.
    """
    from sidecars.step_time import parts, texts  # noqa: PLC0415

    said = parts(callers(), 24, 8.0, RATE)
    given = {"model": str(TINY), "max_sessions": 32}
    heard = texts(load("nemo", {**given, "device": "cpu"}), said, numbers, 24)
    total = sum(len(each.split()) for each in heard)
    for dtype in ("float32", "bfloat16", "float16") if on_gpu() else ("float32",):
        engine = load("nemo", {**given, "device": arguments.device, "dtype": dtype})
        others, alone = (texts(engine, said, numbers, count) for count in (24, 1))
        wrong = sum(map(differ, heard, others))
        note = f"of {total}; {sum(map(str.__eq__, heard, others))} of 24 utterances as on the CPU, "
        note += f"{sum(map(str.__eq__, others, alone))} the same alone as in company; {engine._pipeline.place}"
        tell(f"words that differ, {dtype}", wrong, "", note)


def dtypes(arguments: argparse.Namespace) -> None:
    """What a step costs in each number format."""
    pcm, count = callers(), arguments.streams[-1]
    for dtype in ("bfloat16", "float16", "float32"):
        options = {**_options(arguments, "rnnt", arguments.chunks[0]), "dtype": dtype, "max_sessions": count}
        engine = load("nemo", options)
        some = Callers(engine, count, pcm)
        took = some.steps()
        some.leave()
        tell(f"step of {count} in {dtype}", share(took, 0.5), "ms", f"{spread(took)}; {memory()}")
        del engine, some
        gc.collect()


def fails(arguments: argparse.Namespace) -> None:
    """A GPU that runs out of memory, and one that stops responding, in the middle of utterances."""
    import torch  # noqa: PLC0415

    from sidecars.engine import EngineLost  # noqa: PLC0415

    if not on_gpu():
        tell("failures of a GPU", None, "", "not measured: there is no GPU here")
        return
    pcm = callers()
    engine = load("nemo", {"model": str(TINY), "max_sessions": 32, "device": arguments.device})
    some = Callers(engine, 8, pcm)
    some.steps()
    said = [engine._sessions[each].heard.text for each in some.sessions]
    torch.cuda.empty_cache()  # graphs must survive it
    some.steps()
    real = engine._pipeline._hear

    def full(rows: int) -> None:
        engine._pipeline._hear = real
        torch.empty(1 << 50, dtype=torch.uint8, device="cuda")

    engine._pipeline._hear = full
    began = time.monotonic()
    some.steps()
    finals = [each.text for each in engine.finalize_all(some.sessions)]
    kept = sum(final.startswith(text) for final, text in zip(finals, said, strict=True))
    tell("memory runs out: utterances that keep their words", kept, "", f"of 8, {engine._pipeline.place}")
    tell("memory runs out: until all are heard on", time.monotonic() - began, "s")
    engine = load("nemo", {"model": str(TINY), "max_sessions": 32, "device": arguments.device})
    some = Callers(engine, 8, pcm)
    some.steps()

    def dead(rows: int) -> None:
        torch.zeros(4, device="cuda")[torch.full((1,), 1 << 20, device="cuda")].sum().item()

    engine._pipeline._hear = dead
    try:
        some.step()
    except EngineLost as error:
        tell("the GPU is dead: the engine ends", 1, "", str(error))
    except Exception as error:
        tell("the GPU is dead: the engine ends", 0, "", f"{type(error).__name__}: {error}"[:300])


def tdt(arguments: argparse.Namespace) -> None:
    """The model that transcribes whole utterances."""
    engine = load("nemo", {"model": f"{arguments.folder}/tdt.nemo", "device": arguments.device})
    pcm = callers()
    for seconds in (2, 5, 10, 20):
        took = []
        for number in range(10):
            session = next(numbers)
            engine.open(session, {})
            start = 2 * (number * len(pcm) // 40)
            engine.step({session: pcm[start : start + 2 * RATE * seconds]})
            began = time.perf_counter()
            engine.finalize(session)
            took.append(1e3 * (time.perf_counter() - began))
        tell(f"TDT: final of {seconds} s", share(took[2:], 0.5), "ms", spread(took[2:]))
    tell("TDT: memory", None, "", memory())


def server(arguments: argparse.Namespace) -> None:
    """The listen server, with its clients on the same machine."""
    asyncio.run(_server(arguments))


async def _server(arguments: argparse.Namespace) -> None:
    from ops.bench.stt.sidecar import Sidecar  # noqa: PLC0415
    from ops.bench.stt.stream import Streams, turned  # noqa: PLC0415

    pcm = callers()
    for chunk_ms in arguments.chunks:
        options = _options(arguments, "rnnt", chunk_ms)
        async with Sidecar("nemo", options, python=sys.executable) as live:
            for count in arguments.streams:
                async with Streams(live.url, chunk_ms / 1e3) as streams:
                    before, began = live.cost, time.monotonic()
                    spoke = await streams.speaking(pcm, count, arguments.seconds)
                    waiting = (await live.sessions())["bytes"]["waiting"] / 2 / RATE / count
                    cpu = (live.cost.cpu_s - before.cpu_s) / (time.monotonic() - began)
                    took = [1e3 * each for stream in spoke for each in stream.took_s] or [float("nan")]
                    tell(
                        f"server, {chunk_ms} ms, {count} clients: chunk to partial",
                        statistics.median(took),
                        "ms",
                        f"{spread(took)}; waiting at the end {waiting:.2f} s a stream; {cpu:.2f} cores",
                    )
                    began = time.monotonic()
                    await asyncio.gather(*(stream.finalize() for stream in spoke[:30]))
                    tell(
                        f"server, {chunk_ms} ms: {min(30, count)} finals at once",
                        1e3 * (time.monotonic() - began),
                        "ms",
                    )
                if waiting > 2 * chunk_ms / 1e3:
                    break
            count = min(127, options["max_sessions"])
            async with Streams(live.url, chunk_ms / 1e3) as streams, streams.background(pcm, count - 1):
                one, finals, cancels = await streams.open(), [], []
                for number in range(8):
                    await one.speak(turned(pcm, number, 10), 1.2)
                    finals.append(1e3 * await one.finalize())
                    await one.speak(turned(pcm, number, 10), 0.4)
                    cancels.append(1e3 * (await one.cancel())[0])
            beside = f"server, {chunk_ms} ms, beside {count - 1} who speak"
            tell(f"{beside}: final in mid-sound", statistics.median(finals), "ms", spread(finals))
            tell(f"{beside}: cancel", statistics.median(cancels), "ms", spread(cancels))


def voice(arguments: argparse.Namespace) -> None:
    """First audio and cancel of the speech engines, if their packages are installed."""
    for name in ("chatterbox", "kokoro"):
        try:
            engine = load(name, {"device": arguments.device} if name == "chatterbox" else {})
            text = "Your appointment is on Tuesday at half past ten. Is there anything else I can do for you?"
            first, cancels = [], []
            for _ in range(6):
                stop = False
                began = time.perf_counter()
                chunks = engine.speak(text, {}, lambda: stop)  # noqa: B023  (used up within the turn)
                next(chunks)
                first.append(1e3 * (time.perf_counter() - began))
                stop = True
                began = time.perf_counter()
                for _ in chunks:
                    pass
                cancels.append(1e3 * (time.perf_counter() - began))
            tell(f"{name}: first audio", share(first, 0.5), "ms", f"{spread(first)}; cancel {spread(cancels)}")
        except Exception as error:
            tell(f"{name}: first audio", None, "", f"not measured: {type(error).__name__}: {error}"[:200])


def _options(arguments: argparse.Namespace, decoder: str, chunk_ms: int) -> dict[str, Any]:
    return {
        "model": f"{arguments.folder}/{decoder}.nemo",
        "chunk_ms": chunk_ms,
        "max_sessions": arguments.sessions,
        "device": arguments.device,
    }


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    each.__name__: each for each in (model, words, bare, server, dtypes, fails, tdt, voice)
}


def _whole(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="ops.bench.stt.gpu_stages", description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--folder", required=True, help="where the models are")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--chunks", type=_whole, default=[160])
    parser.add_argument("--streams", type=_whole, default=[1, 8])
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--shape", default="144,6,4,128", help="width, layers, heads, channels")
    parser.add_argument("--brief", action="store_true", help="bare: steps alone")
    parser.add_argument("--decoders", default="rnnt,tdt", help="of the models that are made")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    PARTS[arguments.part](arguments)


if __name__ == "__main__":
    main()
