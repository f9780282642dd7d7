"""Measures the recognition engine with a model of the released 0.6 B shape on a GPU, or a small one on the CPU.

    make bench-gpu
    PYTHON -m ops.bench.stt.gpu --chunks 160,320 --streams 1,256,600 --budget 300 --json

Runs with any Python that has NeMo, torch, aiohttp, and prometheus_client (on top of an image with torch and aiohttp,
that is 14 MB of wheels; see docs/gpu.md). Each part is a separate process within the time budget, and reports each
figure at once; figures for which there is no time are reported as not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.bench.figure import Figure, Progress

ROOT = Path(__file__).resolve().parents[3]
Told = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """The plan of a run. `parts`: name, time limit in seconds, and further arguments for its process."""

    shape: str
    sessions: int
    parts: Sequence[tuple[str, float, Sequence[str]]] = field(default_factory=tuple)

    @classmethod
    def on_gpu(cls, chunks: str, streams: str) -> Plan:
        sessions = max(int(each) for each in streams.split(","))
        first = chunks.partition(",")[0]
        return cls(
            "1024,24,8,256",
            sessions,
            (
                ("bare", 300, ("--chunks", chunks, "--streams", streams)),
                ("server", 150, ("--chunks", "560", "--streams", "127,256,600", "--seconds", "8")),
                ("words", 120, ()),
                ("dtypes", 120, ("--chunks", first, "--streams", "256")),
                ("tdt", 60, ()),
                ("fails", 60, ()),
                ("voice", 120, ()),
            ),
        )

    @classmethod
    def on_cpu(cls, chunks: str, streams: str) -> Plan:
        sessions = max(int(each) for each in streams.split(","))
        some = str(min(sessions, 8))
        return cls(
            "144,6,4,128",
            sessions,
            (
                ("bare", 300, ("--chunks", chunks, "--streams", streams)),
                ("server", 90, ("--chunks", "560", "--streams", f"1,{some}", "--seconds", "4")),
                ("words", 120, ()),
                ("tdt", 60, ()),
                ("voice", 60, ()),
            ),
        )


def has_gpu(python: str) -> bool:
    code = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def run(
    python: str, plan: Plan, folder: str, *, device: str, budget_s: float, tell: Callable[[Told], None]
) -> list[Told]:
    """All results, each reported as it comes."""
    began = time.monotonic()
    found: list[Told] = []

    def took_in(told: Told) -> None:
        found.append(told)
        tell(told)

    def left() -> float:
        return budget_s - (time.monotonic() - began)

    common = ["--folder", folder, "--device", device, "--sessions", str(plan.sessions), "--shape", plan.shape]
    threads = str(max(1, (os.cpu_count() or 2) - 2))
    for name, most_s, more in (("model", 300.0, ("--threads", threads)), *plan.parts):
        words = list(more)
        while True:
            if left() < 10:
                took_in({"name": name, "value": None, "unit": "", "note": "not measured: no time was left"})
                break
            before, ended = len(found), ""
            for told in _part(python, [name, *common, *words], min(most_s, left())):
                if "ended" in told:
                    ended = told["ended"]
                else:
                    took_in(told)
            if not ended:
                break
            took_in({"name": f"{name}: broke off", "value": None, "unit": "", "note": ended})
            rest = _rest(words, found[before:]) if name == "bare" else []
            if not rest or len(found) == before + 1:
                break
            words[words.index("--chunks") + 1] = ",".join(rest)
    return found


def _rest(words: list[str], found: Sequence[Told]) -> list[str]:
    """Chunks without a result when the part broke off."""
    begun = {str(told["name"]).partition(" ")[0] for told in found}
    return [each for each in words[words.index("--chunks") + 1].split(",") if each not in begun]


def _part(python: str, words: Sequence[str], most_s: float) -> Iterator[Told]:
    """The results of one part; if it failed, `ended` comes last with the reason."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [python, "-W", "ignore", "-m", "ops.bench.stt.gpu_stages", *words],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
            start_new_session=True,
        )
        over = threading.Event()

        def end() -> None:
            over.set()
            os.killpg(process.pid, 9)

        timer = threading.Timer(most_s, end)
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
            status = process.wait()
        finally:
            timer.cancel()
        if over.is_set():
            yield {"ended": f"after {most_s:.0f} s"}
        elif status:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            yield {"ended": f"status {status}: {said[-1] if said else 'no output'}"}


def line(told: Told) -> str:
    """The result for people."""
    value = "" if told["value"] is None else f"{told['value']:g} {told['unit']}".strip()
    text = f"{told['name']:<58} {value:>12}  {told['note']}"
    rows = [*told.get("top", ()), *told.get("cpu", ())]
    return "\n".join([text, *(f"    {ms:8.3f} ms {count:7.1f} × {name}" for name, count, ms in rows)])


async def measure(progress: Progress) -> list[Figure]:
    """For `make bench-stt`: runs if there is a GPU, and otherwise says that there is none."""
    import asyncio  # noqa: PLC0415

    from ops.bench.stt.sidecar import python_of  # noqa: PLC0415

    python = python_of("nemo")
    if not has_gpu(python):
        return [Figure("0.6 B shape on a GPU", None, note="not measured: there is no GPU here (make bench-gpu)")]
    plan = Plan.on_gpu("160,320,560", "1,64,256,600")
    with tempfile.TemporaryDirectory() as folder:
        found = await asyncio.to_thread(
            run, python, plan, folder, device="cuda", budget_s=600.0, tell=lambda told: progress(0.5)
        )
    return [Figure(told["name"], told["value"], told["unit"], None, told["note"]) for told in found]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, 1 if nothing could be measured, or 2 for wrong use."""
    parser = argparse.ArgumentParser(
        "python -m ops.bench.stt.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chunks", default="160,80,320,560,1120", metavar="MS,…", help="default: %(default)s")
    parser.add_argument("--streams", metavar="N,…", help="default: 1 to 1,024 on a GPU, 1 to 32 without")
    parser.add_argument(
        "--budget", type=float, default=900.0, metavar="S", help="seconds in all (default: %(default)g)"
    )
    parser.add_argument("--only", action="append", metavar="PART", help="bare, server, words, … (may be given again)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter (default: the one that runs this)")
    parser.add_argument("--folder", help="where the models are made and kept (default: a temporary one)")
    parser.add_argument("--device", default="auto", help='"cpu" to leave a GPU alone (default: %(default)s)')
    parser.add_argument("--json", action="store_true", help="print the results as JSON, a line each, as they come")
    arguments = parser.parse_args(argv)
    gpu = arguments.device != "cpu" and has_gpu(arguments.python)
    make = Plan.on_gpu if gpu else Plan.on_cpu
    plan = make(arguments.chunks, arguments.streams or ("1,8,64,256,512,600,768,1024" if gpu else "1,8,32"))
    if arguments.only:
        if unknown := sorted(set(arguments.only) - {name for name, *_ in plan.parts}):
            parser.error(f"--only {unknown[0]}: there are {', '.join(name for name, *_ in plan.parts)}")
        parts = {part[0]: part for part in plan.parts}
        plan = Plan(plan.shape, plan.sessions, [parts[name] for name in arguments.only])

    def tell(told: Told) -> None:
        print(json.dumps(told) if arguments.json else line(told), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        found = run(
            *(arguments.python, plan, arguments.folder or folder),
            device=arguments.device,
            budget_s=arguments.budget,
            tell=tell,
        )
    return int(not any(told["value"] is not None for told in found))


if __name__ == "__main__":
    sys.exit(main())
