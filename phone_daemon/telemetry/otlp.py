"""Exports spans and metrics over OTLP, as the standard environment variables of OpenTelemetry specify."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from phone_daemon import __version__
from sidecars.log import Event

log = logging.getLogger(__name__)


def resource(environ: Mapping[str, str]) -> Resource:
    """The name of the sender: `phone-daemon`, unless the environment sets another."""
    named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({"service.version": __version__, **({} if named else {"service.name": "phone-daemon"})})


def wants(environ: Mapping[str, str], signal: str) -> bool:
    """Whether the standard variables ask for OTLP export of `signal` (`TRACES`, `METRICS`)."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    chosen = environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower()
    wanted = (
        "otlp" in chosen.split(",")
        if chosen
        else any(environ.get(name) for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
    )
    protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if wanted and protocol not in (None, "", "http/protobuf"):
        log.warning(Event("telemetry.protocol", reason=f"unsupported OTLP protocol {protocol}; using http/protobuf"))
    return wanted


# The exporters import an HTTP client, which costs memory and start-up time, so only those who export pay for it.


def span_processors(environ: Mapping[str, str]) -> Sequence[SpanProcessor]:
    """The processors that send spans; empty if the variables do not ask for it."""
    if not wants(environ, "TRACES"):
        return ()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return (BatchSpanProcessor(OTLPSpanExporter()),)


def metric_readers(environ: Mapping[str, str]) -> Sequence[MetricReader]:
    """The readers that send metrics; empty if the variables do not ask for it."""
    if not wants(environ, "METRICS"):
        return ()
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

    return (PeriodicExportingMetricReader(OTLPMetricExporter()),)
