"""One daemon with the page, and one browser with a silent microphone, for all tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from ops.live.chromium import chromium, record
from ops.live.daemon_process import DaemonProcess
from tests.foreign.programs import need
from tests.web.page.daemon import a_daemon


@dataclass(frozen=True)
class Served:
    daemon: DaemonProcess
    link: str
    """The link that a person opens."""

    @property
    def home(self) -> str:
        """The page's address for a signed-in user."""
        return self.link.split("?")[0]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    need("chromium")
    async with a_daemon(tmp_path_factory.mktemp("daemon")) as (daemon, link):
        yield Served(daemon, link)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def silent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrowserContext]:
    """A browser whose user says nothing."""
    need("chromium")
    recording = tmp_path_factory.mktemp("microphone") / "silent.wav"
    record(recording, [])
    async with chromium(recording) as context:
        yield context
