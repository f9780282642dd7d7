"""`phone-ops wer`: measure the word error rate of a recognition engine.

A SET is a NeMo manifest (JSON lines), a LibriSpeech folder, a recorded caller, or a folder with a .txt next to each
audio file. Audio is sent through a telephone band first (8 kHz, 300 to 3400 Hz, µ-law) unless --band says otherwise.

examples:

  phone-ops wer fixtures/calls --engine sherpa --model var/models/tiny_onnx
  phone-ops wer LibriSpeech/test-clean --engine nemo --band both --csv errors.csv
  phone-ops wer recordings/manifest.json --url ws://127.0.0.1:8765/v1/listen --worst 5
  phone-ops wer fixtures/calls --engine moonshine --grammar dental_clinic --limit 0.2
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops import sigterm
from ops.quality.score import Pair, Score, normalized, score
from ops.quality.speech_set import SetError, Utterance, load
from ops.quality.telephone import Sound, heard_over, to_pcm
from ops.quality.transcribe import NotHeard, hear, started
from ops.report import tables
from ops.usage import WrongUse, add_config, settings
from phone_daemon.dialplan.dialplan import DialplanError, load_dialplans
from phone_daemon.engines import engine_options
from phone_daemon.events import SAMPLE_RATE
from phone_daemon.settings.settings import SttSettings
from sidecars.environment import interpreter
from sidecars.host.host import Host, HostLost
from sidecars.local.subprocess import SubprocessHost
from sidecars.options import add_options, options_of
from sidecars.remote.listen_client import ListenHost
from sidecars.resample import Resampler

BANDS = ("telephone", "full")
FULL_RATE = 16000
LOADING_S = 3600.0


@dataclass(slots=True)
class Heard:
    """The results for a set in one band."""

    band: str
    pairs: list[tuple[Utterance, Pair]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Files that could not be read or transcribed, one line each."""
    seconds: float = 0.0
    """Seconds of transcribed audio."""
    took_s: float = 0.0

    def told(self, engine: str) -> dict[str, Any]:
        """The result as `--json` prints it. Raises `ValueError` if nothing was transcribed."""
        found: Score = score([pair for _, pair in self.pairs])
        return {
            "engine": engine,
            "band": self.band,
            **asdict(found),
            "ci95": list(found.ci95),
            "failed": len(self.failed),
            "seconds_of_audio": round(self.seconds, 2),
            "real_time_factor": round(self.took_s / self.seconds, 4),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sets", nargs="+", type=Path, metavar="SET", help="a manifest or a folder")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--engine", metavar="NAME", help="moonshine, nemo, sherpa, onnx_tdt, whisper, qwen3")
    where.add_argument("--url", metavar="ws://…", help="a server that speaks Deepgram's streaming dialect")
    add_options(parser)
    add_config(parser)
    parser.add_argument(
        "--grammar", default="", metavar="DIALPLAN", help="for moonshine: the dialplan whose phrases to expect"
    )
    parser.add_argument("--band", choices=(*BANDS, "both"), default="telephone", help="default: %(default)s")
    parser.add_argument(
        "--streams", type=int, default=4, metavar="N", help="simultaneous streams (default %(default)s)"
    )
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="show the N utterances with the most errors")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write one line per utterance")
    parser.add_argument(
        "--limit", type=float, metavar="WER", help="exit with 1 if the word error rate is above this fraction"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 if transcribed (and within `--limit`), 1 if not. Raises `WrongUse`."""
    if args.streams < 1:
        raise WrongUse(f"phone-ops wer: --streams {args.streams}: must be at least 1")
    host, options = _host(args)
    try:
        utterances = [utterance for path in args.sets for utterance in load(path)]
    except SetError as error:
        raise WrongUse(f"phone-ops wer: {error}") from None
    bands = BANDS if args.band == "both" else (args.band,)
    try:
        found = sigterm.run(_heard(host, options, utterances, bands, args.streams))
    except HostLost as error:
        print(f"phone-ops wer: {error}", file=sys.stderr)
        return 1
    for line in dict.fromkeys(line for each in found for line in each.failed):
        print(f"phone-ops wer: {line}", file=sys.stderr)
    try:
        told = [each.told(args.engine or args.url) for each in found]
    except ValueError as error:
        raise WrongUse(f"phone-ops wer: {error}") from None
    if args.csv:
        _write(args.csv, found)
    if args.json:
        print(json.dumps(told[0] if len(told) == 1 else {each["band"]: each for each in told}))
    else:
        _show(told, found, args.worst)
    return 1 if args.limit is not None and any(each["wer"] > args.limit for each in told) else 0


def _host(args: argparse.Namespace) -> tuple[Host, Mapping[str, object]]:
    """The host of the engine, and the options for each utterance. Raises `WrongUse`."""
    options = options_of(args)
    if args.url:
        if not args.url.startswith(("ws://", "wss://", "unix://")):
            raise WrongUse(f"phone-ops wer: --url {args.url}: write ws://HOST:PORT/v1/listen, wss://… or unix:///PATH")
        return ListenHost(args.url, options=options), {}
    try:
        plans = load_dialplans(settings(args))
    except DialplanError as error:
        raise WrongUse(str(error)) from None
    names = [plan.name for plan in plans]
    if args.grammar and args.grammar not in names:
        raise WrongUse(f"phone-ops wer: --grammar {args.grammar}: there are {', '.join(names)}")
    options = engine_options(SttSettings(engine=args.engine, options=options), plans)
    host = SubprocessHost("stt", args.engine, options, interpreter(args.engine), start_timeout_s=LOADING_S)
    return host, {"grammar": args.grammar} if args.grammar else {}


async def _heard(
    host: Host, options: Mapping[str, object], utterances: Sequence[Utterance], bands: Sequence[str], streams: int
) -> list[Heard]:
    """Every utterance in every band. Raises `HostLost` if the engine cannot be started."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        async with started(host):
            found = []
            for band in bands:
                bar = bars.add_task(f"{band} band", total=len(utterances))
                found.append(await _in(band, host, options, utterances, streams, lambda bar=bar: bars.advance(bar)))  # type: ignore[misc]
            return found


async def _in(  # noqa: PLR0917
    band: str,
    host: Host,
    options: Mapping[str, object],
    utterances: Sequence[Utterance],
    streams: int,
    advance: Callable[[], None],
) -> Heard:
    heard = Heard(band)
    pairs: dict[int, Pair] = {}
    waiting = iter(enumerate(utterances))
    began = time.monotonic()

    async def lane() -> None:
        for number, utterance in waiting:
            try:
                sound, rate = utterance.read()
                said = normalized(utterance.words)
                if not said:
                    raise SetError(f"{utterance.path}: its text has no word in it")
                pcm, at = _brought(sound, rate, band)
                text = await hear(host, _resampled(pcm, at, _rate(host)), options)
                pairs[number] = Pair(said, normalized(text))
                heard.seconds += sound.size / rate
            except SetError as error:
                heard.failed.append(str(error))
            except NotHeard as error:
                heard.failed.append(f"{utterance.path}: {error}")
            advance()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(streams):
            tasks.create_task(lane())
    heard.took_s = time.monotonic() - began
    heard.pairs = [(utterances[number], pairs[number]) for number in sorted(pairs)]
    return heard


def _rate(host: Host) -> int:
    channel = host.open()
    channel.close()
    return channel.sample_rate


def _brought(sound: Sound, rate: int, band: str) -> tuple[bytes, int]:
    """PCM as it sounds in a band, and its rate."""
    if band == "telephone":
        return heard_over(sound, rate), SAMPLE_RATE
    return to_pcm(sound if rate == FULL_RATE else np.asarray(soxr.resample(sound, rate, FULL_RATE))), FULL_RATE


def _resampled(pcm: bytes, rate: int, wanted: int) -> bytes:
    stream = Resampler(rate, wanted)
    return stream.feed(pcm) + stream.flush()


def _show(told: Sequence[Mapping[str, Any]], found: Sequence[Heard], worst: int) -> None:
    out = tables.console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("band")
    for name in ("WER", "95 %", "words", "utterances", "subst.", "inserted", "deleted", "failed", "real time"):
        table.add_column(name, justify="right")
    for each in told:
        low, high = each["ci95"]
        kinds = (
            str(each[name]) for name in ("words", "utterances", "substitutions", "insertions", "deletions", "failed")
        )
        speed = f"{each['real_time_factor']:.2f} ×"
        table.add_row(each["band"], f"{each['wer']:.1%}", f"{low:.1%} – {high:.1%}", *kinds, speed)
    out.print(f"Word errors of {told[0]['engine']}")
    out.print(table)
    for heard in found if worst else ():
        ordered = sorted(heard.pairs, key=lambda one: -one[1].errors / max(len(one[1].said.split()), 1))
        for utterance, pair in ordered[:worst]:
            out.print(f"\n{heard.band}: {utterance.path}", markup=False)
            out.print(pair.alignment, markup=False)


def _write(path: Path, found: Sequence[Heard]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(("file", "band", "words", "errors", "said", "heard"))
            for each in found:
                for utterance, pair in each.pairs:
                    words = len(pair.said.split())
                    rows.writerow((utterance.path, each.band, words, pair.errors, pair.said, pair.heard))
    except OSError as error:
        raise WrongUse(f"phone-ops wer: --csv {path}: {error.strerror}") from None
