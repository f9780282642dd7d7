"""A caller in Chromium who hears the agent out before they answer, and says it again where they were not understood.

A recording that plays on at its own pace answers no question: on a busy machine, whose audio has gaps, the agent asks
back now and then, like any of us, and only a caller who answers that can go on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Locator, Page

from ops.live.chromium import CALLERS, LEVELS

PATIENCE_S = 12.0
"""How long the caller waits for an answer before they say it again."""
TIMES = 3
"""How often they say it."""
FINISHED_S = 1.0
"""For so long the agent is silent when it has finished."""
AUDIBLE = 0.002

MICROPHONE = """
(() => {
  const plainEnd = AudioContext.prototype.createMediaStreamDestination;
  let context, end;
  navigator.mediaDevices.getUserMedia = async () => {
    context = new AudioContext();
    end = plainEnd.call(context);
    return end.stream;
  };
  window.say = async (wav) => {
    const bytes = Uint8Array.from(atob(wav), (each) => each.charCodeAt(0));
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(bytes.buffer);
    source.connect(end);
    const over = new Promise((done) => { source.onended = done; });
    source.start();
    await over;
  };
})();
"""
"""Its microphone: silent, but for what `say` plays into it."""


@dataclass(frozen=True)
class Talker:
    """The caller on `page`, who reads `captions` to know what was understood."""

    page: Page
    captions: Locator

    async def say(self, name: str) -> None:
        """Says a recorded caller's words; returns at their end."""
        await self.page.evaluate("wav => say(wav)", base64.b64encode((CALLERS / name).read_bytes()).decode())

    async def agent_says(self) -> list[str]:
        return await self.captions.locator(".agent .said").all_inner_texts()

    async def silent(self, seconds: float) -> bool:
        """Whether the agent has been silent for so long."""
        return not await self.page.evaluate(f"levels.slice(-{round(seconds * 100)}).some(at => at[2] > {AUDIBLE})")

    async def says_until(self, name: str, pattern: str) -> None:
        """Says it, and again until what the agent says to it matches `pattern`. Returns when the agent has finished."""
        for _ in range(TIMES):
            before = len(await self.agent_says())
            await self.say(name)
            # Captions come before the sound, and phrase by phrase: what does not match yet may do so later.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    while not await self._says(pattern, before):  # noqa: ASYNC110 (a page)
                        await asyncio.sleep(0.1)
                    await asyncio.sleep(FINISHED_S)
                    while not await self.silent(FINISHED_S):  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
                    return
        raise AssertionError(f"to {name} the agent never said {pattern!r}: {await self.captions.inner_text()}")

    async def _says(self, pattern: str, before: int) -> bool:
        """Whether the agent says what matches, after its first `before` captions."""
        return re.search(pattern, " ".join((await self.agent_says())[before:]), re.IGNORECASE) is not None


async def measured(context: BrowserContext) -> None:
    """Gives the pages of `context` such a microphone, and measures what is said into it and heard (`LEVELS`)."""
    await context.add_init_script(MICROPHONE)
    await context.add_init_script(LEVELS)
