"""What the environment requests; `test_telemetry` shows that it is sent."""

from __future__ import annotations

import pytest

from phone_daemon.telemetry import otlp

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_spans_are_sent_when_the_environment_says_so(environ: dict[str, str], wanted: bool) -> None:
    assert otlp.wants(environ, "TRACES") is wanted
    assert bool(otlp.span_processors(environ)) is wanted


def test_a_protocol_that_is_not_spoken_is_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    assert otlp.wants({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "TRACES")
    assert "unsupported OTLP protocol grpc" in caplog.text


def test_a_name_of_ones_own_stands() -> None:
    assert otlp.resource({}).attributes["service.name"] == "phone-daemon"
    named = otlp.resource({"OTEL_RESOURCE_ATTRIBUTES": "service.name=reception"})
    assert named.attributes["service.name"] != "phone-daemon"
