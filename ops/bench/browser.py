"""`make bench-web`: a call from a browser next to a call over SIP, in the same run.

Each call has another recorded caller's words. Chromium's figures come from the page's own audio, at both ends of what a
person hears: the microphone's recording and the received audio, each sampled every 10 ms by an analyzer. aiortc's
figures are from a second, independent client.

Callers interrupt two dialplans: one that any voice stops, and one with the default policy, where the caller's first
words do, and the agent speaks softly until then.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path

import aiohttp
import numpy as np
from playwright.async_api import Page, expect

from ops.bench.figure import Figure, Progress
from ops.bench.plans import clinic_plan
from ops.bench.talk import LEAD_S, Sound, fell_silent, sounds, talker
from ops.live.chromium import chromium, record_audio
from ops.live.daemon_process import DaemonProcess, listening
from ops.live.ports import free_port
from ops.live.processes import children, cost
from ops.report.stats import quantiles
from ops.witness.browser import Browser
from ops.witness.probe import Probe
from phone_daemon.call.barge_in import BargeInPolicy, vocabulary
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.state.operator import Commands

AUDIBLE_RMS = 0.002
"""The level above which the agent is audible, with full scale 1: -54 dBFS. A ducked reply is still above it."""
INTO_THE_GREETING_S = 2.2
"""In the middle of a clause: after three seconds the agent pauses by itself."""
SILENCE_MS = 450.0
"""Longer than the agent's own pauses."""
AT_ONCE = "7"
"""The number of the dialplan whose agent any voice stops."""
LEAST_WORDS = 3
APART = 7
"""Only every so many sounds are used, because consecutive sounds are from the same caller."""
GOING_ON_MS = 100.0
"""The agent was speaking at the caller's onset if it is heard within this time after it, because nothing stops it that
fast."""
ENOUGH_MS = 12_000
CALLS = 4
HELD_S = 15.0
FRAME_BYTES = 320
AUDIBLE = 100
"""Amplitude at 8 kHz that counts as sound, also after Opus."""

Levels = Sequence[tuple[float, float, float]]


async def measure(progress: Progress, rounds: int = 10) -> list[Figure]:
    """Makes `rounds` calls of each kind, interrupted in the greeting, then measures the cost of a held call."""
    token, port = secrets.token_urlsafe(16), free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        at_once = {"name": "at_once", "called": [AT_ONCE], "barge_in": {"policy": "speech"}}
        settings = {
            "dialplans": [str(clinic_plan(folder)), str(clinic_plan(folder, **at_once))],
            "web": {"on": True, "port": port, "requests_a_minute": 60_000},
        }
        environ = {"PHONE_WEB_TOKENS": f"admin:{token}"}
        async with DaemonProcess(folder / "daemon", settings, environ=environ) as daemon:
            await listening(port)
            link = f"http://127.0.0.1:{port}/?token={token}"
            said = interruptions(rounds)
            pressed, cut = await _in_chromium(folder, link, said, AT_ONCE)
            progress(0.3)
            _, cut_by_words = await _in_chromium(folder, link, said)
            progress(0.5)
            tried = [await _by_aiortc(port, token, sound) for sound in said]
            by_aiortc = [took for took in tried if took is not None]
            progress(0.6)
            async with Commands(daemon.state) as commands:
                sip, sip_by_words = [
                    [await _by_sip(daemon, commands, sound, number) for sound in said] for number in (AT_ONCE, "")
                ]
            progress(0.8)
            web, card = await _cost(daemon, port, token)
    return [
        Figure("page: press to first agent audio p95", quantiles(pressed)["p95"], "ms", 700.0, _told(pressed)),
        Figure("Chromium: onset of any voice to silence p95", quantiles(cut)["p95"], "ms", 250.0, _told(cut)),
        Figure("SIP beside it: the same p95", quantiles(sip)["p95"], "ms", None, _told(sip)),
        Figure("Chromium: onset of words to silence p95", *_by_words(cut_by_words)),
        Figure("SIP beside it p95", *_by_words(sip_by_words)),
        Figure("aiortc: the same p95", *_by_words(by_aiortc)),
        Figure(
            "CPU of a browser's leg / of a SIP leg", web / card, "×", 4.0, f"{web:.2f} % and {card:.2f} % of a core"
        ),
    ]


def _by_words(values: Sequence[float]) -> tuple[float, str, None, str]:
    """The figure for the default policy, which has no target, because an agent that listens for words has to wait for
    them."""
    return quantiles(values)["p95"], "ms", None, f"{_told(values)}; spoken softly until then"


def _told(values: Sequence[float]) -> str:
    return f"{len(values)} calls, p50 {quantiles(values)['p50']:.0f}"


def interruptions(count: int) -> list[Sound]:
    """What `count` recorded callers say, without mere remarks, which do not stop the agent and so give no figure."""
    said = [sound for sound in sounds() if len(sound.words.split()) >= LEAST_WORDS]
    spread = (said[at % len(said)] for at in range(0, len(said) * APART, APART))
    clinic = next(iter(Dialplans.load((SHIPPED / "dental_clinic.toml",))))
    policy = BargeInPolicy(clinic.barge_in, vocabulary=vocabulary(clinic))
    return list(islice((sound for sound in spread if policy.wants_floor(sound.words)), count))


async def _in_chromium(
    folder: Path, link: str, said: Sequence[Sound], number: str = ""
) -> tuple[list[float], list[float]]:
    """The times from pressing the button to the first sound, and from onset to silence, in ms."""
    recording = folder / "caller.wav"
    pressed, cut = [], []
    for sound in said:
        record_audio(recording, [(INTO_THE_GREETING_S - LEAD_S, np.frombuffer(sound.pcm, "<i2"))])
        async with chromium(recording, measured=True) as context:
            page = await context.new_page()
            await page.goto(link)
            await page.get_by_label("I wear headphones").check()
            await page.get_by_label("Number to dial").fill(number)
            levels = await _one_call(page)
            began = await page.evaluate("window.pressed")
        pressed += [at - began for at, _, agent in levels if agent > AUDIBLE_RMS][:1]
        if (took := onset_to_silence(levels, _loud(sound))) is not None:
            cut.append(took)
    return pressed, cut


async def _one_call(page: Page) -> Levels:
    await page.evaluate("levels.length = 0")
    await page.locator("button.call").evaluate("button => { window.pressed = performance.now(); button.click(); }")
    with contextlib.suppress(AssertionError):  # The agent was not interrupted, so there is no silence to measure.
        await expect(page.locator(".interruption").first).to_be_visible(timeout=ENOUGH_MS)
        await page.wait_for_timeout(1200)
    levels: Levels = await page.evaluate("levels")
    await page.get_by_role("button", name="Hang up").click()
    await page.wait_for_timeout(500)
    return levels


def _loud(sound: Sound) -> float:
    """The RMS (full scale 1) of the 20 ms around the onset of the voice, which the noise of its line does not reach."""
    around = np.frombuffer(sound.pcm, "<i2")[sound.onset - 80 : sound.onset + 80] / 32768
    return float(np.sqrt(np.mean(around**2)))


def onset_to_silence(levels: Levels, loud: float) -> float | None:
    """Milliseconds from the caller's onset, at a level of `loud`, to the agent's last sound before a silence; None if
    it was not speaking."""
    onset = next((at for at, caller, _ in levels if caller >= loud), None)
    agent = [at for at, _, agent in levels if agent > AUDIBLE_RMS]
    if onset is None or not any(onset < at <= onset + GOING_ON_MS for at in agent):
        return None
    last = onset
    for at in agent:
        if at - last > SILENCE_MS:
            break
        last = max(last, at)
    return last - onset


async def _by_aiortc(port: int, token: str, sound: Sound) -> float | None:
    """None if the agent was not interrupted."""
    here = Browser()
    try:
        await dial(here, port, token)
        await here.sound(20, AUDIBLE)
        await asyncio.sleep(random.uniform(1.0, 2.0))
        said_at = here.microphone.say(sound.pcm) + sound.onset / 8000
        try:
            await here.note("barge_in", 8)
        except TimeoutError:
            return None
        await asyncio.sleep(1.0)
        frames = [bytes(here.heard[at : at + FRAME_BYTES]) for at in range(0, len(here.heard), FRAME_BYTES)]
        loud = [at for at, frame in zip(here.heard_at, frames, strict=False) if _amplitude(frame) > AUDIBLE]
        last = said_at
        for at in loud:
            if at > said_at and at - last > SILENCE_MS / 1000:
                break
            last = max(last, at)
        return (last - said_at) * 1000
    finally:
        await here.close()


async def _by_sip(daemon: DaemonProcess, commands: Commands, sound: Sound, number: str) -> float:
    async with talker(daemon, commands, number or "100") as talk:
        await talk.agent_speaks()
        await asyncio.sleep(random.uniform(1.0, 2.0))
        played = await talk.say(sound)
        return (fell_silent(list(talk.probe.rtp.packets), played.at(sound.onset)) - played.at(sound.onset)) / 1e6


async def _cost(daemon: DaemonProcess, port: int, token: str) -> tuple[float, float]:
    """CPU of the web process and of the line card per held call, in % of a core."""
    pids = {command: pid for pid, command in children(daemon.pid).items()}
    web = next(pid for command, pid in pids.items() if "phone_daemon.web" in command)
    card = next(pid for command, pid in pids.items() if "line_card" in command)
    await asyncio.sleep(2.0)
    async with AsyncExitStack() as stack:
        for _ in range(CALLS):
            here = Browser()
            stack.push_async_callback(here.close)
            await dial(here, port, token)
        by_web = await _spent(web)
    await asyncio.sleep(2.0)
    async with AsyncExitStack() as stack:
        for _ in range(CALLS):
            await (await stack.enter_async_context(Probe(daemon.uri()))).answered()
        by_card = await _spent(card)
    return by_web, by_card


async def _spent(pid: int) -> float:
    before = cost(pid).cpu_s
    await asyncio.sleep(HELD_S)
    return (cost(pid).cpu_s - before) / HELD_S / CALLS * 100


async def dial(here: Browser, port: int, token: str) -> None:
    """Calls the agent."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/sdp"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"http://127.0.0.1:{port}/v1/webrtc", data=await here.offer()) as answer,
    ):
        answer.raise_for_status()
        await here.answered(await answer.text())


def _amplitude(frame: bytes) -> int:
    samples = np.frombuffer(frame[: len(frame) // 2 * 2], "<i2").astype(int)
    return int(np.abs(samples).max()) if len(samples) else 0
