"""From the caller's last sample to the agent's first sound, with a language model of a known pace.

The model server is scripted (`scripted_model`): 150 ms to the first token, 30 ms per token, one word per token. The
rest of the time is the daemon's: the endpoint wait, recognition, the first phrase, synthesis, the line.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ops.bench.figure import Figure, Progress
from ops.bench.plans import model_plan
from ops.bench.scripted_model import MODEL, Request, ScriptedModel
from ops.bench.talk import Sound, side_by_side, sounds, talker
from ops.live.daemon_process import DaemonProcess
from ops.report.stats import quantiles
from ops.witness.probe import until
from phone_daemon.settings.settings import Settings
from phone_daemon.state.operator import Commands

LANES = 2
FIRST_MS, TOKEN_MS = 150.0, 30.0
OURS_MS = 250.0
"""What a turn may take beyond the endpoint wait and the model's first token."""
SOONER = 0.6
"""The most that should be left of it with an early start."""
WORDS = range(2, 10)
ANSWERS = (
    "Yes, of course I can. Which day would suit you best?",
    "Certainly, I will look. One moment, please, I have the book right here.",
    "I can do that. What is your name, please?",
    "Thank you very much. I have written it down for you, and somebody will call.",
    "Let me see, please. There is something free on Thursday, at half past ten.",
    "That is fine. Shall I book it for you?",
)
"""Typical answers of a model that is instructed to speak in short sentences: the first phrase has three to five
words."""


@dataclass(slots=True)
class Seen:
    """Turns that were answered, and the outcome of the others."""

    turns: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def ttfa(self) -> list[float]:
        return [turn["ttfa_ms"] for turn in self.turns]

    def stage(self, name: str) -> list[float]:
        return [turn["stages_ms"][name] for turn in self.turns if name in turn["stages_ms"]]

    def beyond(self) -> list[float]:
        """Milliseconds beyond the endpoint wait."""
        return [turn["ttfa_ms"] - turn["stages_ms"]["endpoint_wait"] for turn in self.turns]


async def talk(progress: Progress, rounds: int, *, early: bool) -> Seen:
    """Plays everything that recorded callers of the clinic say, `rounds` times each, with one call per utterance.

    No filler bridges a wait, because the wait is measured.
    """
    said = [sound for sound in sounds() if len(sound.words.split()) in WORDS]
    seen = Seen()
    async with ScriptedModel(_answer, FIRST_MS / 1e3, TOKEN_MS / 1e3) as server:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            plan = model_plan(Path(name), server.base_url, MODEL, plan={"filler": []})
            laid = {"dialplans": [str(plan)], "turn": {"early_start": early}}
            async with DaemonProcess(Path(name), laid) as daemon, Commands(daemon.state) as commands:
                jobs = [partial(_ask, daemon, commands, sound, seen) for _ in range(rounds) for sound in said]
                await side_by_side(jobs, LANES, progress)
    if not seen.turns:
        raise RuntimeError(f"no turn was answered: {'; '.join(seen.unanswered[:3])}")
    seen.requests = server.requests
    return seen


def _answer(asked: str) -> str:
    return ANSWERS[sum(asked.encode()) % len(ANSWERS)]


async def _ask(daemon: DaemonProcess, commands: Commands, sound: Sound, seen: Seen) -> None:
    """A caller says something while nobody else speaks."""
    async with talker(daemon, commands) as talk:
        await talk.agent_speaks()
        await talk.hush()
        await talk.agent_silent(0.5)
        await talk.say(sound)
        spoken = talk.probe.rtp.packets[-1].at_ns
        try:
            await talk.agent_speaks(spoken)
        except TimeoutError:
            seen.unanswered.append(sound.name)
            return
    await until(lambda: any(turn["caller"] for turn in talk.turns()))
    answered = [turn for turn in talk.turns() if turn["caller"] and turn["ttfa_ms"] is not None]
    if answered:
        seen.turns.append(answered[0])
    else:
        seen.unanswered.append(sound.name)


async def measure(progress: Progress, rounds: int = 1) -> list[Figure]:
    """Time to first audio and its parts, first with the reply begun at the endpoint, then with an early start."""
    plain = await talk(lambda part: progress(part / 2), rounds, early=False)
    early = await talk(lambda part: progress((1 + part) / 2), rounds, early=True)
    ttfa, beyond = quantiles(plain.ttfa()), quantiles(plain.beyond())
    allowed_ms = quantiles(plain.stage("endpoint_wait"))["p95"] + FIRST_MS + OURS_MS
    stages = sorted({stage for turn in plain.turns for stage in turn["stages_ms"]})
    told = ", ".join(f"{stage} {quantiles(plain.stage(stage))['p95']:.0f}" for stage in stages)
    voice = Settings().tts.engine
    pace = f"scripted model server: {FIRST_MS:g} ms to the first token, {TOKEN_MS:g} ms a token; {voice}"
    settled = [turn for turn in early.turns if turn["early_start"]["kept"]]
    figures = [
        Figure(
            "TTFA p95",
            ttfa["p95"],
            "ms",
            allowed_ms,
            f"endpoint wait (p95) + {FIRST_MS:g} + {OURS_MS:g} ms; {len(plain.turns)} turns, p50 {ttfa['p50']:.0f}; "
            f"{pace}",
        ),
        Figure("TTFA beyond the endpoint wait p95", beyond["p95"], "ms", None, f"p50 {beyond['p50']:.0f}; {told}"),
    ]
    if settled:
        sooner = quantiles(turn["ttfa_ms"] for turn in settled)
        wasted = sum(turn["early_start"]["wasted_tokens"] for turn in early.turns)
        dropped = sum(turn["early_start"]["dropped"] for turn in early.turns)
        answered = sum(request.sent for request in early.requests)
        figures += [
            Figure(
                "TTFA with early start p95",
                sooner["p95"],
                "ms",
                SOONER * allowed_ms,
                f"{SOONER:g} × the above limit; {len(settled)} of {len(early.turns)} turns, whose partials settled; "
                f"p50 {sooner['p50']:.0f}; all turns p95 {quantiles(early.ttfa())['p95']:.0f}",
            ),
            Figure(
                "tokens wasted by early start",
                wasted,
                "tokens",
                None,
                f"{dropped} drafts dropped unheard, in {len(early.turns)} turns; {answered} tokens were sent in all",
            ),
        ]
    unanswered = [*plain.unanswered, *early.unanswered]
    return [
        *figures,
        Figure("turns begun early and kept", len(settled), "turns", None, f"of {len(early.turns)}"),
        Figure("turns without an answer", len(unanswered), "", 0, ", ".join(unanswered)),
    ]
