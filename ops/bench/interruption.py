"""A caller's voice against a speaking agent: how soon the agent is silent on the wire, which words are lost, and how it
reacts to noise.

Every sound is known to the sample. Speech begins where it becomes active speech (ITU-T P.56); silence begins, for the
bare SIP caller, after the last packet that is not silent.
"""

from __future__ import annotations

import asyncio
import math
import random
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ops.bench.figure import Figure, Progress
from ops.bench.talk import Sound, Talker, fell_silent, side_by_side, sounds, talker
from ops.live.daemon_process import DaemonProcess
from ops.report.stats import quantiles
from ops.witness.probe import until
from phone_daemon.state.operator import Commands
from phone_daemon.stt.stabilizer import word_key

LANES = 2
"""Concurrent calls."""
WORDS = range(2, 10)
"""Length of an utterance that interrupts: a single word, or a minute of speech, would be a different experiment."""
ANSWER_S = 6.0


@dataclass(slots=True)
class Seen:
    """The results of the trials; times in ms."""

    to_silence: list[tuple[float, str]] = field(default_factory=list)
    """From the first active speech (ITU-T P.56), with the name of the sound."""
    to_silence_from_start: list[float] = field(default_factory=list)
    """From the first sample of the synthetic voice, however faint."""
    detection: list[float] = field(default_factory=list)
    ttfa_beyond_wait: list[float] = field(default_factory=list)
    ttfa_on_the_wire: list[float] = field(default_factory=list)
    first_words: dict[str, dict[bool, list[bool]]] = field(
        default_factory=lambda: defaultdict(lambda: {True: [], False: []})
    )
    """Whether the first word was in the transcript, by sound and by whether the agent was speaking."""
    unheard: list[str] = field(default_factory=list)
    """Interruptions whose first word was lost."""

    def first_word_pairs(self) -> list[tuple[bool, bool]]:
        """The same sound (while the agent spoke, and while it did not): was its first word in the transcript?"""
        return [pair for heard in self.first_words.values() for pair in zip(heard[True], heard[False], strict=False)]

    noise: int = 0
    yielded_to_noise: list[str] = field(default_factory=list)


async def measure(progress: Progress, rounds: int = 2) -> list[Figure]:
    """Tries each interrupting sound and each noise `rounds` times."""
    every = sounds()
    voices = [sound for sound in every if len(sound.words.split()) in WORDS]
    noises = [sound for sound in every if not sound.words]
    seen = Seen()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with DaemonProcess(Path(folder)) as daemon, Commands(daemon.state) as commands:
            jobs = [partial(_interrupt, daemon, commands, sound, seen) for sound in voices]
            jobs += [partial(_speak, daemon, commands, sound, seen) for sound in voices]
            jobs += [partial(_disturb, daemon, commands, sound, seen) for sound in noises]
            await side_by_side(jobs * rounds, LANES, progress)
    return _figures(seen)


def _figures(seen: Seen) -> list[Figure]:
    pairs = seen.first_word_pairs()
    only_alone = sum(alone and not talking for talking, alone in pairs)
    only_talking = sum(talking and not alone for talking, alone in pairs)
    silence, ttfa = quantiles(took for took, _ in seen.to_silence), quantiles(seen.ttfa_beyond_wait)
    slowest = ", ".join(f"{name} {took:.0f}" for took, name in sorted(seen.to_silence, reverse=True)[:3])
    wire = quantiles(seen.ttfa_on_the_wire)
    sample = f"{len(seen.to_silence)} interruptions by recorded callers"
    return [
        Figure(
            "speech to silence on the wire p95",
            silence["p95"],
            "ms",
            250.0,
            f"{sample}, p50 {silence['p50']:.0f}; slowest: {slowest}",
        ),
        Figure(
            "from the first sample of the recorded voice p95",
            quantiles(seen.to_silence_from_start)["p95"],
            "ms",
            250.0,
            "by construction: breath and faint consonants that nobody hears included",
        ),
        Figure("of which detection p95", quantiles(seen.detection)["p95"], "ms", None, "as the daemon tells it"),
        Figure(
            "interruptions by noise",
            len(seen.yielded_to_noise),
            "",
            0,
            f"of {seen.noise} noises" + "".join(f", {name}" for name in seen.yielded_to_noise),
        ),
        Figure(
            "first words lost to the agent's voice",
            max(0, only_alone - only_talking),
            "",
            # The recognizer's transcript of the same sound differs from call to call: one-sided sign test at 5 %.
            math.floor(1.645 * math.sqrt(only_alone + only_talking)),
            f"of {len(pairs)} pairs: {sum(talking for talking, _ in pairs)} in the transcript while the agent spoke, "
            f"{sum(alone for _, alone in pairs)} while it did not; more than chance would be a miss"
            + "".join(f"; {lost}" for lost in sorted(set(seen.unheard))),
        ),
        Figure("TTFA beyond the endpoint wait p95", ttfa["p95"], "ms", 150.0, f"{len(seen.ttfa_beyond_wait)} turns"),
        Figure(
            "TTFA on the wire p95",
            wire["p95"],
            "ms",
            None,
            f"last sample of the voice to the agent's first packet, endpoint wait included; p50 {wire['p50']:.0f}",
        ),
    ]


async def _interrupt(daemon: DaemonProcess, commands: Commands, sound: Sound, seen: Seen) -> None:
    """A caller begins to speak while the agent does."""
    async with talker(daemon, commands) as talk:
        await talk.agent_speaks()
        await asyncio.sleep(random.uniform(0.3, 1.2))
        played = await talk.say(sound)
        silent = fell_silent(list(talk.probe.rtp.packets), played.at(sound.start))
        seen.to_silence_from_start.append((silent - played.at(sound.start)) / 1e6)
        seen.to_silence.append(((silent - played.at(sound.onset)) / 1e6, sound.name))
        await _answered(talk, silent)
    cut = [turn for turn in talk.turns() if turn["barge_in"]]
    seen.detection += [turn["barge_in"]["detection_ms"] for turn in cut if turn["barge_in"]["detection_ms"] is not None]
    await _note_first_word(talk, sound, seen, speaking=True)


async def _speak(daemon: DaemonProcess, commands: Commands, sound: Sound, seen: Seen) -> None:
    """A caller says the same while nobody else speaks."""
    async with talker(daemon, commands) as talk:
        await talk.agent_speaks()
        await talk.hush()
        await talk.agent_silent(0.5)
        played = await talk.say(sound)
        began = await _answered(talk, played.at(sound.start))
        if began:
            seen.ttfa_on_the_wire.append((began - played.at(sound.last)) / 1e6)
    turn = await _note_first_word(talk, sound, seen, speaking=False)
    if turn and turn["ttfa_ms"] is not None:
        seen.ttfa_beyond_wait.append(turn["ttfa_ms"] - turn["stages_ms"]["endpoint_wait"])


async def _disturb(daemon: DaemonProcess, commands: Commands, sound: Sound, seen: Seen) -> None:
    """Plays a noise while the agent speaks."""
    async with talker(daemon, commands) as talk:
        await talk.agent_speaks()
        await asyncio.sleep(random.uniform(0.3, 1.2))
        await talk.say(sound)
    await until(talk.turns)
    seen.noise += 1
    if any(turn["barge_in"] for turn in talk.turns()):
        seen.yielded_to_noise.append(sound.name)


async def _answered(talk: Talker, since_ns: int) -> int:
    """When the agent first spoke after `since_ns`; 0 if it did not."""
    try:
        async with asyncio.timeout(ANSWER_S):
            await talk.agent_speaks(since_ns)
    except TimeoutError:
        return 0
    return next(packet.at_ns for packet in talk.probe.rtp.since(since_ns) if not packet.silent)


async def _note_first_word(talk: Talker, sound: Sound, seen: Seen, *, speaking: bool) -> dict[str, Any] | None:
    """Whether the transcript has the sound's first word; returns the turn that contains the transcript."""
    try:
        async with asyncio.timeout(3.0):
            await until(lambda: any(turn["caller"] for turn in talk.turns()))
    except TimeoutError:
        heard = None
    else:
        heard = next(turn for turn in talk.turns() if turn["caller"])
    words = list(map(word_key, heard["caller"].split())) if heard else []
    found = word_key(sound.words.split()[0]) in words
    seen.first_words[sound.name][speaking].append(found)
    if speaking and not found:
        seen.unheard.append(f"{sound.name}: {sound.words!r} → {' '.join(words)!r}")
    return heard
