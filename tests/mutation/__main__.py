"""`make mutants`: makes a sample of small edits in some packages, and checks that the tests which reach them notice.

    python -m tests.mutation [--room "the reply"] [--count 20] [--seed 1] [--minutes 5] [--least 0.9]

No file is changed: every edit exists only in a separate process. Exits with 1 if the tests notice fewer than 90 % of
the edits, or if there was time for less than half of them. An edit that no test can notice, because it changes nothing
observable, belongs in SAME.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.machinery
import importlib.util
import itertools
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.mutation.edits import Edit, edited, edits
from tests.mutation.reach import Reach
from tests.mutation.warm import unload, warm

ROOT = Path(__file__).parents[2]
NOTICED = 0.9
TESTS_S = 30.0
"""Time limit in seconds for the tests of one edit."""
NEAR_LINES = 4
"""How far ahead of an edit it matters who goes there."""
CPU_S = 90
"""CPU time after which the tests of one edit are taken to run forever. It is not the time that passes, which on a busy
machine says nothing."""
WAIT_S = 60
"""Time limit in seconds for one test, which nothing but waiting forever exceeds."""
PATIENCE_S = 600.0
"""Time limit in seconds for what hangs outside of any test."""


Reached = tuple[dict[str, dict[str, list[str]]], dict[str, float]]
"""For each file and line, the tests that reach it; for each test, its duration in seconds."""


Chosen = tuple[str, Edit]
"""A module, and an edit of it."""


class Result(Enum):
    """What the tests say to an edit."""

    NOTICED = auto()
    HUNG = auto()
    """Something ran or waited forever, which a person would notice."""
    MISSED = auto()


class Failing(Exception):
    """The tests fail even without an edit."""


@dataclass(frozen=True)
class Room:
    """Modules, and the tests that cover them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


def modules_of(package: str) -> tuple[str, ...]:
    files = sorted((ROOT / package).glob("*.py"))
    return tuple(f"{package.replace('/', '.')}.{file.stem}" for file in files if file.stem != "__init__")


REPLY, CALLER_SIDE = "phone_daemon.call.reply", "phone_daemon.call.caller_side"
CALL = tuple(module for module in modules_of("phone_daemon/call") if module not in (REPLY, CALLER_SIDE))
STT = tuple(module for module in modules_of("phone_daemon/stt") if not module.endswith("_weights"))
CALLS = ("tests/call", "tests/tts/test_filler.py", "tests/test_llm_call.py")
ROOMS = {
    "the call": Room(CALL, CALLS),
    "the reply": Room((REPLY,), CALLS),
    "the caller's side": Room((CALLER_SIDE,), CALLS),
    "the model's stream": Room(modules_of("phone_daemon/agent/llm"), ("tests/agent/llm",)),
    "speech-to-text": Room(STT, ("tests/stt",)),
    "the language": Room(modules_of("phone_daemon/language"), ("tests/language", "tests/agent/script")),
}
USUAL = ("the call", "the reply", "the caller's side", "the model's stream")
"""The rooms that are sampled unless others are named."""
SAME = frozenset(
    {
        ("ModelFailed.__init__", "super().__init__(what)", "pass"),  # Exception.__new__ has stored it already.
        ("CallerSide.__init__", "self._attended_since = 0", "pass"),  # It is read only once `attend` has set it.
        ("CallerSide._finalize", "True", "False"),  # That the transcript is final is what the function is about.
        ("DigitCollector.__init__", "0", "1"),  # It is read only once `press` has set it.
        ("Toolbox._ask", "await asyncio.wait(tasks)", "pass"),  # They are cancelled, and end within some ticks.
    }
)
"""(function, old, new) of edits that change nothing observable."""


class Edited(importlib.machinery.SourceFileLoader):
    """Loads a module with an edit in it; also the finder that finds it."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        super().__init__(name, str(path))
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec", dont_inherit=True)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None


def file_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def in_a_process(do: Callable[[], int], log: str = os.devnull) -> int:
    """Starts it, and returns the process id; its output goes to `log`."""
    if pid := os.fork():
        return pid
    os.setsid()
    for descriptor, file in ((0, os.devnull), (1, log), (2, log)):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND), descriptor)
    code = 70
    try:
        code = int(do())
    finally:
        sys.stdout.flush()
        os._exit(code)


def tested(tests: Sequence[str], timeout_s: int, *plugins: object) -> int:
    return pytest.main(["-q", "-p", "no:cacheprovider", f"--timeout={timeout_s}", *tests], plugins=list(plugins))


def reached(rooms: Sequence[Room]) -> Reached:
    """The lines of the rooms and the tests that reach them, from a run without any edit. Raises `Failing`.

    Tests that fail in that run are left out, with a message: whether they pass is not decided here.
    """
    files = [str(file_of(module)) for room in rooms for module in room.modules]
    lines: dict[str, dict[str, list[str]]] = {}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for n, tests in enumerate(dict.fromkeys(room.tests for room in rooms)):
            told, log = Path(folder) / f"{n}.json", Path(folder) / f"{n}.log"

            def run(tests: tuple[str, ...] = tests, told: Path = told) -> int:
                reach = Reach(files)
                code = tested(tests, 300, reach)
                reach.write(told)
                return code

            runs.append((in_a_process(run, str(log)), told, log))
        for pid, told, log in runs:
            _, status = os.waitpid(pid, 0)
            if os.waitstatus_to_exitcode(status) not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
                raise Failing(log.read_text()[-2000:])
            for line in log.read_text().splitlines():
                if line.startswith("FAILED"):
                    print(f"left out, as it fails without any edit: {line}")
            more, longer = json.loads(told.read_text())
            seconds |= longer
            for file, found in more.items():
                for line, reaching in found.items():
                    lines.setdefault(file, {}).setdefault(line, []).extend(reaching)
    return lines, seconds


def tests_of(module: str, edit: Edit, lines: dict[str, list[str]], seconds: dict[str, float]) -> list[str]:
    """The tests that reach the edit, the likeliest to notice it first; for code that runs at import, all that reach its
    module.

    Those of the file of the same name come first, then those that go where few others go just after the edit, because
    it is for them that it matters, then the quickest.
    """
    at_import = not edit.function or (edit.function[:1].isupper() and "." not in edit.function)
    found = {test for each in lines.values() for test in each} if at_import else set(lines.get(str(edit.line), ()))
    own = f"/test_{module.rsplit('.', 1)[-1]}.py::"
    here = [lines.get(str(edit.line + ahead), []) for ahead in range(NEAR_LINES)]
    company = {test: min((len(each) for each in here if test in each), default=0) for test in found}
    taken: list[str] = []
    for test in sorted(found, key=lambda each: (own not in each, company[each], seconds[each], each)):
        if not taken or sum(seconds[each] for each in taken) + seconds[test] <= TESTS_S:
            taken.append(test)
    return taken


def sample(room: Room, count: int, seed: int) -> list[Chosen]:
    """This many edits of the room, of every kind."""
    chance = random.Random(seed)
    everything = [(module, edit) for module in room.modules for edit in edits(file_of(module).read_text())]
    pool = [each for each in everything if (each[1].function, each[1].old, each[1].new) not in SAME]
    by_kind: dict[str, list[Chosen]] = {}
    for each in chance.sample(pool, len(pool)):
        by_kind.setdefault(each[1].kind, []).append(each)
    mixed = [kind[n] for n in range(len(pool)) for kind in by_kind.values() if n < len(kind)]
    return mixed[:count]


def noticed(chosen: Sequence[Chosen], known: Reached, until: float) -> dict[Chosen, Result]:
    """Whether tests fail on each edit, with one process per core; edits for which there is no time are left out."""
    lines, seconds = known
    results: dict[Chosen, Result] = {}
    running: dict[int, tuple[Chosen, float]] = {}
    waiting = list(chosen)
    while waiting or running:
        while waiting and len(running) < len(os.sched_getaffinity(0)):
            module, edit = each = waiting.pop(0)
            if time.monotonic() > until:
                continue
            tests = tests_of(module, edit, lines.get(str(file_of(module)), {}), seconds)
            if not tests:
                results[each] = Result.MISSED
                continue

            def run(module: str = module, edit: Edit = edit, tests: list[str] = tests) -> int:
                path = file_of(module)
                unload(module)
                sys.meta_path.insert(0, Edited(module, path, edited(path.read_text(), edit.number)))
                resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
                return tested(["-x", *tests], WAIT_S)

            running[in_a_process(run)] = each, time.monotonic() + PATIENCE_S
        for pid, (each, patience) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                results[each] = _of(os.waitstatus_to_exitcode(status))
            elif time.monotonic() > patience:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                results[each] = Result.HUNG
            else:
                continue
            del running[pid]
        time.sleep(0.02)
    return results


def _of(exit_code: int) -> Result:
    if exit_code == 0:
        return Result.MISSED
    return Result.HUNG if exit_code in (-signal.SIGXCPU, -signal.SIGKILL) else Result.NOTICED


def told(name: str, chosen: Sequence[Chosen], results: dict[Chosen, Result]) -> None:
    tried = [results[each] for each in chosen if each in results]
    hung = tried.count(Result.HUNG)
    print(
        f"{name}: {len(tried) - tried.count(Result.MISSED)} of {len(tried)} edits noticed"
        + (f", {hung} of them because something ran forever" if hung else "")
        + (f"; no time for {len(chosen) - len(tried)} more" if len(tried) < len(chosen) else "")
    )
    for module, edit in chosen:
        if results.get((module, edit)) is Result.MISSED:
            where = f"{file_of(module).relative_to(ROOT)}:{edit.line} {edit.function}"
            print(f"  {where}: {edit.old!r:.90} -> {edit.new!r:.90}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--room", choices=ROOMS, action="append", help=f"of these (default {', '.join(USUAL)})")
    parser.add_argument("--count", type=int, default=20, help="edits of each room (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default 1)")
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="after the run without edits; none is begun later (default 5)"
    )
    parser.add_argument("--least", type=float, default=NOTICED, help=f"what share must be noticed (default {NOTICED})")
    args = parser.parse_args()
    os.chdir(ROOT)
    names = args.room or list(USUAL)
    try:
        known = reached([ROOMS[name] for name in names])
    except Failing as error:
        print(f"{error}\nthe tests do not run without any edit either; mend that first")
        return 1
    warm()
    samples = {name: sample(ROOMS[name], args.count, args.seed) for name in names}
    # Rooms take turns, so that a run for which the time is too short has some of each.
    turns = [each for some in itertools.zip_longest(*samples.values()) for each in some if each is not None]
    results = noticed(turns, known, time.monotonic() + 60 * args.minutes)
    for name, chosen in samples.items():
        told(name, chosen, results)
    share = sum(result is not Result.MISSED for result in results.values()) / max(len(results), 1)
    print(f"noticed: {share:.1%} of {len(results)} edits, at least {args.least:.0%} wanted")
    if 2 * len(results) < len(turns):
        print(f"that is too few to tell: {len(turns)} were chosen; give it more --minutes")
        return 1
    return int(share < args.least)


if __name__ == "__main__":
    sys.exit(main())
