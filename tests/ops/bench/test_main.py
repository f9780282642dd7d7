"""The command that prints every figure."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

TWO = """
import asyncio, sys
from ops.bench import __main__ as bench
from ops.bench.figure import Figure

async def first(progress):
    return [Figure("first", 1.0, "ms")]

async def second(progress):
    print("begun", file=sys.stderr, flush=True)
    await asyncio.sleep(60)
    return []

bench._measures = lambda args: {"first": first, "second": second}
sys.exit(bench.main(["--json"]))
"""


def test_told_to_end_it_prints_what_has_been_measured() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", TWO], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "begun" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        found = json.loads(process.stdout.read())
    assert [figure["name"] for figure in found["first"]] == ["first"]
    assert "second" not in found
    assert process.returncode == 128 + signal.SIGTERM
