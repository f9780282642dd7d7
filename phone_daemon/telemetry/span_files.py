"""`spans.jsonl`: the spans of each call in its own folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from phone_daemon.telemetry.turn_log import JsonLines


class SpanFiles(SpanProcessor):
    """Writes each call's spans to its own `spans.jsonl` as they end."""

    def __init__(self) -> None:
        self._files: dict[int, JsonLines] = {}

    def open(self, trace_id: int, directory: Path | None) -> None:
        self._files[trace_id] = JsonLines(directory / "spans.jsonl" if directory else None)

    def close(self, trace_id: int) -> None:
        file = self._files.pop(trace_id, None)
        if file is not None:
            file.close()

    def on_end(self, span: ReadableSpan) -> None:
        file = self._files.get(span.context.trace_id)
        if file is None:
            return
        attributes = dict(span.attributes or {})
        start, end = attributes.pop("phone.start_ns"), attributes.pop("phone.end_ns")
        file.write(
            {
                "name": span.name,
                "trace": f"{span.context.trace_id:032x}",
                "span": f"{span.context.span_id:016x}",
                "parent": f"{span.parent.span_id:016x}" if span.parent else None,
                "start_ns": start,
                "end_ns": end,
                "attributes": attributes,
                "wall": {"start": iso(span.start_time or 0), "end": iso(span.end_time or 0)},
            }
        )


def iso(epoch_ns: int) -> str:
    """UTC with microseconds, from nanoseconds since 1970."""
    return datetime.fromtimestamp(epoch_ns / 1e9, UTC).isoformat(timespec="microseconds")
