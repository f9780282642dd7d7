"""Reloading dialplans during live calls: new calls use the new ones, live calls keep theirs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from phone_daemon.__main__ import serve
from phone_daemon.daemon import Daemon
from phone_daemon.settings.settings import CallSettings, Settings, SipSettings, StateSettings
from tests.wire.calls import Ear, card

PLAN = """
called = ["100"]
greeting = "{greeting}"
[intents.bye]
caller_says = ["{says}"]
say = ["Bye."]
then = "hang_up"
"""


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30.0):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class Write(Protocol):
    def __call__(self, greeting: str, says: str = "goodbye") -> None: ...


def settings_in(folder: Path) -> Settings:
    """The settings of a daemon that answers 100 with `desk.toml`."""
    return Settings(
        sip=SipSettings(port=0),
        calls=CallSettings(directory=folder / "calls"),
        state=StateSettings(url="off"),
        dialplans=(folder / "desk.toml",),
        health_port=0,
    )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Daemon, Write]]:
    """A daemon, and a function that rewrites its dialplan."""

    def write(greeting: str, says: str = "goodbye") -> None:
        (folder / "desk.toml").write_text(PLAN.format(greeting=greeting, says=says))

    write("Hello.")
    async with Daemon(settings_in(folder)) as daemon:
        serving = asyncio.create_task(daemon.serve())
        yield daemon, write
        daemon.drain()
        await serving


def greeting(daemon: Daemon) -> str:
    return next(iter(daemon.dialplans)).greeting


@pytest.mark.long
async def test_live_calls_keep_their_dialplan_and_recognizer_and_new_ones_get_the_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running(tmp_path) as (daemon, write), card() as phone:
        old = daemon._stt.host
        first = Ear(await phone.place(f"sip:100@127.0.0.1:{daemon.port}"))
        await until(lambda: daemon.live == 1)
        write("Good day.", says="farewell")
        daemon.reload()
        await until(lambda: greeting(daemon) == "Good day.")
        assert daemon._stt.host is not old
        assert daemon.live == 1
        second = Ear(await phone.place(f"sip:100@127.0.0.1:{daemon.port}"))
        await until(lambda: daemon.live == 2)
        plans = {call._dialplan.greeting: call._services.stt for call, _ in daemon._calls.values()}
        assert plans == {"Hello.": old, "Good day.": daemon._stt.host}
        assert daemon._stt.retiring
        first.line.hang_up()
        await until(lambda: not daemon._stt.retiring)
        assert daemon.live == 1
        second.line.hang_up()
        await until(lambda: not daemon.live)
    assert "dialplans.reloaded names=desk" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.long
async def test_a_broken_file_is_one_line_and_the_old_dialplan_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as (daemon, write):
        (tmp_path / "desk.toml").write_text('called = ["100"]\ngreting = "Hello."\n')
        daemon.reload()
        await until(lambda: caplog.records)
        [record] = caplog.records
        assert record.getMessage().startswith("dialplans.kept reason=")
        assert "desk.toml:2: greting: unknown key; did you mean" in record.getMessage()
        assert "\n" not in record.getMessage()
        assert greeting(daemon) == "Hello."
        old = daemon._stt.host
        write("Good morning.")
        daemon.reload()
        await until(lambda: greeting(daemon) == "Good morning.")
        assert daemon._stt.host is old  # callers may still say the same


async def test_sighup_reloads_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "desk.toml").write_text(PLAN.format(greeting="Hello.", says="goodbye"))
    serving = asyncio.create_task(serve(settings_in(tmp_path)))
    try:
        handlers = asyncio.get_running_loop()._signal_handlers  # type: ignore[attr-defined]
        await until(lambda: signal.SIGHUP in handlers)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: "dialplans.reloaded names=desk" in caplog.text)
        assert not serving.done()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await serving == 0
    finally:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
