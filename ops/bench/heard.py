"""After an interruption in mid-phrase, does the conversation remember what the caller heard, to the word?

The wire is the witness. A bare SIP caller counts the agent's audio from its first sound to its last, and the same
sentence, synthesized here, shows which words had begun and were half over by then. The model server is scripted
(`scripted_model`), so its sentences are known.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np

from ops.bench.figure import Figure, Progress
from ops.bench.plans import model_plan
from ops.bench.scripted_model import MODEL, ScriptedModel
from ops.bench.talk import Talker, side_by_side, talker
from ops.live.daemon_process import DaemonProcess
from ops.witness.probe import until
from ops.witness.rtp import FRAME_SAMPLES, Packet
from phone_daemon.events import SAMPLE_RATE
from phone_daemon.settings.settings import Settings
from phone_daemon.state.operator import Commands
from sidecars.engine import TtsEngine, load

LANES = 3
EACH = 10
"""Interruptions per call."""
SENTENCES = (
    "The dentist will see you on Thursday morning at a quarter past nine if that suits you.",
    "Please bring your insurance card and the letter that your own doctor wrote last week.",
    "Most people find that the treatment is over before they have begun to worry about it.",
    "There is a large car park behind the house and the bus stops right in front of our door.",
    "I have written down that you would like to be called back some time before lunch today.",
    "The first appointment takes half an hour and the second one is usually a little longer.",
)
"""One phrase each: no clause ends within them, and they are short enough not to be split."""
REST = " After that we shall see how things stand, and talk about whatever else there is to be done."
WATCH_S = 0.3


@dataclass(slots=True)
class Seen:
    """Words in the history beyond those heard on the wire, by interruption; negative if there are too few."""

    off: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


async def measure(progress: Progress, count: int = 100) -> list[Figure]:
    """Makes `count` interruptions within a reply's first phrase."""
    draw = random.Random(1)
    seen = Seen()
    async with ScriptedModel(lambda asked: draw.choice(SENTENCES) + REST, first_s=0.05, token_s=0.01) as server:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            plan = model_plan(Path(name), server.base_url, MODEL)
            async with (
                DaemonProcess(Path(name), {"dialplans": [str(plan)]}) as daemon,
                Commands(daemon.state) as orders,
            ):
                jobs = [partial(_call, daemon, orders, seen, min(EACH, count - at)) for at in range(0, count, EACH)]
                await side_by_side(jobs, LANES, progress)
    wrong = [off for off in seen.off if abs(off) > 1]
    exact = sum(off == 0 for off in seen.off)
    note = f"of {len(seen.off)}, {exact} exact; by the wire; scripted model server, {Settings().tts.engine}"
    return [
        Figure("interrupted in a phrase, heard text off by more than a word", len(wrong), "", 0, note),
        Figure("interruptions that did not happen", count - len(seen.off), "", 0, "; ".join(seen.problems[:3])),
    ]


async def _call(daemon: DaemonProcess, orders: Commands, seen: Seen, count: int) -> None:
    done = 0
    async with talker(daemon, orders) as talk:
        await talk.agent_speaks()
        await talk.hush()
        while done < count:
            await asyncio.sleep(WATCH_S)
            before = len(talk.turns())
            since = talk.probe.rtp.packets[-1].at_ns
            talk.probe.rtp.press("1#")
            await talk.agent_speaks(since)
            await asyncio.sleep(random.uniform(0.2, 2.8))
            await talk.hush()
            await asyncio.sleep(WATCH_S)
            await until(partial(_more_turns, talk, before))
            turn = talk.turns()[-1]
            done += 1
            sentence = next(each for each in SENTENCES if turn["agent"].strip().startswith(each[:40]))
            seen.off.append(len(turn["heard"].split()) - words_heard(sentence, sounded(talk.probe.rtp.since(since))))


def _more_turns(talk: Talker, before: int) -> bool:
    return len(talk.turns()) > before


def sounded(packets: list[Packet]) -> int:
    """Samples from the first sound to the last, by RTP timestamps."""
    loud = [packet for packet in packets if not packet.silent]
    return ((loud[-1].timestamp - loud[0].timestamp) & 0xFFFFFFFF) + FRAME_SAMPLES if loud else 0


@cache
def _engine() -> TtsEngine:
    tts = Settings().tts
    engine: TtsEngine = load(tts.engine, dict(tts.options))
    return engine


@cache
def _spoken(sentence: str) -> tuple[int, list[tuple[float, int]]]:
    """Where the sound begins, and for each mark the middle of its sound and the words spoken by its end; 8 kHz
    samples.
    """
    engine = _engine()
    chunks = list(engine.speak(sentence, {"rate": 1.0}, lambda: False))
    audio = np.abs(np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2").astype(np.int32))
    loud = np.flatnonzero(audio > 100)
    marks = [mark for chunk in chunks for mark in chunk.marks]
    scale = SAMPLE_RATE / engine.sample_rate
    ends = [(sample, len(sentence[:start].split())) for sample, start, _ in marks[1:]]
    ends.append((int(loud[-1]), len(sentence.split())))
    halves = [((mark[0] + end) / 2 * scale, words) for mark, (end, words) in zip(marks, ends, strict=True)]
    return round(loud[0] * scale), halves


def words_heard(sentence: str, sounded: int) -> int:
    """Words of which at least half was heard, if `sounded` samples were heard from the first sound on."""
    start, halves = _spoken(sentence)
    return max((words for half, words in halves if start + sounded >= half), default=0)
