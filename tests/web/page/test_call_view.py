"""The page in Chromium, called with by a recorded caller: what a person does with it, and what they hear and see."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.async_api import expect

from ops.live.chromium import chromium, record
from tests.foreign.programs import need
from tests.web.page.daemon import a_daemon, problems

BOOKING = [
    (3.0, "books_an_appointment/booking.wav"),
    (3.5, "books_an_appointment/day.wav"),
    (3.5, "books_an_appointment/time.wav"),
    (5.0, "books_an_appointment/yes.wav"),
]
"""Into the greeting, and then an answer to each question."""
LOUD, AUDIBLE = 0.01, 0.002
SOON_MS = 40_000
LATE_MS = 90_000


def interrupted(levels: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Milliseconds from the caller's first sound to the agent's last before it is silent, and how long it is then."""
    onset = next(at for at, caller, _ in levels if caller > LOUD)
    agent = [at for at, _, agent in levels if agent > AUDIBLE]
    assert any(onset - 500 < at < onset for at in agent), "the agent did not speak when the caller began"
    last = onset
    for at in agent:
        if at > last + 400:
            return last - onset, at - last
        last = max(last, at)
    raise AssertionError("the agent was never silent, or never spoke again")


@pytest.mark.timeout(300)
async def test_a_caller_interrupts_and_books_by_voice(tmp_path: Path) -> None:
    """The whole of it: press, be greeted, interrupt, hear the silence, book, hang up; with nothing in the console."""
    need("chromium")
    record(tmp_path / "caller.wav", BOOKING)
    async with a_daemon(tmp_path) as (daemon, link), chromium(tmp_path / "caller.wav", measured=True) as context:
        page = await context.new_page()
        async with problems(page) as complaints:
            await page.goto(link)
            await expect(page.locator("#health")).to_have_text("ready", timeout=SOON_MS)
            assert "token" not in page.url
            await page.get_by_label("I wear headphones").check()
            await page.get_by_role("button", name="Call", exact=True).click()
            captions = page.get_by_role("log", name="Captions")
            await expect(captions.locator(".interruption")).to_contain_text(
                "You interrupted: silent after", timeout=SOON_MS
            )
            await expect(captions.locator("del").last).not_to_be_empty()
            await expect(captions).to_contain_text("You are booked on Tuesday", timeout=LATE_MS)
            await expect(page.locator(".sparkline circle")).to_have_count(1)
            after_ms, silent_ms = interrupted(await page.evaluate("levels"))
            assert after_ms < 2000 and silent_ms > 400
            await page.get_by_role("button", name="Hang up").click()
            await expect(page.get_by_role("button", name="Call again")).to_be_visible()
            await daemon.idle()
            assert not complaints


async def test_a_key_of_the_computer_is_a_key_of_the_telephone(tmp_path: Path) -> None:
    """3 asks for the opening hours. A second tab calls at the same time, and each has its own call."""
    need("chromium")
    record(tmp_path / "silent.wav", [])
    async with a_daemon(tmp_path) as (daemon, link), chromium(tmp_path / "silent.wav") as context:
        tabs = [await context.new_page(), await context.new_page()]
        for tab in tabs:
            await tab.goto(link)
            await tab.get_by_role("button", name="Call", exact=True).click()
            await expect(tab.get_by_role("log")).to_contain_text("Welcome to Riverside Dental", timeout=SOON_MS)
        await tabs[0].keyboard.press("3")
        await expect(tabs[0].get_by_role("log")).to_contain_text("half past eight", timeout=SOON_MS)
        await tabs[1].get_by_role("button", name="1", exact=True).click()
        await expect(tabs[1].get_by_role("log")).to_contain_text("Which day", timeout=SOON_MS)
        await expect(tabs[0].get_by_role("log")).not_to_contain_text("Which day")
        await tabs[0].close()
        await tabs[1].close()
        await daemon.idle()


async def test_without_a_microphone_it_says_what_to_do(tmp_path: Path) -> None:
    need("chromium")
    async with a_daemon(tmp_path) as (_, link), chromium() as context:
        page = await context.new_page()
        await page.goto(link)
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.locator(".status")).to_contain_text("microphone", timeout=SOON_MS)
        await expect(page.get_by_role("button", name="Call", exact=True)).to_be_enabled()


@pytest.mark.timeout(300)
async def test_a_daemon_that_is_gone_is_said_and_found_again(tmp_path: Path) -> None:
    """Killed in the middle of a call: the page says so, and after a start on the same port calls again, unreloaded."""
    need("chromium")
    record(tmp_path / "silent.wav", [])
    async with chromium(tmp_path / "silent.wav") as context:
        page = await context.new_page()
        async with a_daemon(tmp_path / "first") as (daemon, link):
            await page.goto(link)
            await page.get_by_role("button", name="Call", exact=True).click()
            await expect(page.get_by_role("log")).to_contain_text("Welcome", timeout=SOON_MS)
            os.kill(daemon.pid, signal.SIGKILL)
            await expect(page.locator("#health")).to_contain_text("gone", timeout=SOON_MS)
            await expect(page.get_by_role("button", name="Call again")).to_be_visible(timeout=SOON_MS)
        async with a_daemon(tmp_path / "second", int(link.split(":")[2].split("/")[0])):
            await expect(page.locator("#health")).to_have_text("ready", timeout=SOON_MS)
            await page.get_by_role("button", name="Call again").click()
            await expect(page.get_by_role("log")).to_contain_text("Welcome", timeout=SOON_MS)
            await page.close()
