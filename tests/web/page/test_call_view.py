"""A recorded caller uses the page in Chromium: what a person does with it, and what they hear and see."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from playwright.async_api import BrowserContext, expect

from ops.live.chromium import CALLERS, chromium, record
from phone_daemon.media.wav import read_wav
from tests.web.page.conftest import Served
from tests.web.page.daemon import a_daemon, problems
from tests.web.page.talking import Talker, measured

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOUD, AUDIBLE = 0.01, 0.002
SOON_MS = 40_000


def interrupted(levels: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Milliseconds from the caller's first sound to the agent's last before it is silent, and the length of that
    silence.
    """
    onset = next(at for at, caller, _ in levels if caller > LOUD)
    agent = [at for at, _, agent in levels if agent > AUDIBLE]
    assert any(onset - 500 < at < onset for at in agent), "the agent did not speak when the caller began"
    last = onset
    for at in agent:
        if at > last + 400:
            return last - onset, at - last
        last = max(last, at)
    raise AssertionError("the agent was never silent, or never spoke again")


def loudness_db(samples: npt.NDArray[np.int16]) -> float:
    """The level of the loudest half second."""
    powers = np.mean(samples[: len(samples) // 4000 * 4000].reshape(-1, 4000).astype(float) ** 2, axis=1)
    return float(10 * np.log10(powers.max()))


@pytest.mark.timeout(300)
async def test_a_caller_interrupts_and_books_by_voice(tmp_path: Path, served: Served) -> None:
    """The whole call: press, be greeted, interrupt, hear the silence, book, hang up; with nothing in the console."""
    async with chromium() as context:
        await measured(context)
        page = await context.new_page()
        async with problems(page) as complaints:
            await page.goto(served.link)
            await expect(page.locator("#health")).to_have_text("ready", timeout=SOON_MS)
            assert "token" not in page.url
            await page.get_by_label("I wear headphones").check()
            await page.get_by_role("button", name="Call", exact=True).click()
            captions = page.get_by_role("log", name="Captions")
            caller = Talker(page, captions)
            await expect(captions).to_contain_text("Welcome", timeout=SOON_MS)
            # In the middle of the greeting's second sentence, so that some of it remains unsaid.
            await expect(captions).to_contain_text("book or cancel", timeout=SOON_MS)
            await asyncio.sleep(0.5)
            await caller.says_until("books_an_appointment/booking.wav", r"\bday\b.*\?")
            await expect(captions.locator(".interruption").first).to_contain_text("You interrupted: silent after")
            await expect(captions.locator("del").last).not_to_be_empty()
            await caller.says_until("books_an_appointment/day.wav", r"\btime\b.*\?")
            await caller.says_until("books_an_appointment/time.wav", r"(right|correct)\?")
            await caller.says_until("books_an_appointment/yes.wav", "You are booked on Tuesday")
            await expect(page.locator(".sparkline circle").first).to_be_visible()
            after_ms, silent_ms = interrupted(await page.evaluate("levels"))
            assert after_ms < 2000 and silent_ms > 400
            await page.get_by_role("button", name="Hang up").click()
            await expect(page.get_by_role("button", name="Call again")).to_be_visible()
            await served.daemon.idle()
            assert not complaints


async def test_where_no_udp_gets_through_it_calls_over_a_websocket(tmp_path: Path, served: Served) -> None:
    """ICE finds no path: after five seconds the call uses the WebSocket, is interrupted, and falls silent there."""
    record(tmp_path / "caller.wav", [(9.0, "books_an_appointment/booking.wav")])
    no_udp = ["--webrtc-ip-handling-policy=disable_non_proxied_udp"]
    async with chromium(tmp_path / "caller.wav", measured=True, arguments=no_udp) as context:
        page = await context.new_page()
        await page.goto(served.link)
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.get_by_label("I wear headphones").check()
        await page.get_by_role("button", name="Call", exact=True).click()
        captions = page.get_by_role("log", name="Captions")
        await expect(captions.locator(".interruption")).to_contain_text(
            "You interrupted: silent after", timeout=SOON_MS
        )
        assert [url.rpartition("/")[2] for url in sockets] == ["voice"]
        await expect(captions).to_contain_text("Which day", timeout=SOON_MS)
        await expect(captions.locator(".you .said")).to_contain_text("appointment")
        after_ms, silent_ms = interrupted(await page.evaluate("levels"))
        assert after_ms < 2000 and silent_ms > 400
        await page.keyboard.press("0")
        await expect(captions).to_contain_text("pressed 0", timeout=SOON_MS)
        await page.get_by_role("button", name="Hang up").click()
        await served.daemon.idle()
    said = np.frombuffer(read_wav(CALLERS / "books_an_appointment" / "booking.wav"), "<i2")
    heard, _ = soundfile.read(max(served.daemon.calls_directory.glob("*/call.wav")), dtype="int16")
    # The caller is as loud as they were: the browser's automatic gain is off.
    assert loudness_db(heard[:, 0]) == pytest.approx(loudness_db(said), abs=3)


async def test_a_key_of_the_computer_is_a_key_of_the_telephone(served: Served, silent: BrowserContext) -> None:
    """3 asks for the opening hours. A second tab calls at the same time, and each has its own call."""
    tabs = [await silent.new_page(), await silent.new_page()]
    for tab in tabs:
        await tab.goto(served.link)
        await tab.get_by_role("button", name="Call", exact=True).click()
        await expect(tab.get_by_role("log")).to_contain_text("Welcome to Riverside Dental", timeout=SOON_MS)
    await tabs[0].keyboard.press("3")
    await expect(tabs[0].get_by_role("log")).to_contain_text("half past eight", timeout=SOON_MS)
    await tabs[1].get_by_role("button", name="1", exact=True).click()
    await expect(tabs[1].get_by_role("log")).to_contain_text("Which day", timeout=SOON_MS)
    await expect(tabs[0].get_by_role("log")).not_to_contain_text("Which day")
    await tabs[0].close()
    await tabs[1].close()
    await served.daemon.idle()


async def test_without_a_microphone_it_says_what_to_do(served: Served) -> None:
    async with chromium() as context:
        page = await context.new_page()
        await page.goto(served.link)
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.locator(".status")).to_contain_text("microphone", timeout=SOON_MS)
        await expect(page.get_by_role("button", name="Call", exact=True)).to_be_enabled()


@pytest.mark.timeout(300)
async def test_a_daemon_that_is_gone_is_said_and_found_again(
    tmp_path: Path, served: Served, silent: BrowserContext
) -> None:
    """Killed in mid-call: the page says so, and after a restart on the same port it can call again without a reload.

    The module's daemon does not survive: this test is its last.
    """
    page = await silent.new_page()
    await page.goto(served.link)
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.get_by_role("log")).to_contain_text("Welcome", timeout=SOON_MS)
    os.kill(served.daemon.pid, signal.SIGKILL)
    await expect(page.locator("#health")).to_contain_text("gone", timeout=SOON_MS)
    await expect(page.get_by_role("button", name="Call again")).to_be_visible(timeout=SOON_MS)
    async with a_daemon(tmp_path, int(served.home.split(":")[2].strip("/"))):
        await expect(page.locator("#health")).to_have_text("ready", timeout=SOON_MS)
        await page.get_by_role("button", name="Call again").click()
        await expect(page.get_by_role("log")).to_contain_text("Welcome", timeout=SOON_MS)
        await page.close()
