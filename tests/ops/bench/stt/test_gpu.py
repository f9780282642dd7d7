"""The GPU bench on a machine without a GPU: the same code with a small model on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ops.bench.stt import gpu
from tests.sidecars.family import BUILD_S, ROOT, python_of


@pytest.mark.timeout(BUILD_S)
def test_it_tells_what_it_finds_as_it_finds_it() -> None:
    """Runs under the daemon's Python, or any other; the measured code runs under the engine's."""
    words = ["--device", "cpu", "--only", "bare", "--chunks", "560", "--streams", "1,4", "--budget", "240", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "ops.bench.stt.gpu", "--python", python_of("parakeet"), *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = {told["name"]: told for told in map(json.loads, ran.stdout.splitlines())}
    assert not [name for name in found if "broke off" in name]
    for streams in (1, 4):
        told = found[f"560 ms: step of {streams}"]
        assert told["value"] > 0
        assert "full collections 0" in told["note"]
    assert found["560 ms: streams sustained"]["value"] in {0, 1, 4}
    assert found["4 finals at once, 0 others open"]["value"] > 0
    assert len(found["profile, step of 1"]["top"]) == 10


def test_a_part_that_breaks_off_costs_the_others_nothing_and_what_it_had_found_is_kept() -> None:
    told = list(gpu._part(sys.executable, ["no-such-part", "--folder", "."], 30.0))
    assert [each.keys() for each in told] == [{"ended"}]
    assert "invalid choice: 'no-such-part'" in told[0]["ended"]
    found: list[gpu.Told] = [{"name": "160 ms: step of 1"}, {"name": "80 ms: load and warm-up"}]
    assert gpu._rest(["--chunks", "160,80,320"], found) == ["320"]


def test_what_there_is_no_time_for_is_said_to_be_not_measured() -> None:
    plan = gpu.Plan.on_cpu("160", "1")
    found = gpu.run(sys.executable, plan, ".", device="cpu", budget_s=0.0, tell=lambda told: None)
    assert {told["name"] for told in found} == {"model", "bare", "server", "words", "tdt", "voice"}
    assert all("not measured" in told["note"] and told["value"] is None for told in found)
