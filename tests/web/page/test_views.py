"""The operator's three views, beside a call that is made by keys in another tab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from ops.live.chromium import chromium, record
from tests.foreign.programs import need
from tests.web.page.daemon import a_daemon, problems

SOON_MS = 40_000
MARKUP = "<img src=x onerror=alert(1)> <b>One moment</b>, please."


async def watch_and_steer(page: Page) -> None:
    """Live: what is said, a line whispered to the agent, shown as it was written; the burst's call hung up."""
    call = page.locator(".live-call").first
    await expect(call).to_contain_text("web", timeout=SOON_MS)
    await call.get_by_role("button", name="Listen").click()
    await page.wait_for_function("[...document.querySelectorAll('button')].some(b => b.ariaPressed === 'true')")
    await call.get_by_label("What the agent shall say").fill(MARKUP)
    await call.get_by_role("button", name="Say").click()
    await expect(call).to_contain_text("<b>One moment</b>", timeout=SOON_MS)
    assert not await page.locator("li b b, .words b, .words img").count()
    await call.get_by_label("Transfer to").fill("nowhere")
    await call.get_by_role("button", name="Transfer").click()
    await expect(call.locator("[role=status]")).to_contain_text("to", timeout=SOON_MS)


async def fire(page: Page) -> None:
    """Desk: the parts' health, and two shots of a burst at the live call, which fill the table."""
    await expect(page.locator(".parts")).to_contain_text("stt", timeout=SOON_MS)
    await expect(page.locator("#burst-call option")).to_have_count(1, timeout=SOON_MS)
    await page.locator("#burst-count").fill("2")
    await page.get_by_role("button", name="Fire").click()
    await expect(page.locator("progress")).to_have_attribute("value", "2", timeout=SOON_MS)
    await expect(page.locator("tbody th").first).to_have_text("line silent", timeout=SOON_MS)
    # The call's two, once each, and the line whispered while the agent spoke.
    await expect(page.locator(".verdict")).to_contain_text(re.compile(r"^[1-3] interruption"), timeout=SOON_MS)


async def look_back(page: Page) -> None:
    """Past: found by a word that was said; drawn; a word clicked is where its sound begins."""
    await expect(page.locator(".found a")).to_have_count(1, timeout=SOON_MS)
    await page.locator("#words").fill("xylophone")
    await expect(page.get_by_text("No call was found.")).to_be_visible(timeout=SOON_MS)
    await page.locator("#words").fill("thursday")
    await expect(page.locator(".found .snippet")).to_contain_text("Thursday", timeout=SOON_MS)
    await page.locator(".found a").click()
    await expect(page.locator(".turns li").first).to_contain_text("Welcome to Riverside", timeout=SOON_MS)
    painted = "() => document.querySelector('canvas')?.getContext('2d').getImageData(0, 0, 900, 150).data.some(Boolean)"
    await page.wait_for_function(painted, timeout=SOON_MS)
    await page.locator(".word", has_text="Thursday").first.click()
    await page.wait_for_function("document.querySelector('audio').currentTime > 1", timeout=SOON_MS)


@pytest.mark.timeout(300)
async def test_a_call_is_watched_steered_and_looked_back_at(tmp_path: Path) -> None:
    need("chromium")
    record(tmp_path / "silent.wav", [])
    async with a_daemon(tmp_path) as (daemon, link), chromium(tmp_path / "silent.wav") as context:
        caller, page = await context.new_page(), await context.new_page()
        await caller.goto(link)
        await caller.get_by_role("button", name="Call", exact=True).click()
        await expect(caller.get_by_role("log")).to_contain_text("Welcome", timeout=SOON_MS)
        await caller.keyboard.press("3")
        await expect(caller.get_by_role("log")).to_contain_text("Thursday", timeout=SOON_MS)
        async with problems(page) as complaints:
            home = link.split("?")[0]
            await page.goto(f"{home}#live")
            await watch_and_steer(page)
            complaints.clear()  # The transfer that was refused.
            await page.goto(f"{home}#desk")
            await fire(page)
            complaints.clear()  # A shot may come before the agent speaks.
            await page.goto(f"{home}#live")
            hang_up = page.locator(".live-call").first.locator(".danger")
            await hang_up.click()
            await hang_up.click()
            await expect(caller.get_by_role("button", name="Call again")).to_be_visible(timeout=SOON_MS)
            await expect(caller.locator(".status")).to_contain_text("operator")
            await daemon.idle()
            await page.goto(f"{home}#past")
            await look_back(page)
            assert not complaints
