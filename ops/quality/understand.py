"""`phone-ops understand`: measure how well callers are understood, from audio to what the script does.

A MANIFEST has one JSON object per line: `audio_filepath`, `text`, `dialplan`, `want` (the intent, or the kind of
answer: day, time, number, yes, no), and optionally `expects` and `value`; see ops/quality/understand_set.py. Each clip
is recognized as in a call (VAD, pre-roll, endpoint, the phrases that the dialplan expects), and its words go to the
dialplan's script in that state. The outcome is right, unclear (the agent asked again), or wrong (it did something
else). A clip without `want` counts only toward the word error rate; a clip without speech must yield no words.

examples:

  phone-ops understand var/sets/natural_test.jsonl
  phone-ops understand var/sets/digits.jsonl var/sets/yes_no.jsonl --engine whisper --json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops import sigterm
from ops.quality import understand_set, understand_stt
from ops.quality.score import Pair, normalized, score, wilson
from ops.quality.speech_set import SetError
from ops.quality.transcribe import started
from ops.quality.understand_question import Judged, Verdict, judged
from ops.quality.understand_set import Clip
from ops.report import tables
from ops.usage import WrongUse, add_config, settings
from phone_daemon.agent.agent import CallerTurn
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.engines import engine_options
from phone_daemon.settings.settings import Settings, SttSettings
from sidecars.environment import interpreter
from sidecars.host.host import Host, HostLost
from sidecars.local.inline import InlineHost
from sidecars.local.subprocess import SubprocessHost
from sidecars.options import add_options, options_of

WORST = 10
LOADING_S = 3600.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Understood:
    """The outcome of a clip."""

    clip: Clip
    heard: str
    confidence: float
    judged: Judged | None
    """None if nothing in particular was wanted."""

    @property
    def pair(self) -> Pair:
        return Pair(normalized(self.clip.text), normalized(self.heard))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifests", nargs="+", type=Path, metavar="MANIFEST", help="JSON lines")
    parser.add_argument("--engine", metavar="NAME", help="recognition engine (default: the one in the settings)")
    add_options(parser)
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 if all clips were transcribed, 1 if the engine could not run. Raises `WrongUse` with all errors in
    the manifests.
    """
    try:
        clips = understand_set.load(args.manifests)
    except SetError as error:
        raise WrongUse("\n".join(f"phone-ops understand: {line}" for line in str(error).splitlines())) from None
    known = settings(args)
    engine = args.engine or known.stt.engine
    options = options_of(args) or (known.stt.options if engine == known.stt.engine else {})
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
            bar = bars.add_task(engine, total=len(clips))
            found = understood(clips, known, engine, options, lambda: bars.advance(bar))
    except HostLost as error:
        print(f"phone-ops understand: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({"engine": engine, **told(found)}))
    else:
        _show(engine, found)
    return 0


def understood(
    clips: Sequence[Clip],
    known: Settings,
    engine: str,
    options: Mapping[str, object],
    advance: Callable[[], None] = lambda: None,
) -> list[Understood]:
    """Transcribes and judges every clip. Raises `HostLost` if the engine cannot run.

    An engine without its own environment runs on the sample clock, so two runs give the same result.
    """
    plans = {id(clip.plan): clip.plan for clip in clips if clip.plan is not None}
    options = engine_options(SttSettings(engine=engine, options=dict(options)), Dialplans(plans.values()))
    python = interpreter(engine)
    host: Host
    runner: Callable[[Coroutine[Any, Any, list[Understood]]], list[Understood]]
    if python:
        host, runner = SubprocessHost("stt", engine, options, python, start_timeout_s=LOADING_S), sigterm.run
    else:
        host, runner = InlineHost("stt", engine, options), run_counted
    return runner(_all(host, clips, known, advance))


async def _all(host: Host, clips: Sequence[Clip], known: Settings, advance: Callable[[], None]) -> list[Understood]:
    found = []
    async with started(host):
        for clip in clips:
            plan, wanted = clip.plan, clip.want
            name, expects = (plan.name, clip.expects) if plan is not None else ("", "")
            draft = await understand_stt.hear(host, known, name, expects, clip.pcm())
            verdict = None
            if plan is not None and wanted:
                turn = CallerTurn(draft.text, confidence=draft.confidence, others=draft.others)
                verdict = judged(plan, clip.state, wanted, clip.value, turn)
            found.append(Understood(clip, draft.text, draft.confidence, verdict))
            advance()
            await asyncio.sleep(0)
    return found


def told(found: Sequence[Understood]) -> dict[str, Any]:
    """The result as `--json` prints it: counts, except for `wer`, a fraction of the words said, and the 95 % intervals.

    `n`: clips with a `want`; `ci95`: of right / n. `not_speech`: clips without speech, and on how many of them words
    were recognized.
    """
    verdicts = [each.judged for each in found if each.judged is not None]
    counts = {verdict.value: sum(each.verdict is verdict for each in verdicts) for verdict in Verdict}
    speech = [each.pair for each in found if each.clip.text]
    words = score(speech) if speech else None
    nothing = [each for each in found if not each.clip.text]
    return {
        "n": len(verdicts),
        **counts,
        "wer": words.wer if words else None,
        "ci95": list(wilson(counts["right"], len(verdicts))) if verdicts else None,
        "wer_ci95": list(words.ci95) if words else None,
        "clips": len(found),
        "not_speech": {"clips": len(nothing), "words_on": sum(bool(each.pair.heard) for each in nothing)},
        "confusion": [[want, taken, count] for (want, taken), count in _confusion(found).items()],
    }


def _confusion(found: Iterable[Understood]) -> dict[tuple[str, str], int]:
    """How often each wanted outcome was taken for which; the right ones come first."""
    pairs = Counter((each.clip.want, each.judged.taken) for each in found if each.judged is not None)
    return dict(sorted(pairs.items(), key=lambda item: (item[0][0], item[0][0] != item[0][1], -item[1])))


def worst(found: Iterable[Understood]) -> list[Understood]:
    """The worst clips: wrong before unclear before right, and within those by the share of misrecognized words."""
    order = {Verdict.WRONG: 0, Verdict.UNCLEAR: 1, Verdict.RIGHT: 2}
    ranked = [
        (
            2 if each.judged is None else order[each.judged.verdict],
            -each.pair.errors / (len(each.pair.said.split()) or 1),
            at,
            each,
        )
        for at, each in enumerate(found)
    ]
    return [each for rank, errors, _, each in sorted(ranked, key=lambda one: one[:3]) if rank < 2 or errors][:WORST]


def _show(engine: str, found: Sequence[Understood]) -> None:
    out = tables.console()
    sums = told(found)
    if sums["n"]:
        shares = ", ".join(f"{verdict} {sums[verdict]} ({sums[verdict] / sums['n']:.1%})" for verdict in Verdict)
        low, high = sums["ci95"]
        out.print(f"{engine}: of {sums['n']}, {shares}; right 95 %: {low:.1%} – {high:.1%}")
    if sums["wer"] is not None:
        low, high = sums["wer_ci95"]
        out.print(f"{engine}: word errors {sums['wer']:.1%}, 95 %: {low:.1%} – {high:.1%}")
    if sums["not_speech"]["clips"]:
        out.print(
            f"{engine}: words on {sums['not_speech']['words_on']} of {sums['not_speech']['clips']} without speech"
        )
    if sums["confusion"]:
        table = Table("wanted", "taken for", "", box=None, padding=(0, 2, 0, 0), pad_edge=False)
        before = ""
        for want, taken, count in sums["confusion"]:
            if want != before:
                table.add_section()
            style = "" if want == taken else "dim" if taken == "unclear" else "bold red"
            table.add_row(want if want != before else "", taken, str(count), style=style)
            before = want
        out.print()
        out.print(table)
    for each in worst(found):
        taken = "" if each.judged is None else f": {each.clip.want} taken for {each.judged.taken} {each.judged.detail}"
        out.print(f"\n{each.clip.where}{taken.rstrip()}", markup=False)
        out.print(f"  said   {each.clip.text}\n  heard  {each.heard}", markup=False)
