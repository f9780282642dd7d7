"""The resource use of processes whose use is known."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ops.live.processes import children, cost, last_line

BUSY = """
import time
while time.process_time() < 0.2: pass
memory, file = bytearray(50 << 20), open("/dev/null")
print(flush=True)
input()
"""


def test_cpu_memory_and_descriptors_of_a_child_are_seen() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdin
        child.stdout.readline()
        found = cost(child.pid)
        assert 0.15 <= found.cpu_s < 5
        assert 50 << 20 <= found.rss_bytes < 200 << 20
        assert found.descriptors == 4
        assert found.threads == 1
        assert "process_time" in children(os.getpid())[child.pid]
        child.stdin.write("\n")
    assert child.pid not in children(os.getpid())


def test_a_process_that_is_not_there_is_named() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    with pytest.raises(ProcessLookupError):
        cost(child.pid)


def test_the_last_line_of_a_traceback_is_its_exception() -> None:
    assert (
        last_line("Traceback (most recent call last):\n  File ...\nValueError: no such model\n\n")
        == "ValueError: no such model"
    )
    assert last_line(" \n") == ""
