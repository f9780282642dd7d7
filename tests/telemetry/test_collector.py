"""A real OTLP collector that receives the spans and figures of a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from phone_daemon.telemetry import trace as module
from phone_daemon.telemetry.trace import Telemetry
from tests.telemetry.calls import MS, lines, one_call


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
