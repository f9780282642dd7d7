"""Spans, figures, and files of a call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from phone_daemon.clock import run_counted
from phone_daemon.telemetry import trace as module
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.telemetry.turn_record import LEGS, ToolUse, Turn
from tests.telemetry.calls import ANSWERED, MS, TURN, lines, one_call

# ------------------------------------------------------------------------------------------------ spans and files


@pytest.fixture
def spans() -> dict[str, ReadableSpan]:
    """Spans of one call with one interrupted turn, by name."""
    memory = InMemorySpanExporter()
    telemetry = Telemetry({}, export=False, processors=[SimpleSpanProcessor(memory)])
    one_call(telemetry, None)
    telemetry.close()
    found = memory.get_finished_spans()
    assert len({span.name for span in found}) == len(found)
    return {span.name: span for span in found}


def test_a_call_is_a_tree_of_turns_stages_and_legs(spans: dict[str, ReadableSpan]) -> None:
    names = {span.context.span_id: name for name, span in spans.items()}
    tree = {name: names[span.parent.span_id] if span.parent else None for name, span in spans.items()}
    stages = ("caller_speech", *module.STAGE_METRICS)
    assert tree == {
        "call": None,
        "turn": "call",
        **dict.fromkeys(stages, "turn"),
        "detection": "turn",
        "cancel": "turn",
        **{leg: "cancel" for leg in LEGS if leg != "llm_closed"},
    }
    assert len({span.context.trace_id for span in spans.values()}) == 1


def test_spans_begin_and_end_when_the_moments_were(spans: dict[str, ReadableSpan]) -> None:
    def ms(name: str) -> tuple[float, float]:
        attributes = spans[name].attributes or {}
        start, end = attributes["phone.start_ns"], attributes["phone.end_ns"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        took = (spans[name].end_time or 0) - (spans[name].start_time or 0)
        assert took == end - start
        return (start - ANSWERED) / MS, (end - ANSWERED) / MS

    assert ms("call") == (0, 4000)
    assert ms("turn") == (1000, 3015)
    assert ms("endpoint_wait") == (2000, 2500)
    assert ms("rtp_first_audio") == (2600, 2620)
    assert ms("detection") == (2900, 3000)
    assert ms("cancel") == (3000, 3015)
    assert ms("rtp_silent") == (3000, 3000)
    assert ms("listen_entered") == (3000, 3015)


def test_what_goes_on_at_once_overlaps(tmp_path: Path) -> None:
    moments = {"llm_first_token": 100, "tts_first_audio": 200, "llm_end": 900, "rtp_first_audio": 220, "tts_end": 1500}
    turn = Turn(1, 1, at_ns={stamp: ANSWERED + ms * MS for stamp, ms in moments.items()})
    one_call(Telemetry({}, export=False), tmp_path, (turn,))
    found = {line["name"]: (line["start_ns"], line["end_ns"]) for line in lines(tmp_path / "spans.jsonl")}
    assert found["llm_stream"] == (ANSWERED + 100 * MS, ANSWERED + 900 * MS)
    assert found["tts_stream"] == (ANSWERED + 200 * MS, ANSWERED + 1500 * MS)
    assert "playout" not in found, "it did not end"


def test_spans_hold_nothing_that_a_caller_said_or_is(tmp_path: Path) -> None:
    telemetry = Telemetry({}, export=False)
    digits = Turn(2, 3, "8675309", dtmf=True, faults=["stt: died while hearing Smith"], at_ns={"stt_final": ANSWERED})
    one_call(telemetry, tmp_path, (TURN, digits))
    told = (tmp_path / "spans.jsonl").read_text()
    assert '"phone.dtmf": true' in told
    assert "Smith" in (tmp_path / "turns.jsonl").read_text()
    for secret in ("smith", "8675309", "5550100", "thank"):
        assert secret not in told.lower()


def test_the_file_of_spans_says_what_the_spans_say(tmp_path: Path) -> None:
    memory = InMemorySpanExporter()
    telemetry = Telemetry({}, export=False, processors=[SimpleSpanProcessor(memory)])
    one_call(telemetry, tmp_path)
    written = lines(tmp_path / "spans.jsonl")
    assert [(line["name"], line["span"]) for line in written] == [
        (span.name, f"{span.context.span_id:016x}") for span in memory.get_finished_spans()
    ]
    call = written[-1]
    assert (call["name"], call["parent"], call["start_ns"]) == ("call", None, ANSWERED)
    assert call["attributes"]["phone.end_reason"] == "caller_hung_up"


def test_two_runs_differ_in_nothing_but_the_wall_clock(tmp_path: Path) -> None:
    for run in ("a", "b"):
        telemetry = Telemetry({}, export=False)
        one_call(telemetry, tmp_path / run)
        telemetry.close()
    for name in ("turns.jsonl", "spans.jsonl"):
        a, b = ([{**line, "wall": None} for line in lines(tmp_path / run / name)] for run in ("a", "b"))
        assert a == b
        assert a


def test_live_calls_of_the_same_name_have_traces_of_their_own() -> None:
    traces = set()
    for _ in range(2):
        memory = InMemorySpanExporter()
        one_call(Telemetry({}, processors=[SimpleSpanProcessor(memory)]), None)
        traces |= {span.context.trace_id for span in memory.get_finished_spans()}
    assert len(traces) == 2


def test_a_call_leaves_who_it_was_and_how_it_ended(tmp_path: Path) -> None:
    async def run() -> None:
        call = Telemetry({}, export=False).call("c1", "5550100", "100", "dental", tmp_path, ANSWERED)
        (begun,) = lines(tmp_path / "call.json")
        assert (begun["reason"], begun["wall"]["ended"]) == ("", "")
        call.end("caller_hung_up", ANSWERED + 4500 * MS)

    run_counted(run())
    (left,) = lines(tmp_path / "call.json")
    who = {"call": "c1", "caller": "5550100", "called": "100", "dialplan": "dental"}
    assert {key: left[key] for key in who} == who
    assert (left["reason"], left["seconds"]) == ("caller_hung_up", 4.5)
    assert left["wall"]["started"] < left["wall"]["ended"]
    assert (tmp_path / "call.json").stat().st_mode & 0o077 == 0


def test_what_comes_after_the_end_is_let_go(tmp_path: Path) -> None:
    async def main() -> None:
        call = Telemetry({}, export=False).call("c1", "", "100", "dental", tmp_path, ANSWERED)
        call.turn(replace(TURN, number=0))
        call.end("drained", ANSWERED)
        call.end("failed", ANSWERED)
        call.turn(TURN)

    run_counted(main())
    assert [line["turn"] for line in lines(tmp_path / "turns.jsonl")] == [0]
    [call] = [line for line in lines(tmp_path / "spans.jsonl") if line["name"] == "call"]
    assert call["attributes"]["phone.end_reason"] == "drained"


def test_a_turn_in_which_nothing_happened_is_a_turn(tmp_path: Path) -> None:
    one_call(Telemetry({}, export=False), tmp_path, (Turn(0),))
    assert lines(tmp_path / "turns.jsonl")[0]["times"] == {}
    assert [line["name"] for line in lines(tmp_path / "spans.jsonl")] == ["turn", "call"]


# ------------------------------------------------------------------------------------------------ figures


def test_early_starts_fillers_and_tools_are_counted() -> None:
    reader = InMemoryMetricReader()
    turn = Turn(1, 1, filler="One moment.", drafts=2, wasted_tokens=7, at_ns={"early_start": ANSWERED})
    turn.tools.append(ToolUse("lookup", "done", ANSWERED, ANSWERED + 40 * MS))
    one_call(Telemetry({}, export=False, readers=[reader]), None, (turn,))
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[tuple[str, object], Any] = {
        (metric.name, (point.attributes or {}).get("kept")): point
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    }
    assert found["phone.fillers", None].value == 1
    assert (found["phone.early_starts", True].value, found["phone.early_starts", False].value) == (1, 2)
    assert found["phone.early_start.wasted_tokens", None].value == 7
    tool = found["phone.tool", None]
    assert (tool.sum, tool.attributes["tool"], tool.attributes["outcome"]) == (40, "lookup", "done")


def test_each_latency_and_each_leg_is_counted_in_its_histogram() -> None:
    reader = InMemoryMetricReader()
    one_call(Telemetry({}, export=False, readers=[reader]), None)
    data = reader.get_metrics_data()
    assert data is not None
    points: dict[tuple[str, str], Any] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            key = (point.attributes or {}).get("leg") or (point.attributes or {}).get("reason") or ""
            points[metric.name, str(key)] = point
    sums = {key: point.sum for key, point in points.items() if hasattr(point, "sum")}
    assert sums == {
        ("phone.ttfa", ""): 620,
        ("phone.endpoint.wait", ""): 500,
        ("phone.stt.final", ""): 50,
        ("phone.llm.first_token", ""): 10,
        ("phone.tts.first_phrase", ""): 10,
        ("phone.tts.first_audio", ""): 30,
        ("phone.rtp.first_audio", ""): 20,
        ("phone.cancel", "rtp_silent"): 0,
        ("phone.cancel", "tts_stopped"): 3,
        ("phone.cancel", "stt_closed"): 9,
        ("phone.cancel", "stt_cache_freed"): 12,
        ("phone.cancel", "listen_entered"): 15,
        ("phone.cancel", "total"): 15,
        ("phone.barge_in.detection", ""): 100,
        ("phone.barge_in.onset_to_silence", ""): 100,
    }
    assert points["phone.ttfa", ""].explicit_bounds == module.BUCKETS_MS
    values = {key: point.value for key, point in points.items() if hasattr(point, "value")}
    assert values == {
        ("phone.turns", ""): 1,
        ("phone.underruns", ""): 1,
        ("phone.calls", "caller_hung_up"): 1,
        ("phone.calls.live", ""): 0,
        ("phone.cancel.missed", "llm_closed"): 1,
    }
