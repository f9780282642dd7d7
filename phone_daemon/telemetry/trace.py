"""The trace of a call: a tree of spans, histograms, and the three files that every call leaves.

`call.json` says who called whom and how the call ended. `turns.jsonl` contains one line per turn with what was said,
which is personal data, kept in the call's folder and nowhere else (an index of the calls is stored beside their
folders: `web/call_store.py`). `spans.jsonl`, and what is exported by OTLP, contain only times, names, and counts: no
caller's number, no transcript, no digit. Only their owner can read the files.

OTLP over HTTP (protobuf) is sent if the standard variables say so: `OTEL_EXPORTER_OTLP_ENDPOINT` or its
`_TRACES_`/`_METRICS_` forms, or `OTEL_TRACES_EXPORTER=otlp`/`OTEL_METRICS_EXPORTER=otlp`; otherwise nothing leaves the
machine. Every call is traced; sampling is left to the collector. `OTEL_SDK_DISABLED=true` turns all of it off except
`turns.jsonl`.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, set_span_in_context

from phone_daemon import __version__, clock
from phone_daemon.telemetry import otlp
from phone_daemon.telemetry.call_ids import CallIds
from phone_daemon.telemetry.span_files import SpanFiles, iso
from phone_daemon.telemetry.turn_log import STREAMS, JsonLines, stages, turn_line
from phone_daemon.telemetry.turn_record import LEGS, CancelReport, Turn
from sidecars.log import Event

log = logging.getLogger(__name__)

BUCKETS_MS = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0, 200.0, 250.0, 300.0),
    *(400.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 5000.0),
)
"""Upper bounds, which are closest around the limits that are checked (25, 60, 150, and 250 ms)."""

STAGE_METRICS = {
    "endpoint_wait": "phone.endpoint.wait",
    "stt_final": "phone.stt.final",
    "llm_first_token": "phone.llm.first_token",
    "first_phrase": "phone.tts.first_phrase",
    "tts_first_audio": "phone.tts.first_audio",
    "rtp_first_audio": "phone.rtp.first_audio",
}
CLOSE_S = 3.0


class Telemetry:
    """Tracer and meters of one daemon.

    `export`: whether to obey the OTLP variables. Without it nothing is sent, and span ids depend on the call's id
    alone, which a replay needs to give the same files twice.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        export: bool = True,
        processors: Sequence[SpanProcessor] = (),
        readers: Sequence[MetricReader] = (),
    ) -> None:
        self.ids = CallIds(secrets.token_bytes(8) if export else b"")
        self.files = SpanFiles()
        resource = otlp.resource(environ)
        self._traces = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False, id_generator=self.ids
        )
        otlp_spans = otlp.span_processors(environ) if export else ()
        otlp_metrics = otlp.metric_readers(environ) if export else ()
        self._exporting = bool(otlp_spans or otlp_metrics)
        self._closed = False
        for processor in (self.files, *processors, *otlp_spans):
            self._traces.add_span_processor(processor)
        self._meters = MeterProvider([*readers, *otlp_metrics], resource=resource, shutdown_on_exit=False)
        self.tracer = self._traces.get_tracer("phone_daemon", __version__)
        meter = self._meters.get_meter("phone_daemon", __version__)

        def histogram(name: str, description: str) -> Histogram:
            return meter.create_histogram(
                name, unit="ms", description=description, explicit_bucket_boundaries_advisory=BUCKETS_MS
            )

        self.ttfa = histogram("phone.ttfa", "caller's last speech sample to the agent's first audible frame")
        self.stages = {stage: histogram(name, f"turn latency: {stage}") for stage, name in STAGE_METRICS.items()}
        self.cancel = histogram("phone.cancel", "decision to yield to the end of each leg (attribute leg)")
        self.detection = histogram("phone.barge_in.detection", "caller's first speech sample to the decision to yield")
        self.silence = histogram(
            "phone.barge_in.onset_to_silence", "caller's first speech sample to the first silent frame handed to RTP"
        )
        self.missed = meter.create_counter("phone.cancel.missed", description="legs that missed their deadline")
        self.turns = meter.create_counter("phone.turns", description="turns of all calls")
        self.underruns = meter.create_counter("phone.underruns", description="ticks in which a reply had no audio")
        self.fillers = meter.create_counter("phone.fillers", description="acknowledgments played before a late reply")
        self.drafts = meter.create_counter(
            "phone.early_starts", description="replies begun before the turn was over (attribute kept)"
        )
        self.wasted = meter.create_counter(
            "phone.early_start.wasted_tokens", description="pieces of text the model produced for replies not kept"
        )
        self.tools = histogram("phone.tool", "how long a tool of the model's ran (attributes tool, outcome)")
        self.calls = meter.create_counter("phone.calls", description="calls that ended (attribute reason)")
        self._registrations = meter.create_counter(
            "phone.trunk.registrations", description="registrations that were tried (attributes trunk, outcome)"
        )
        self._dialed = meter.create_counter("phone.dials", description="calls out (attribute result)")
        self.live = meter.create_up_down_counter("phone.calls.live", description="calls in progress")

    def call(  # noqa: PLR0917
        self, call_id: str, caller: str, called: str, dialplan: str, directory: Path | None, started_ns: int
    ) -> CallTrace:
        """Begins the trace of a call answered at `started_ns`. `directory`: the call's own folder; None for no
        files."""
        return CallTrace(
            self,
            call_id,
            caller=caller,
            called=called,
            dialplan=dialplan,
            directory=directory,
            started_ns=started_ns,
        )

    def registration(self, trunk: str, outcome: str) -> None:
        """Counts the outcome of a registration: registered, refused, or unreachable."""
        self._registrations.add(1, {"trunk": trunk, "outcome": outcome})

    def dialed(self, result: str) -> None:
        """Counts the outcome of an outbound call."""
        self._dialed.add(1, {"result": result})

    def close(self) -> None:
        """Sends what is left, waiting at most `CLOSE_S`, and stops. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if not self._exporting:
            self._shutdown()
            return
        # A daemon thread, because a collector that hangs must not keep the process alive.
        last_words = threading.Thread(target=self._shutdown, name="telemetry-close", daemon=True)
        last_words.start()
        last_words.join(CLOSE_S)
        if last_words.is_alive():
            log.warning(
                Event("telemetry.lost", reason=f"the collector did not take the last ones within {CLOSE_S:g} s")
            )

    def _shutdown(self) -> None:
        for provider in (self._traces, self._meters):
            try:
                provider.shutdown()
            except Exception as error:
                log.debug(Event("telemetry.close_failed", reason=error))


class CallTrace:
    """One call's spans, metrics, and files. Methods append a few hundred bytes and raise nothing."""

    def __init__(
        self,
        telemetry: Telemetry,
        call_id: str,
        *,
        caller: str,
        called: str,
        dialplan: str,
        directory: Path | None,
        started_ns: int,
    ) -> None:
        self.call_id = call_id
        self._telemetry = telemetry
        self.origin_ns = started_ns
        """The beginning of the recording, as far as is known; the times of a turn are counted from it."""
        self._started_ns = started_ns
        self._last_ns = started_ns
        # Spans use epoch time, and the daemon counts monotonic time. One offset per call keeps them in step even if the
        # wall clock is set during the call.
        self._epoch_ns = time.time_ns() - clock.now_ns()
        self._about = {"dialplan": dialplan}
        self._file = directory / "call.json" if directory else None
        self._who = {"call": call_id, "caller": caller, "called": called, "dialplan": dialplan}
        self._describe("", 0.0, "")
        self._spans = 0
        self._turns_file = JsonLines(directory / "turns.jsonl" if directory else None)
        self._trace_id = telemetry.ids.trace_id(call_id)
        telemetry.files.open(self._trace_id, directory)
        attributes: dict[str, str | bool] = {
            "phone.called": called,
            "phone.dialplan": dialplan,
            "phone.caller.withheld": not caller,
        }
        self._call = self._begin("call", started_ns, None, attributes)
        self._open = True
        telemetry.live.add(1, self._about)

    def turn(self, turn: Turn) -> None:
        """Writes one turn, once it is over. Does nothing after `end`."""
        if not self._open:
            log.debug(Event("turn.late", call=self.call_id, turn=turn.number))
            return
        times = [*turn.at_ns.values()]
        if turn.cancel is not None:
            times += [turn.cancel.vad_trigger_ns, *turn.cancel.legs_ns.values()]
        start, end = (min(times), max(times)) if times else (self._last_ns, self._last_ns)
        self._last_ns = max(self._last_ns, end)
        self._turns_file.write(turn_line(self.call_id, turn, self.origin_ns, self._wall(start)))
        self._trace_turn(turn, start, end)
        self._measure(turn)

    def end(self, reason: str, at_ns: int) -> None:
        """Closes the trace and its files. Idempotent."""
        if not self._open:
            return
        self._open = False
        self._call.set_attribute("phone.end_reason", str(reason))
        self._finish(self._call, max(at_ns, self._last_ns))
        self._telemetry.live.add(-1, self._about)
        self._telemetry.calls.add(1, {**self._about, "reason": str(reason)})
        self._describe(str(reason), (at_ns - self._started_ns) / 1e9, self._wall(at_ns))
        self._telemetry.files.close(self._trace_id)
        self._turns_file.close()

    def _describe(self, reason: str, seconds: float, ended: str) -> None:
        """Rewrites `call.json`; `reason` stays empty in the file of a call whose daemon was killed."""
        file = JsonLines(self._file)
        wall = {"started": self._wall(self._started_ns), "ended": ended}
        file.write({**self._who, "reason": reason, "seconds": round(seconds, 3), "wall": wall})
        file.close()

    # ---------------------------------------------------------------------------------------------------- spans

    def _trace_turn(self, turn: Turn, start: int, end: int) -> None:
        attributes: dict[str, str | int | bool] = {
            "phone.turn": turn.number,
            "phone.reply": turn.reply,
            "phone.intent": turn.intent,
            "phone.dtmf": turn.dtmf,
            "phone.early_start.kept": "early_start" in turn.at_ns,
            "phone.early_start.dropped": turn.drafts,
            "phone.early_start.wasted_tokens": turn.wasted_tokens,
            "phone.filler": bool(turn.filler),
            "phone.underruns": turn.underruns,
            "phone.faults": len(turn.faults),
            "phone.interrupted": turn.cancel is not None,
        }
        span = self._begin("turn", start, self._call, attributes)
        if "speech_onset" in turn.at_ns and "speech_end" in turn.at_ns:
            self._whole("caller_speech", turn.at_ns["speech_onset"], turn.at_ns["speech_end"], span)
        for stage, begun, ended in stages(turn):
            self._whole(stage, begun, ended, span)
        for stream, (first, last) in STREAMS.items():
            if first in turn.at_ns and last in turn.at_ns:
                self._whole(stream, turn.at_ns[first], turn.at_ns[last], span)
        for use in turn.tools:
            about: dict[str, str] = {"phone.tool": use.name, "phone.outcome": use.outcome}
            self._finish(self._begin("tool", use.start_ns, span, about), use.end_ns)
        if turn.cancel is not None:
            self._trace_cancel(turn.cancel, span)
        self._finish(span, end)

    def _trace_cancel(self, cancel: CancelReport, turn: Span) -> None:
        trigger = cancel.vad_trigger_ns
        if cancel.speech_onset_ns is not None:
            self._whole("detection", cancel.speech_onset_ns, trigger, turn)
        attributes = {"phone.source": str(cancel.source), "phone.missed": list(cancel.missed)}
        chain = self._begin("cancel", trigger, turn, attributes)
        for leg in LEGS:
            if leg in cancel.legs_ns:
                self._whole(leg, trigger, cancel.legs_ns[leg], chain)
        self._finish(chain, max(cancel.legs_ns.values(), default=trigger))

    def _whole(self, name: str, start: int, end: int, parent: Span) -> None:
        self._finish(self._begin(name, start, parent, {}), max(start, end))

    def _begin(
        self,
        name: str,
        at_ns: int,
        parent: Span | None,
        attributes: Mapping[str, str | int | bool | Sequence[str]],
    ) -> Span:
        self._telemetry.ids.next(self.call_id, self._spans)
        self._spans += 1
        return self._telemetry.tracer.start_span(
            name,
            context=set_span_in_context(parent) if parent is not None else None,
            start_time=at_ns + self._epoch_ns,
            attributes={"phone.call": self.call_id, "phone.start_ns": at_ns, **attributes},
        )

    def _finish(self, span: Span, at_ns: int) -> None:
        span.set_attribute("phone.end_ns", at_ns)
        span.end(at_ns + self._epoch_ns)

    # -------------------------------------------------------------------------------------------------- figures

    def _measure(self, turn: Turn) -> None:
        to = self._telemetry
        to.turns.add(1, {**self._about, "interrupted": turn.cancel is not None})
        to.underruns.add(turn.underruns, self._about)
        if (ttfa := turn.ttfa_ms()) is not None:
            to.ttfa.record(ttfa, self._about)
        for stage, begun, ended in stages(turn):
            to.stages[stage].record((ended - begun) / 1e6, self._about)
        if turn.filler:
            to.fillers.add(1, self._about)
        if "early_start" in turn.at_ns:
            to.drafts.add(1, {**self._about, "kept": True})
        if turn.drafts:
            to.drafts.add(turn.drafts, {**self._about, "kept": False})
            to.wasted.add(turn.wasted_tokens, self._about)
        for use in turn.tools:
            about = {**self._about, "tool": use.name, "outcome": use.outcome}
            to.tools.record((use.end_ns - use.start_ns) / 1e6, about)
        if turn.cancel is None:
            return
        for leg, ms in turn.cancel.legs_ms().items():
            to.cancel.record(ms, {**self._about, "leg": leg})
        for leg in turn.cancel.missed:
            to.missed.add(1, {**self._about, "leg": leg})
        if turn.cancel.speech_onset_ns is not None:
            to.detection.record((turn.cancel.vad_trigger_ns - turn.cancel.speech_onset_ns) / 1e6, self._about)
        if (silence := turn.cancel.onset_to_silence_ms()) is not None:
            to.silence.record(silence, self._about)

    def _wall(self, at_ns: int) -> str:
        return iso(at_ns + self._epoch_ns)
