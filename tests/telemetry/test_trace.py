"""Spans, figures, and files of a call, and a real OTLP collector that receives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from phone_daemon.clock import run_counted
from phone_daemon.telemetry import trace as module
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.telemetry.turn_record import LEGS, BargeInSource, CancelReport, ToolUse, Turn

MS = 1_000_000
ANSWERED = 7_000 * MS
TURN = Turn(
    number=1,
    reply=2,
    caller="my name is Smith",
    intent="message",
    slots={"name": "Smith"},
    agent="Thank you, Smith. Anything else?",
    heard="Thank you,",
    underruns=1,
    at_ns={
        stamp: ANSWERED + ms * MS
        for stamp, ms in {
            "speech_onset": 1000,
            "speech_end": 2000,
            "endpoint": 2500,
            "stt_final": 2550,
            "llm_first_token": 2560,
            "first_phrase": 2570,
            "tts_first_audio": 2600,
            "rtp_first_audio": 2620,
        }.items()
    },
    cancel=CancelReport(
        BargeInSource.SPEECH,
        2,
        ANSWERED + 3000 * MS,
        ANSWERED + 2900 * MS,
        {leg: ANSWERED + (3000 + 3 * index) * MS for index, leg in enumerate(LEGS) if leg != "llm_closed"},
        ("llm_closed",),
    ),
)


def one_call(telemetry: Telemetry, directory: Path | None, turns: tuple[Turn, ...] = (TURN,)) -> None:
    """A call on the sample clock, from answer to end."""

    async def main() -> None:
        call = telemetry.call("c1", "5550100", "100", "dental", directory, ANSWERED)
        for turn in turns:
            call.turn(turn)
        call.end("caller_hung_up", ANSWERED + 4000 * MS)

    run_counted(main())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


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


# ------------------------------------------------------------------------------------------------ OTLP


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP receiver that keeps what it receives, decoded, by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.got: dict[str, list[Any]] = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Receiver(BaseHTTPRequestHandler):
    kinds: dict[str, type[Message]] = {  # noqa: RUF012
        "/v1/traces": ExportTraceServiceRequest,
        "/v1/metrics": ExportMetricsServiceRequest,
    }

    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        request = self.kinds[self.path]()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.setdefault(self.path, []).append(request)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.shutdown()
    collector.server_close()


def exported(collector: Collector, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> Collector:
    """What one call sends to the collector under these environment variables."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(url=collector.url))
    telemetry = Telemetry()
    one_call(telemetry, None)
    telemetry.close()
    return collector


def test_a_collector_named_by_the_environment_gets_spans_and_figures(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = exported(collector, monkeypatch, {"OTEL_EXPORTER_OTLP_ENDPOINT": "{url}"}).got
    resources = [each for request in got["/v1/traces"] for each in request.resource_spans]
    spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
    by_id = {span.span_id: span for span in spans}
    assert {"call", "turn", "cancel", "rtp_silent", "endpoint_wait"} <= {span.name for span in spans}
    [leg] = [span for span in spans if span.name == "listen_entered"]
    chain = by_id[leg.parent_span_id]
    assert (chain.name, by_id[chain.parent_span_id].name) == ("cancel", "turn")
    assert leg.end_time_unix_nano - leg.start_time_unix_nano == 15 * MS
    named = {pair.key: pair.value.string_value for pair in resources[0].resource.attributes}
    assert named["service.name"] == "phone-daemon"
    metrics = [
        metric
        for request in got["/v1/metrics"]
        for each in request.resource_metrics
        for scope in each.scope_metrics
        for metric in scope.metrics
    ]
    assert {"phone.ttfa", "phone.cancel"} <= {metric.name for metric in metrics}


def test_the_name_of_the_service_can_be_changed(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}/v1/traces", "OTEL_SERVICE_NAME": "reception"}
    got = exported(collector, monkeypatch, environ).got
    assert set(got) == {"/v1/traces"}
    [named] = [
        pair.value.string_value
        for pair in got["/v1/traces"][0].resource_spans[0].resource.attributes
        if pair.key == "service.name"
    ]
    assert named == "reception"


def test_a_disabled_sdk_still_leaves_the_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    one_call(Telemetry(), tmp_path)
    assert len(lines(tmp_path / "turns.jsonl")) == 1


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "{url}", "OTEL_SDK_DISABLED": "true"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "{url}",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
        },
    ],
)
def test_nothing_is_sent_when_the_environment_does_not_say_so(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    assert exported(collector, monkeypatch, environ).got == {}


def test_a_replay_sends_nothing_whatever_the_environment_says(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    telemetry = Telemetry(export=False)
    one_call(telemetry, None)
    telemetry.close()
    assert collector.got == {}


def test_a_collector_that_is_not_there_delays_the_end_by_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    telemetry = Telemetry()
    one_call(telemetry, None)
    telemetry.close()
    telemetry.close()
    assert "did not take the last ones within 0.2 s" in caplog.text
