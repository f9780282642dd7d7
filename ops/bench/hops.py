"""Where a call's CPU time goes, by process and by part: `python -m ops.bench.hops --py-spy PATH`.

One SIP call to a daemon with the embedded defaults, in four states: nobody speaks, the caller does, the agent does,
both do. The kernel's counters show the time of each process; py-spy (`pip install py-spy`, in an environment of its
own) shows in which function it is spent, and perf (Debian's linux-perf) in which library. Without them, only the
counters are read.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from ops.bench.load import PARTS
from ops.bench.talk import Sound, Talker, sounds, talker
from ops.live.daemon_process import DaemonProcess, to_toml
from ops.live.processes import children, cost
from ops.report import tables
from phone_daemon.cli.arguments import Parser
from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.state.store import CommandKind

STATES = ("no call", "quiet", "listening", "speaking", "talk-over")
SETTLE_S = 3.0
"""How long a state lasts before it is measured."""
RATE = 397
"""Samples per second: a prime, so that they do not fall into step with the 20 ms of the line."""
WAITS = re.compile(r"_do_waitpid \(|select \(selectors\.py|receive \(.*local/child\.py|run \(.*line_card/card\.py")
"""Innermost frames that wait: py-spy sometimes mistakes a sleeping thread in one of these for a busy one."""
STORY = " ".join(
    ("The dentist is in from Monday to Friday, and on the first Saturday of each month.",) * 3
    + ("Please bring your card, a list of what you take, and a little time.",) * 3
)
REMARKS = ("uh-huh", "okay", "yeah")
ASKS = re.compile("hours|open|appointment|check-up")

RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "daemon": (
        ("VAD", r"stt/vad\.py|silero\.py"),
        ("echo", r"media/echo"),
        ("endpoint, near talker, stabilizer", r"phone_daemon/stt/(?!utterance)"),
        ("resampling", r"sidecars/resample\.py"),
        ("recording", r"media/recorder\.py"),
        ("hop from and to the line card", r"wire/(line_card_process|protocol|sip_line|sip)\.py|media/dtmf\.py"),
        ("hop from and to the engines", r"sidecars/(local|host)/|stt/utterance\.py"),
        ("voice and text", r"phone_daemon/(tts|text)/"),
        ("script", r"phone_daemon/(agent|language|dialplan)/"),
        ("telemetry, events, Redis", r"telemetry/|opentelemetry|phone_daemon/state/|redis|health\.py"),
        ("the call itself", r"phone_daemon/call/"),
        ("asyncio", r"asyncio/"),
    ),
    "line card": (
        ("bridge, RTP, codec (C, called from Python)", r"\(pull\b|pull \(.*native\.py|libHandleEvents"),
        ("frames in and out", r"line_card/native\.py|wire/playout\.py|wire/gain\.py"),
        ("hop to the daemon", r"daemon_link\.py|wire/protocol\.py"),
        ("RTP watch, SIP, timers", r"line_card/"),
    ),
    "STT engine": (
        ("encoder", r"encode \(.*moonshine_runs"),
        ("decoder", r"moonshine_runs"),
        ("beam, bias, scores", r"moonshine_(model|words|tokens)|expected_words|digit_words|spoken_digits"),
        ("VAD of the engine", r"silero\.py|voiced\.py"),
        ("sessions", r"engines/"),
        ("hop to the daemon", r"sidecars/(local|host)/"),
    ),
    "TTS engine": (
        ("network", r"onnxruntime|hibari_model"),
        ("words, phonemes", r"hibari|text/"),
        ("hop to the daemon", r"sidecars/(local|host)/"),
    ),
}
"""For each process, the part to which a stack belongs, by its innermost matching frame; the first rule wins."""
GROUPS = {
    "line card": ("bridge", "frames in", "hop to the daemon", "RTP watch", "other"),
    "hops and asyncio": ("hop", "asyncio"),
    "voice activity": ("VAD",),
    "echo": ("echo",),
    "endpoint, near talker": ("endpoint",),
    "recognizer: encoder": ("encoder",),
    "recognizer: decoder": ("decoder",),
    "recognizer: beam": ("beam",),
    "voice": ("network", "words,", "voice"),
    "all else": ("",),
}
"""The groups of parts that the plot shows. A part belongs to the first group with a prefix of its name; `line card`
covers the whole process."""
LIBRARIES = (
    ("onnxruntime", r"onnxruntime"),
    ("numpy, BLAS, FFT", r"numpy|_multiarray|openblas|pocketfft"),
    ("soxr", r"soxr"),
    ("echo canceller", r"webrtc"),
    ("pjsua2", r"pjsua2|_pjsua"),
    ("kernel", r"\[kernel|\[k\]|\[unknown\]"),
    ("Python", r"python|_struct|_ctypes|select\.|_socket|array\.|math\.|_json|_asyncio"),
    ("libc", r"libc\.|libm\.|ld-linux|libpthread|vdso|libstdc|libgcc"),
)


def wakes(pid: int) -> dict[str, int]:
    """For each thread, how often it has gone to sleep: its voluntary context switches."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = (task / "status").read_text().splitlines()
            found[task.name] = next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return found


def part_of(process: str, stack: str) -> str:
    """The part of `process` to which a stack belongs, as py-spy writes it (root first, `function (file:line)`, joined
    by `;`).
    """
    for frame in reversed(stack.split(";")):
        for part, pattern in RULES.get(process, ()):
            if re.search(pattern, frame):
                return part
    return "other"


def library_of(name: str) -> str:
    """The category of a shared object in perf's output."""
    return next((kind for kind, pattern in LIBRARIES if re.search(pattern, name)), name)


@dataclass(frozen=True, slots=True)
class Tools:
    """The profilers to use, and for how long; None to do without."""

    seconds: float
    spy: str | None
    perf: str | None


async def measure(tools: Tools, only: Sequence[str]) -> dict[str, Any]:
    """By state and process: CPU by part and by library (% of a core), and wakeups per second."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        plan = _patient(Path(folder))
        async with (
            DaemonProcess(Path(folder), {"dialplans": [str(plan)]}) as daemon,
            Commands(daemon.state) as commands,
        ):
            for state in only:
                try:
                    found[state] = await _state(state, daemon, commands, tools)
                except Exception as error:
                    print(f"{state}: broke off: {error!r}", file=sys.stderr)
                else:
                    print(f"{state}: measured", file=sys.stderr)
    return found


async def _state(state: str, daemon: DaemonProcess, commands: Commands, tools: Tools) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        if state != "no call":
            talk = await stack.enter_async_context(talker(daemon, commands))
            await talk.agent_silent(1.0)
            stack.push_async_callback(_stop, asyncio.create_task(_play(state, talk, commands)))
        await asyncio.sleep(SETTLE_S)
        return await _look(daemon.pid, tools, daemon.directory)


async def _stop(playing: asyncio.Task[None]) -> None:
    """Raises errors that occurred while it ran."""
    playing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await playing


def _patient(folder: Path) -> Path:
    """The dental clinic, without the question whether a silent caller is still there."""
    clinic = tomllib.loads((SHIPPED / "dental_clinic.toml").read_text())
    path = folder / "clinic.toml"
    path.write_text(to_toml({**clinic, "no_input_s": 120.0}))
    return path


async def _look(pid: int, tools: Tools, folder: Path) -> dict[str, Any]:
    pids = {"daemon": pid}
    for child, line in children(pid).items():
        pids |= {part: child for piece, part in PARTS.items() if piece in line}
    before = {name: (cost(each).cpu_s, wakes(each)) for name, each in pids.items()}
    began = time.monotonic()
    await asyncio.sleep(tools.seconds)
    took = time.monotonic() - began
    found: dict[str, Any] = {}
    for name, each in pids.items():
        cpu_s, woken = before[name]
        slept = sum(times - woken.get(thread, 0) for thread, times in wakes(each).items())
        found[name] = {"cpu": 100 * (cost(each).cpu_s - cpu_s) / took, "wakes": slept / took}
    if tools.spy:
        names = [name for name in pids if name in RULES]
        stacks = await asyncio.gather(*(_stacks(tools, name, pids[name], folder) for name in names))
        for name, seen in zip(names, stacks, strict=True):
            found[name]["parts"] = _scaled(seen, found[name]["cpu"])
    if tools.perf:
        libraries = await asyncio.gather(*(_libraries(tools, name, pids[name], folder) for name in pids))
        for name, counted in zip(pids, libraries, strict=True):
            found[name]["libraries"] = _scaled(counted, found[name]["cpu"])
    return found


def _scaled(counted: Mapping[str, float] | Mapping[str, int], cpu: float) -> dict[str, float]:
    whole = sum(counted.values()) or 1
    return {name: cpu * each / whole for name, each in sorted(counted.items(), key=lambda pair: -pair[1])}


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]}: {err.decode(errors='replace').strip()[-300:]}")
    return out.decode(errors="replace")


async def _stacks(tools: Tools, name: str, pid: int, folder: Path) -> Counter[str]:
    file = folder / f"{name}.stacks"
    duration = ("--duration", f"{tools.seconds:.0f}", "--rate", str(RATE))
    await _run(str(tools.spy), "record", "--pid", str(pid), *duration, "--format", "raw", "--output", str(file))
    counted: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, samples = line.rpartition(" ")
        if not WAITS.search(stack.rpartition(";")[2]):
            counted[part_of(name, stack)] += int(samples)
    return counted


async def _libraries(tools: Tools, name: str, pid: int, folder: Path) -> dict[str, float]:
    file = str(folder / f"{name}.perf")
    wanted = ("-e", "cpu-clock", "-F", str(RATE), "-p", str(pid), "-o", file)
    await _run(str(tools.perf), "record", *wanted, "--", "sleep", f"{tools.seconds:.0f}")
    counted: dict[str, float] = {}
    for line in (await _run(str(tools.perf), "report", "-i", file, "--sort", "dso", "--stdio", "-t", "|")).splitlines():
        share, _, dso = line.partition("|")
        if (share := share.strip()).endswith("%"):
            kind = library_of(dso.strip())
            counted[kind] = counted.get(kind, 0.0) + float(share[:-1])
    return counted


# ------------------------------------------------------------------------------------------------ the states


async def _play(state: str, talk: Talker, commands: Commands) -> None:
    async with asyncio.TaskGroup() as tasks:
        if state == "listening":
            tasks.create_task(_ask(talk, commands))
        if state in ("speaking", "talk-over"):
            tasks.create_task(_tell(talk, commands))
        if state == "talk-over":
            tasks.create_task(_remark(talk))


async def _ask(talk: Talker, commands: Commands) -> None:
    """The caller asks one thing after the other; the agent is cut short, because this state measures listening."""
    for sound in itertools.cycle(_asked()):
        await talk.say(sound)
        await asyncio.sleep(0.8)
        await _order(talk, commands, CommandKind.INTERRUPT)


async def _tell(talk: Talker, commands: Commands) -> None:
    """The agent never stops."""
    while True:
        began_ns = time.monotonic_ns()
        if await _order(talk, commands, CommandKind.SAY, STORY):
            await talk.agent_speaks(began_ns)
            await talk.agent_silent(1.0, 120.0)


async def _order(talk: Talker, commands: Commands, kind: CommandKind, argument: str = "") -> bool:
    """Whether it was carried out; a retry may succeed later."""
    try:
        await commands.order(talk.call, kind, argument)
    except CommandFailed:
        await asyncio.sleep(0.5)
        return False
    return True


async def _remark(talk: Talker) -> None:
    """The caller constantly says something short, and lets the agent speak."""
    remarks = [sound for sound in sounds() if sound.words.lower().strip(".") in REMARKS]
    for sound in itertools.cycle(remarks):
        await talk.say(sound)
        await asyncio.sleep(0.3)


def _asked() -> list[Sound]:
    """Sentences that do not end the call: one to three seconds."""
    return [each for each in sounds() if ASKS.search(each.words) and len(each.pcm) < 16000 * 4.2]


def show(found: Mapping[str, Mapping[str, Any]]) -> None:
    """The table for people: % of a core by state."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for state, processes in found.items():
        for name, each in processes.items():
            rows.setdefault((name, ""), {})[state] = each["cpu"]
            for kind in ("parts", "libraries"):
                for part, cpu in each.get(kind, {}).items():
                    rows.setdefault((name, f"{'in ' if kind == 'libraries' else ''}{part}"), {})[state] = cpu
            rows.setdefault((name, "wakes a second"), {})[state] = each["wakes"]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("% of a core")
    for state in found:
        table.add_column(state, justify="right")
    order = {name: at for at, name in enumerate(dict.fromkeys(name for name, _ in rows))}
    for (name, part), values in sorted(rows.items(), key=lambda row: order[row[0][0]]):
        cells = [f"{values[state]:.2f}" if state in values else "" for state in found]
        table.add_row(f"  {part}" if part else f"[bold]{name}[/]", *cells)
    tables.console().print(table)


def grouped(processes: Mapping[str, Any]) -> dict[str, float]:
    """One state's CPU by `GROUPS`, in % of a core."""
    found = dict.fromkeys(GROUPS, 0.0)
    for name, each in processes.items():
        for part, cpu in each.get("parts", {"": each["cpu"]}).items():
            fits = (group for group, begins in GROUPS.items() if group != "line card" and part.startswith(begins))
            found["line card" if name == "line card" else next(fits)] += cpu
    return found


def draw(found: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """One bar per state, as PNG or SVG depending on the name. Raises `ImportError` without matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)

    figure = Figure(figsize=(7.5, 2.9), layout="constrained")
    axes = figure.add_subplot()
    bars = {state: grouped(processes) for state, processes in found.items()}
    begins = dict.fromkeys(bars, 0.0)
    for group in GROUPS:
        widths = [bar[group] for bar in bars.values()]
        axes.barh(list(bars), widths, left=list(begins.values()), label=group)
        begins = {state: begins[state] + bar[group] for state, bar in bars.items()}
    axes.invert_yaxis()
    axes.set(xlabel="% of a core, one call")
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path)


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser("python -m ops.bench.hops", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="for each state, process and tool (default 30)")
    parser.add_argument("--only", action="append", choices=STATES, help="one state (may be given again)")
    parser.add_argument("--py-spy", default=shutil.which("py-spy"), metavar="PATH", help="default: the one on PATH")
    parser.add_argument("--no-perf", action="store_true", help="do not ask perf, although it is here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing; read a file that --json printed")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it, as PNG or SVG (needs matplotlib)")
    args = parser.parse_args(argv)
    perf = None if args.no_perf else shutil.which("perf")
    if args.read:
        found = json.loads(args.read.read_text())
    else:
        found = asyncio.run(measure(Tools(args.seconds, args.py_spy, perf), args.only or STATES))
    if args.plot:
        draw(found, args.plot)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
