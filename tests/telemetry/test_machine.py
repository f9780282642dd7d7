"""Samples of this machine and of real child processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from phone_daemon.telemetry.machine import Machine, name_of


def test_a_sample_knows_the_machine_and_what_each_child_uses(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "calls" / "of" / "today")  # No call has been recorded yet.
    busy = subprocess.Popen([sys.executable, "-m", "timeit", "-n", "1000000000", "pass"])
    idle = subprocess.Popen([sys.executable, "-m", "http.server", "--help"], stdout=subprocess.DEVNULL)
    try:
        idle.wait(20)  # A zombie, until we ask for it again, is no process that uses anything.
        machine.sample()
        time.sleep(0.5)
        use = machine.sample()
    finally:
        busy.kill()
        busy.wait()
    by_name = {process.name: process for process in use.processes}
    busy_one = by_name["timeit"]
    assert busy_one.count == 1 and busy_one.cpu_percent > 1 and busy_one.rss_bytes > 1e6
    assert "http.server" not in by_name
    assert by_name["daemon"].rss_bytes > 1e6
    assert 0 < use.cpu_percent <= 100 and use.cores >= 1
    assert 0 < use.memory_bytes < use.memory_total_bytes and 0 < use.disk_free_bytes <= use.disk_total_bytes
    assert "timeit" not in {process.name for process in machine.sample().processes}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "-m", "phone_daemon.wire.line_card", "--fd=7"], "line card"),
        (["python", "-m", "phone_daemon.web", "--fd=7"], "web"),
        (["python", "-W", "ignore", "-m", "sidecars.local.child", "--kind", "stt", "--engine", "whisper"], "whisper"),
        (["python", "-m", "sidecars.serve.tts"], "sidecars.serve.tts"),
        (["/x/bin/redis-server unixsocket:/y/redis.sock"], "redis"),
        (["/usr/bin/python3", "-c", "pass"], "python3"),
        (["-m"], "-m"),
        ([], "ended"),
    ],
)
def test_processes_have_names_for_people(command: list[str], name: str) -> None:
    assert name_of(command) == name
