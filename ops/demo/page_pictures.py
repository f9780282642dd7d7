"""`make page-pictures`: the page's four views from a real run, for the README.

    python -m ops.demo.page_pictures [FOLDER]

A recorded caller books an appointment from Chromium, interrupting the greeting, while another tab watches. Writes
page_call.png, page_live.png, page_past.png, page_desk.png and page_phone.png (a phone's width, dark) into FOLDER
(default: fixtures/demo). Needs Debian's chromium and the dev extra.
"""

from __future__ import annotations

import secrets
import socket
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, ViewportSize

from ops import sigterm
from ops.live.chromium import chromium, record
from ops.live.daemon_process import DaemonProcess, free_port, listening

FOLDER = Path("fixtures/demo")
SIZE = {"width": 1120, "height": 760}
PHONE: ViewportSize = {"width": 390, "height": 844}
CALL = [
    (4.2, "books_an_appointment/booking.wav"),
    (4.0, "books_an_appointment/day.wav"),
    (4.0, "books_an_appointment/time.wav"),
    (5.5, "books_an_appointment/yes.wav"),
    (6.0, "books_an_appointment/goodbye.wav"),
]
WAIT_MS = 90_000
SHOTS_FIRED = "8"


async def pictures(folder: Path) -> list[Path]:
    """Makes them all. Raises what a browser or a daemon that does not come up raises."""
    token = secrets.token_urlsafe(16)
    port = free_port(socket.SOCK_STREAM)
    with tempfile.TemporaryDirectory() as place:
        recording = Path(place) / "caller.wav"
        record(recording, CALL)
        settings = {"web": {"on": True, "port": port}}
        environ = {"PHONE_WEB_TOKENS": f"admin:{token}"}
        async with (
            DaemonProcess(Path(place) / "daemon", settings, environ=environ) as daemon,
            chromium(recording, viewport=SIZE, device_scale_factor=1.5) as context,
        ):
            await listening(port)
            caller, watcher = await context.new_page(), await context.new_page()
            address = f"http://127.0.0.1:{port}/"
            await caller.goto(f"{address}?token={token}")
            await watcher.goto(f"{address}#live")
            await caller.get_by_label("I wear headphones").check()
            await caller.get_by_role("button", name="Call", exact=True).click()
            await caller.get_by_text("You are booked").wait_for(timeout=WAIT_MS)
            made = [await _shot(watcher, folder, "page_live.png"), await _shot(caller, folder, "page_call.png")]
            await caller.set_viewport_size(PHONE)
            await caller.emulate_media(color_scheme="dark")
            made.append(await _shot(caller, folder, "page_phone.png"))
            await caller.get_by_role("button", name="Call again").wait_for(timeout=WAIT_MS)
            await daemon.idle()
            made.append(await _past(watcher, address, folder))
            await caller.get_by_role("button", name="Call again").click()
            await caller.get_by_text("Welcome to").first.wait_for(timeout=WAIT_MS)
            made.append(await _desk(watcher, address, folder))
    return made


async def _past(page: Page, address: str, folder: Path) -> Path:
    await page.goto(f"{address}#past")
    await page.locator(".found a").first.click()
    await page.locator("canvas").wait_for(timeout=WAIT_MS)
    await page.wait_for_timeout(1500)
    return await _shot(page, folder, "page_past.png")


async def _desk(page: Page, address: str, folder: Path) -> Path:
    await page.goto(f"{address}#desk")
    await page.locator("#burst-call option:not([value=''])").wait_for(state="attached", timeout=WAIT_MS)
    await page.locator("#burst-count").fill(SHOTS_FIRED)
    await page.get_by_role("button", name="Fire").click()
    await page.get_by_role("button", name="Stop").wait_for(timeout=WAIT_MS)
    await page.get_by_role("button", name="Fire").wait_for(timeout=WAIT_MS)
    return await _shot(page, folder, "page_desk.png")


async def _shot(page: Page, folder: Path, name: str) -> Path:
    path = folder / name
    await page.screenshot(path=path)
    return path


def main(folder: Path) -> int:
    """Exit code 0."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sigterm.run(pictures(folder)):
        print(f"{path}: {path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
