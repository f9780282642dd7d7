"""`make page-pictures`: screenshots of the page's views from a real run, for the README.

python -m ops.demo.page_pictures [--every] [FOLDER]

A recorded caller books an appointment from Chromium, interrupting the greeting, while another tab watches; then the
caller calls again. Writes page_call.png, page_live.png, page_past.png, page_compare.png, page_desk.png, and
page_phone.png (a phone's width, dark) into FOLDER (default: fixtures/demo). With --every, each view is also captured in
full, at both widths, light and dark, for inspection. Needs Debian's chromium and the dev extra.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.async_api import Page, ViewportSize

from ops import sigterm
from ops.live.chromium import chromium, record
from ops.live.daemon_process import DaemonProcess, listening
from ops.live.ports import free_port

FOLDER = Path("fixtures/demo")
SIZE: ViewportSize = {"width": 1120, "height": 760}
PHONE: ViewportSize = {"width": 390, "height": 844}
CALL = [
    (4.2, "books_an_appointment/booking.wav"),
    (5.5, "books_an_appointment/day.wav"),
    (5.5, "books_an_appointment/time.wav"),
    (7.5, "books_an_appointment/yes.wav"),
    (6.0, "books_an_appointment/goodbye.wav"),
]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WAIT_MS = 90_000
SETTLE_MS = 200
SHOTS_FIRED = "8"


@dataclass
class Camera:
    folder: Path
    every: bool
    """Also captures the whole page at both widths, light and dark."""
    made: list[Path] = field(default_factory=list)

    async def shoot(self, page: Page, name: str, *, whole: bool = False) -> None:
        """`whole`: also what is below the window."""
        self.made.append(self.folder / f"{name}.png")
        await page.screenshot(path=self.made[-1], full_page=whole)
        if not self.every:
            return
        for width, size in (("wide", SIZE), ("phone", PHONE)):
            await page.set_viewport_size(size)
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)
                await page.wait_for_timeout(SETTLE_MS)
                self.made.append(self.folder / f"{name}-{width}-{scheme}.png")
                await page.screenshot(path=self.made[-1], full_page=True)
        await page.set_viewport_size(SIZE)
        await page.emulate_media(color_scheme="light")


async def pictures(folder: Path, *, every: bool) -> list[Path]:
    """Makes all of them. Raises what a browser or a daemon that does not start raises."""
    camera = Camera(folder, every)
    token = secrets.token_urlsafe(16)
    port = free_port()
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
            await camera.shoot(watcher, "page_live")
            await camera.shoot(caller, "page_call")
            await caller.set_viewport_size(PHONE)
            await caller.emulate_media(color_scheme="dark")
            await caller.get_by_text("Keypad").click()  # Closed, as on a phone from the start.
            await caller.screenshot(path=folder / "page_phone.png")
            camera.made.append(folder / "page_phone.png")
            await caller.get_by_role("button", name="Call again").wait_for(timeout=WAIT_MS)
            await daemon.idle()
            await _past(watcher, address, camera)
            await caller.get_by_role("button", name="Call again").click()
            await caller.get_by_text("Welcome to").first.wait_for(timeout=WAIT_MS)
            await _desk(watcher, address, camera)
            await caller.get_by_role("button", name="Hang up").click()
            await daemon.idle()
            await _compare(watcher, address, camera)
    return camera.made


async def _past(page: Page, address: str, camera: Camera) -> None:
    await page.goto(f"{address}#past")
    await page.locator(".found a").first.click()
    await page.locator("canvas").wait_for(timeout=WAIT_MS)
    await page.wait_for_timeout(1500)
    await camera.shoot(page, "page_past")


async def _compare(page: Page, address: str, camera: Camera) -> None:
    await page.goto(f"{address}#past")
    await page.locator(".found li").nth(1).locator("a").first.click()
    await page.get_by_role("link", name="Compare with the open call").click()
    await page.locator("canvas").nth(1).wait_for(timeout=WAIT_MS)
    await page.wait_for_timeout(1500)
    await camera.shoot(page, "page_compare")


async def _desk(page: Page, address: str, camera: Camera) -> None:
    await page.goto(f"{address}#desk")
    await page.locator("#burst-call option:not([value=''])").wait_for(state="attached", timeout=WAIT_MS)
    await page.locator("#burst-count").fill(SHOTS_FIRED)
    await page.get_by_role("button", name="Fire").click()
    await page.get_by_role("button", name="Stop").wait_for(timeout=WAIT_MS)
    await page.get_by_role("button", name="Fire").wait_for(timeout=WAIT_MS)
    await page.locator(".machine tbody th", has_text="line card").wait_for(timeout=WAIT_MS)
    await camera.shoot(page, "page_desk", whole=True)


def main(argv: list[str] | None = None) -> int:
    """Returns exit code 0."""
    parser = argparse.ArgumentParser("python -m ops.demo.page_pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--every", action="store_true", help="also capture each view at both widths, light and dark")
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    for path in sigterm.run(pictures(args.folder, every=args.every)):
        print(f"{path}: {path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
