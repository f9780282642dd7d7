"""The page of a web process with calls that the test announces: by keyboard alone, at a phone's width, and after a
restart."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from playwright.async_api import Page, expect

from ops.live.chromium import chromium
from ops.live.ports import free_port
from phone_daemon.events import Note
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
from phone_daemon.telemetry.machine import Machine
from tests.foreign.programs import need
from tests.web.served import ENVIRON, TOKENS, Served, served, settings_in
from tests.web.test_call_store import leave, turn
from tests.web.test_token_file import write

SOON_MS = 40_000
PHONE = {"width": 320, "height": 640}
"""The narrowest that WCAG 2.2 asks for (1.4.10)."""
MARKUP = '"><img src=x onerror="window.pwned = true"><script>window.pwned = true</script>'
LIVE, PAST = "20260101T100000.000000Z-aaaa", "20260102T100000.000000Z-bbbb"
EARLIER = "20260101T100000.000000Z-cccc"
OVERFLOWS = "() => document.documentElement.scrollWidth > innerWidth"


@asynccontextmanager
async def announced(folder: Path) -> AsyncIterator[tuple[Served, State]]:
    """A live call and a past one, with names and words that a careless page would run."""
    redis = StateSettings(directory=folder)
    state = State.open(redis)
    state.shown |= {
        "machine": Machine(folder).sample().model_dump_json(),
        "trunks": json.dumps([{"trunk": MARKUP, "state": "unreachable", "detail": "no answer to OPTIONS", "calls": 0}]),
    }
    for call in (EARLIER, PAST):
        leave(folder / "calls", call, [turn(MARKUP, MARKUP)], caller=MARKUP, dialplan=MARKUP)
    async with state, served(replace(settings_in(folder), state=redis)) as web:
        state.register(LIVE, {"caller": MARKUP, "called": "4711", "dialplan": MARKUP})
        yield web, state


async def by_keys(page: Page, name: str) -> None:
    """Opens a view with Tab and Enter."""
    await page.evaluate("document.activeElement.blur()")
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == name:
            await page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} is not reached by Tab")


async def test_a_phone_and_a_keyboard_are_enough_and_nobodys_words_are_run(tmp_path: Path) -> None:
    need("chromium")
    async with announced(tmp_path) as (web, state), chromium(viewport=PHONE) as context:
        page = await context.new_page()
        await page.goto(f"{web.url}/?token={TOKENS['admin']}")
        await by_keys(page, "Live")
        live = page.locator(".live-call")
        await expect(live).to_contain_text("onerror", timeout=SOON_MS)
        await expect(live.get_by_role("button", name="Hang up")).to_be_visible(timeout=SOON_MS)
        state.note(Note(LIVE, "final", time.monotonic_ns(), {"text": MARKUP}))
        await expect(live.locator(".words.you")).to_have_text(MARKUP, timeout=SOON_MS)
        assert not await page.evaluate(OVERFLOWS)
        await by_keys(page, "Past")
        await expect(page.locator(".found li")).to_have_count(2, timeout=SOON_MS)
        await page.locator(".found a").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".turns")).to_contain_text("onerror", timeout=SOON_MS)
        assert not await page.evaluate(OVERFLOWS)
        await page.get_by_role("link", name="Compare").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".comparison .picture")).to_have_count(2, timeout=SOON_MS)
        assert not await page.evaluate(OVERFLOWS)
        await by_keys(page, "Desk")
        await expect(page.locator(".machine")).to_contain_text("no answer to OPTIONS", timeout=SOON_MS)
        await expect(page.locator(".machine")).to_contain_text("daemon")
        assert not await page.evaluate(OVERFLOWS)
        assert not await page.evaluate("window.pwned || document.querySelectorAll('main img, main script').length")


async def test_after_a_restart_with_another_token_the_page_asks_for_it(tmp_path: Path) -> None:
    need("chromium")
    settings = settings_in(tmp_path, port=free_port())
    async with chromium() as context:
        page = await context.new_page()
        async with served(settings) as web:
            await page.goto(f"{web.url}/?token={TOKENS['admin']}")
            await expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=SOON_MS)
        await expect(page.locator("#health")).to_contain_text("gone", timeout=SOON_MS)
        async with served(settings, ENVIRON | {"PHONE_WEB_TOKENS": "admin:another-0123456789abcdef"}):
            await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON_MS)
            await page.get_by_label("Token").fill("another-0123456789abcdef")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("button", name="Call", exact=True)).to_be_visible(timeout=SOON_MS)


async def test_a_token_that_is_removed_signs_out_the_page_that_watches_with_it(tmp_path: Path) -> None:
    need("chromium")
    path = tmp_path / "tokens.toml"
    write(path, ann='role = "watch"', bob='role = "watch"')
    redis = StateSettings(directory=tmp_path)
    environ = {name: value for name, value in ENVIRON.items() if name != "PHONE_WEB_TOKENS"}
    settings = replace(settings_in(tmp_path, tokens=path), state=redis)
    async with State.open(redis) as state, served(settings, environ) as web, chromium() as context:
        state.register(LIVE, {"caller": "anna", "called": "4711", "dialplan": "clinic"})
        page = await context.new_page()
        await page.goto(f"{web.url}/?token=bob-0123456789abcdef")
        await page.goto(f"{web.url}/#live")
        await expect(page.locator(".live-call")).to_contain_text("anna", timeout=SOON_MS)
        write(path, ann='role = "watch"')
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON_MS)
