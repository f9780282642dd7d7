"""The voices by which the embedded engine is measured."""

from __future__ import annotations

from pathlib import Path

from ops.bench.recognition import VOICES


def test_no_voice_of_the_bench_belongs_to_a_recorded_caller() -> None:
    callers = (Path(__file__).parents[3] / "fixtures/callers.toml").read_text()
    assert callers
    assert not [voice for voice in VOICES if f'"espeak {voice}"' in callers]
