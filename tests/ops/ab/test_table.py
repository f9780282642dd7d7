"""The table of places side by side."""

from __future__ import annotations

import io
from dataclasses import replace

from ops.ab.rule import SIDECAR, judge
from ops.ab.table import markdown, notes, table
from ops.report import tables
from tests.ops.ab.test_rule import FAST, SLOW

PLACES = {SIDECAR: SLOW, "subprocess": FAST, "inprocess": replace(FAST, partial_ms=[], problems=["8 streams: late"])}


def test_places_are_columns_and_fit_80() -> None:
    out = io.StringIO()
    tables.console(out).print(table({**PLACES, "per_call": SLOW}))
    lines = out.getvalue().splitlines()
    assert max(map(len, map(str.rstrip, lines))) <= 80
    assert lines[0].split() == ["p50", "p95", "p99", SIDECAR, "subprocess", "inprocess", "per_call"]
    assert "\x1b" not in out.getvalue()
    for leg in ("stt_closed", "stt_cache_freed", "listen_entered", "total"):
        assert any(line.startswith(leg) for line in lines)
    assert next(line for line in lines if line.startswith("VRAM")).count("no GPU") == 4


def test_markdown_has_the_same_rows() -> None:
    lines = markdown(PLACES).splitlines()
    assert lines[0] == "| p50 p95 p99 | listen | subprocess | inprocess |"
    assert "| total, ms | 200 200 200 | 100 100 100 | 100 100 100 |" in lines
    assert "| chunk→partial, ms | 30 30 30 | 30 30 30 | – |" in lines
    assert len({line.count("|") for line in lines}) == 1


def test_notes_say_why() -> None:
    told = list(notes(PLACES, {"per_call": "no room"}, judge(PLACES, 1.0)))
    assert "per_call cannot run: no room" in told
    assert "inprocess, next to the sidecar: chunk to partial p95 ∞ instead of 30 ms" in told
    assert "inprocess: 8 streams: late" in told
    assert not any(line.startswith("subprocess, next") for line in told)
