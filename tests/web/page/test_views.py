"""The operator's three views, next to a call that is made by keys in another tab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from ops.live.chromium import chromium, record
from tests.web.page.conftest import Served
from tests.web.page.daemon import TOKEN, problems

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON_MS = 40_000
LISTENS = """() => {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(document.querySelector("audio").srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  window.loudness = () => {
    analyser.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
  };
}"""
"""The level of the audio that the page receives from now on."""
MARKUP = "<img src=x onerror=alert(1)> <b>One moment</b>, please."


async def watch_and_steer(page: Page) -> None:
    """Live: what is said, and a line whispered to the agent, shown as it was written; the burst's call hung up."""
    call = page.locator(".live-call").first
    await expect(call).to_contain_text("web", timeout=SOON_MS)
    await call.get_by_role("button", name="Listen").click()
    await page.wait_for_function("() => [...document.querySelectorAll('button')].some(b => b.ariaPressed === 'true')")
    await call.get_by_label("What the agent should say").fill(MARKUP)
    await call.get_by_role("button", name="Say").click()
    await expect(call).to_contain_text("<b>One moment</b>", timeout=SOON_MS)
    assert not await page.locator("li b b, .words b, .words img").count()
    await expect(call.get_by_role("group")).to_have_accessible_name(re.compile("web → "))
    await call.get_by_role("button", name="Hang up").press("Enter")
    await call.get_by_role("button", name="Really hang up?").press("Escape")
    await expect(call.get_by_role("button", name="Hang up", exact=True)).to_be_focused()
    await call.get_by_label("Transfer to").fill("nowhere")
    await call.get_by_role("button", name="Transfer").click()
    assert await call.get_by_label("Transfer to").evaluate("input => input.validity.patternMismatch")


async def wait_and_come_back(page: Page) -> None:
    """Live: the caller is put on hold, and taken back."""
    live = page.locator(".live-call").first
    await live.get_by_role("button", name="Hold").click()
    await expect(live).to_have_class(re.compile("held"), timeout=SOON_MS)
    await live.get_by_role("button", name="Resume").click()
    await expect(live).not_to_have_class(re.compile("held"), timeout=SOON_MS)
    await expect(live.locator(".words.agent")).to_contain_text("I am back", timeout=SOON_MS)


async def fire(page: Page) -> None:
    """Desk: the health of the parts, and two shots of a burst at the live call, which fill the table."""
    await expect(page.locator(".parts")).to_contain_text("stt", timeout=SOON_MS)
    await expect(page.locator("#burst-call option")).to_have_count(1, timeout=SOON_MS)
    await page.locator("#burst-count").fill("2")
    await page.get_by_role("button", name="Fire").click()
    await expect(page.locator("progress")).to_have_attribute("value", "2", timeout=SOON_MS)
    await expect(page.locator("tbody th").first).to_have_text("line silent", timeout=SOON_MS)
    # The call's two, once each, and the line whispered while the agent spoke.
    await expect(page.locator(".verdict")).to_contain_text(re.compile(r"^[1-3] interruption"), timeout=SOON_MS)


async def look_back(page: Page) -> None:
    """Past: found by a spoken word; drawn; clicking a word plays from where its sound begins."""
    await expect(page.locator(".found li")).to_have_count(1, timeout=SOON_MS)
    await page.locator("#words").fill("xylophone")
    await expect(page.get_by_text("No calls match.")).to_be_visible(timeout=SOON_MS)
    await page.locator("#words").fill("thursday")
    await expect(page.locator(".found .snippet")).to_contain_text("Thursday", timeout=SOON_MS)
    await page.locator(".found a").first.click()
    await expect(page.locator(".turns li").first).to_contain_text("Welcome to Riverside", timeout=SOON_MS)
    await expect(page.locator("#words")).to_have_value("thursday")
    await expect(page.locator(".found .snippet")).to_contain_text("Thursday")
    painted = "() => document.querySelector('canvas')?.getContext('2d').getImageData(0, 0, 900, 150).data.some(Boolean)"
    await page.wait_for_function(painted, timeout=SOON_MS)
    await page.locator(".word", has_text="Thursday").first.click()
    await page.wait_for_function("() => document.querySelector('audio').currentTime > 1", timeout=SOON_MS)


async def call(served: Served, silent: BrowserContext) -> Page:
    """Another tab, which has called and been greeted."""
    caller = await silent.new_page()
    await caller.goto(served.link)
    await caller.get_by_role("button", name="Call", exact=True).click()
    await expect(caller.get_by_role("log")).to_contain_text("Welcome", timeout=SOON_MS)
    return caller


@pytest.mark.timeout(300)
async def test_whoever_has_no_valid_token_is_told_why_and_may_enter_one(served: Served) -> None:
    async with chromium() as context:
        page = await context.new_page()
        await page.goto(f"{served.home}#live")
        await expect(page.get_by_role("alert")).to_contain_text("Open the link", timeout=SOON_MS)
        await expect(page.get_by_role("navigation")).to_have_count(0)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.get_by_label("Token").fill("of-an-earlier-start")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("is not known", timeout=SOON_MS)
        await page.get_by_label("Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Call", exact=True)).to_be_visible(timeout=SOON_MS)
        assert not [address for address in (page.url, *asked) if TOKEN in address]
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON_MS)
        await page.goto(f"{served.home}?token=of-an-earlier-start")
        await expect(page.get_by_role("alert")).to_contain_text("is not known", timeout=SOON_MS)
        assert "token" not in page.url


async def test_a_call_is_watched_steered_and_looked_back_at(served: Served, silent: BrowserContext) -> None:
    caller = await call(served, silent)
    page = await silent.new_page()
    await caller.keyboard.press("3")
    await expect(caller.get_by_role("log")).to_contain_text("Thursday", timeout=SOON_MS)
    # Said to its end: words of a reply that is cut off before them are not in the transcript.
    await expect(caller.locator(".status")).to_have_text("Your turn.", timeout=SOON_MS)
    async with problems(page) as complaints:
        await page.goto(f"{served.home}#live")
        await watch_and_steer(page)
        complaints.clear()  # The transfer that was refused.
        await wait_and_come_back(page)
        await page.goto(f"{served.home}#desk")
        await fire(page)
        complaints.clear()  # A shot may come before the agent speaks.
        await page.goto(f"{served.home}#live")
        hang_up = page.locator(".live-call").first.locator(".danger")
        await hang_up.click()
        await hang_up.click()
        await expect(caller.get_by_role("button", name="Call again")).to_be_visible(timeout=SOON_MS)
        await expect(caller.locator(".status")).to_contain_text("operator")
        await served.daemon.idle()
        await page.goto(f"{served.home}#past")
        await look_back(page)
        assert not complaints
    await page.close()
    await caller.close()


@pytest.mark.timeout(300)
async def test_a_colleague_takes_a_call_over_and_two_calls_are_compared(
    tmp_path: Path, served: Served, silent: BrowserContext
) -> None:
    """The caller hears the colleague's voice in place of the agent's, and the agent again afterwards."""
    record(tmp_path / "colleague.wav", [(2.0, "books_an_appointment/booking.wav")] * 4)
    caller = await call(served, silent)
    async with chromium(tmp_path / "colleague.wav") as context:
        page = await context.new_page()
        await page.goto(served.link)
        await page.goto(f"{served.home}#live")
        live = page.locator(".live-call").first
        await live.get_by_role("button", name="Take over").click()
        await expect(live.locator("[role=status]")).to_contain_text("You speak with the caller", timeout=SOON_MS)
        await expect(live).to_have_class(re.compile("taken"), timeout=SOON_MS)
        await caller.evaluate(LISTENS)
        await caller.wait_for_function("() => loudness() > 0.01", timeout=SOON_MS)
        await live.get_by_role("button", name="Give back").click()
        await expect(caller.get_by_role("log")).to_contain_text("I am back with you", timeout=SOON_MS)
        await expect(live.get_by_role("button", name="Take over")).to_be_enabled()
        assert '"what": "take_over"' in (served.daemon.calls_directory / "audit.jsonl").read_text()
        await caller.get_by_role("button", name="Hang up").click()
        await served.daemon.idle()
        async with problems(page) as complaints:
            await page.goto(f"{served.home}#past")
            await compare(page)
            assert not complaints
    await caller.close()


async def compare(page: Page) -> None:
    """Past: one call, then another next to it on the same time axis; only one of them plays at a time."""
    await expect(page.locator(".found li")).to_have_count(2, timeout=SOON_MS)
    await page.locator("#since").fill("2020-01-01")
    await page.locator("#until").fill("2020-01-02")
    await expect(page.get_by_text("No calls match.")).to_be_visible(timeout=SOON_MS)
    await page.locator("#until").fill("")
    await expect(page.locator(".found li")).to_have_count(2, timeout=SOON_MS)
    await page.locator(".found li a").first.click()
    await expect(page.locator(".picture")).to_have_count(1, timeout=SOON_MS)
    await page.get_by_role("link", name="Compare with the open call").click()
    await expect(page.locator(".comparison .picture")).to_have_count(2, timeout=SOON_MS)
    await expect(page.locator(".comparison tbody")).to_contain_text("length", timeout=SOON_MS)
    await page.wait_for_function("() => [...document.querySelectorAll('audio')].every(each => each.duration > 1)")
    for first, second in ((0, 1), (1, 0)):
        await page.locator(".comparison .play").nth(-1 if first else 0).click()
        states = "[...document.querySelectorAll('audio')].map(each => each.paused)"
        await page.wait_for_function(f"() => !{states}[{first}] && {states}[{second}]", timeout=SOON_MS)
