"""Debian's Chromium with a recording as its microphone, used to test, measure, and picture the page.

async with chromium(recording) as context: page = await context.new_page()

Needs `playwright` (the dev extra), which drives the browser but does not include it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from playwright.async_api import BrowserContext, async_playwright

CALLERS = Path("fixtures/calls")
RATE = 8000
UPSAMPLED = 48_000
AFTER_S = 60
"""Silence after the last words: Chromium can only play a file once or forever."""

LEVELS = """
window.levels = [];
(() => {
  const meters = {};
  const loudness = (analyser) => {
    if (!analyser) return 0;
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
  };
  let context;
  const listen = (name, stream) => {
    context ??= new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(stream).connect(analyser);
    meters[name] = analyser;
  };
  setInterval(() => {
    if (context) levels.push([performance.now(), loudness(meters.caller), loudness(meters.agent)]);
  }, 10);
  const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (ask) navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    listen("caller", stream);
    return stream;
  };
  const plainEnd = AudioContext.prototype.createMediaStreamDestination;
  AudioContext.prototype.createMediaStreamDestination = function () {
    const end = plainEnd.call(this);
    listen("agent", end.stream);
    return end;
  };
  const Plain = RTCPeerConnection;
  window.RTCPeerConnection = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("track", ({ track }) => listen("agent", new MediaStream([track])));
    }
  };
})();
"""
"""Keeps `levels`: for every 10 ms, the time and the level of the microphone and of the received audio (RMS, 0 to 1)."""


@asynccontextmanager
async def chromium(
    microphone: Path | None = None, *, measured: bool = False, arguments: Sequence[str] = (), **options: Any
) -> AsyncIterator[BrowserContext]:
    """A context of a new browser; `options` are Playwright's. `measured` puts `LEVELS` into every page.

    Without a recording, the browser denies access to the microphone.
    """
    arguments = [*arguments]
    if microphone is not None:
        arguments += [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's own sandbox refuses to run as root.
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        try:
            context = await browser.new_context(**options)
            if measured:
                await context.add_init_script(LEVELS)
            yield context
        finally:
            await browser.close()


def record(path: Path, words: Sequence[tuple[float, str]]) -> None:
    """Writes a recording for the microphone: alternating seconds of silence and audio of a recorded caller."""
    spoken = []
    for pause_s, name in words:
        audio, rate = soundfile.read(CALLERS / name, dtype="int16")
        if rate != RATE:
            raise ValueError(f"{name}: {rate} Hz where callers have {RATE}")
        spoken.append((pause_s, audio))
    record_audio(path, spoken)


def record_audio(path: Path, spoken: Sequence[tuple[float, npt.NDArray[np.int16]]]) -> None:
    """The same, with 16-bit samples at 8 kHz."""
    pieces = [piece for pause_s, audio in spoken for piece in (np.zeros(round(pause_s * RATE), "int16"), audio)]
    pieces.append(np.zeros(AFTER_S * RATE, "int16"))
    soundfile.write(path, np.repeat(np.concatenate(pieces), UPSAMPLED // RATE), UPSAMPLED)
