"""How a sampled stack or library is classified, and how often a process wakes up."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ops.bench.hops import GROUPS, draw, grouped, library_of, part_of, wakes

ROOT = (
    "<module> (phone_daemon/__main__.py:199);Runner.run (asyncio/runners.py:118);BaseEventLoop._run_once "
    "(asyncio/base_events.py:1922);Handle._run (asyncio/events.py:80)"
)
CALL = f"{ROOT};Call.run (phone_daemon/call/call.py:190);Call._on_frame (phone_daemon/call/call.py:290)"


@pytest.mark.parametrize(
    ("process", "stack", "part"),
    [
        ("daemon", ROOT, "asyncio"),
        ("daemon", CALL, "the call itself"),
        (
            "daemon",
            f"{CALL};Vad._take (phone_daemon/stt/vad.py:76);Silero.probability (sidecars/silero.py:49);"
            "Session.run (onnxruntime/capi/onnxruntime_inference_collection.py:395)",
            "VAD",
        ),
        ("daemon", f"{CALL};EchoDelay.feed (phone_daemon/media/echo_delay.py:123);rfft (numpy/fft.py:417)", "echo"),
        ("daemon", f"{CALL};Utterance.feed (phone_daemon/stt/utterance.py:77)", "hop from and to the engines"),
        ("daemon", f"{CALL};level_db (phone_daemon/stt/near_talker.py:70)", "endpoint, near talker, stabilizer"),
        (
            "STT engine",
            "Moonshine._guess (sidecars/engines/moonshine.py:255);Rebuilt._run (sidecars/engines/"
            "moonshine_runs.py:95);Session.run (onnxruntime/capi/onnxruntime_inference_collection.py:395)",
            "decoder",
        ),
        (
            "STT engine",
            "MoonshineModel.decode (sidecars/engines/moonshine_model.py:168);_chosen (sidecars/engines/"
            "moonshine_model.py:300)",
            "beam, bias, scores",
        ),
        (
            "STT engine",
            "Rebuilt.encode (sidecars/engines/moonshine_runs.py:77);Session.run (o.py:1)",
            "encoder",
        ),
        ("line card", "Card._tick (phone_daemon/wire/line_card/card.py:139)", "RTP watch, SIP, timers"),
        ("Redis", "main", "other"),
    ],
)
def test_a_stack_belongs_to_the_part_of_its_innermost_frame_that_is_known(process: str, stack: str, part: str) -> None:
    assert part_of(process, stack) == part


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("libpython3.11.so.1.0", "Python"),
        ("onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so", "onnxruntime"),
        ("_multiarray_umath.cpython-311-x86_64-linux-gnu.so", "numpy, BLAS, FFT"),
        ("_pjsua2.cpython-311-x86_64-linux-gnu.so", "pjsua2"),
        ("[kernel.kallsyms]", "kernel"),
        ("libc.so.6", "libc"),
        ("libssl.so.3", "libssl.so.3"),
    ],
)
def test_a_library_counts_as_what_it_is(name: str, kind: str) -> None:
    assert library_of(name) == kind


def test_whoever_goes_to_sleep_is_woken_as_often() -> None:
    before = wakes(os.getpid())
    for _ in range(20):
        time.sleep(0.001)
    after = wakes(os.getpid())
    assert sum(after.values()) - sum(before.get(thread, 0) for thread in after) >= 20


@pytest.mark.long
def test_the_groups_of_a_plot_hold_all_of_the_cpu(tmp_path: Path) -> None:
    parts = {"VAD": 1.0, "echo": 2.0, "asyncio": 0.5, "hop from and to the engines": 0.25, "script": 0.25}
    state = {
        "daemon": {"cpu": 4.0, "wakes": 50.0, "parts": parts},
        "Redis": {"cpu": 0.5, "wakes": 10.0},
        "line card": {"cpu": 1.0, "wakes": 100.0, "parts": {"hop to the daemon": 1.0}},
    }
    found = grouped(state)
    assert sum(found.values()) == pytest.approx(5.5)
    assert found == dict.fromkeys(GROUPS, 0.0) | {
        **{"line card": 1.0, "hops and asyncio": 0.75, "voice activity": 1.0, "echo": 2.0, "all else": 0.75}
    }
    draw({"listening": state}, tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")
