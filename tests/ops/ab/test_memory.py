"""The memory of daemon and engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.ab.memory import Memory, gpu_mb


def test_the_daemon_its_recognizers_and_the_sidecar_are_counted() -> None:
    hungry = "x = bytearray(60_000_000); print(flush=True); input()"
    children = [
        subprocess.Popen([sys.executable, "-c", hungry, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for words in (["--kind", "stt"], ["--kind", "tts"])
    ]
    try:
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        memory, sidecar = Memory(), Memory()
        memory.look(os.getpid(), None)
        sidecar.look(os.getpid(), children[1].pid)
    finally:
        for child in children:
            child.communicate(b"\n")
    assert 60 < sidecar.mb - memory.mb < 120


def test_a_process_that_is_gone_has_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    memory = Memory()
    memory.look(os.getpid(), ended.pid)
    assert memory.mb > 0


@pytest.mark.parametrize(("says", "used"), [("12, 800\n12, 50\n13, 10\n14, [N/A]\n", {12: 850.0, 13: 10.0}), ("", {})])
def test_a_gpu_is_asked(says: str, used: dict[int, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert gpu_mb() == used


def test_without_a_gpu_there_is_no_gpu_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_mb() is None
