"""The file of a call's spans."""

from __future__ import annotations

import json
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider

from phone_daemon.telemetry.span_files import SpanFiles, iso


def test_each_call_has_its_spans_in_its_own_folder(tmp_path: Path) -> None:
    files, provider = SpanFiles(), TracerProvider()
    provider.add_span_processor(files)
    tracer = provider.get_tracer("test")
    for call in ("one", "two"):
        (tmp_path / call).mkdir()
        span = tracer.start_span(call, attributes={"phone.start_ns": 1, "phone.end_ns": 2, "turn": 3})
        files.open(span.get_span_context().trace_id, tmp_path / call)
        span.end()
        files.close(span.get_span_context().trace_id)
    for call in ("one", "two"):
        (line,) = (tmp_path / call / "spans.jsonl").read_text().splitlines()
        found = json.loads(line)
        assert (found["name"], found["start_ns"], found["end_ns"], found["attributes"]) == (call, 1, 2, {"turn": 3})
        assert found["parent"] is None


def test_a_span_that_ends_after_its_call_is_in_no_file(tmp_path: Path) -> None:
    files, provider = SpanFiles(), TracerProvider()
    provider.add_span_processor(files)
    span = provider.get_tracer("test").start_span("late", attributes={"phone.start_ns": 1, "phone.end_ns": 2})
    files.open(span.get_span_context().trace_id, tmp_path)
    files.close(span.get_span_context().trace_id)
    span.end()
    assert (tmp_path / "spans.jsonl").read_text() == ""


def test_times_are_utc_to_the_microsecond() -> None:
    assert iso(1_500_000) == "1970-01-01T00:00:00.001500+00:00"
