"""Engines in the daemon's own process, on the sample clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from phone_daemon.clock import run_counted
from sidecars.host.host import Channel, HostLost
from sidecars.local.inline import InlineHost
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.hearing import feed, heard, opened, until


def test_speech_is_understood_without_the_clock_moving() -> None:
    async def main() -> Any:
        host = InlineHost("stt", "moonshine", OPTIONS)
        await host.start()
        assert host.sample_rate == 16000
        understood = [await heard(host, text) for text in SAID[:3]]
        await host.close()
        return understood, asyncio.get_running_loop().time()

    assert run_counted(main()) == (list(SAID[:3]), 0.0)


@pytest.mark.long
def test_two_runs_say_the_same_in_the_same_order() -> None:
    async def main() -> Any:
        host = InlineHost("stt", "moonshine", OPTIONS)
        await host.start()
        channels = [opened(host) for _ in range(2)]
        told = []

        async def listen(number: int, channel: Channel) -> None:
            while True:
                message, _ = await channel.receive()
                told.append((number, message))
                if message["type"] == "Final":
                    return

        async with asyncio.TaskGroup() as tasks:
            for number, channel in enumerate(channels):
                tasks.create_task(listen(number, channel))
            for channel in channels:
                feed(channel, SAID[0])
                await asyncio.sleep(0.02)
                channel.send({"type": "Finalize"})
        await host.close()
        return told

    first = run_counted(main())
    assert len(first) > 4
    assert first == run_counted(main())


async def test_a_cancel_between_two_chunks_stops_a_text() -> None:
    host = InlineHost("tts", "espeak", {})
    await host.start()
    assert "en-us" in host.voices
    channel = host.open()
    channel.send({"type": "Speak", "text": "This is a rather long sentence about nothing. " * 20})
    message, payload = await channel.receive()
    assert (message["type"], bool(payload)) == ("Chunk", True)
    channel.send({"type": "Cancel"})
    rest: list[Any] = []
    while not rest or rest[-1] != "Cancelled":
        rest.append((await channel.receive())[0]["type"])
    assert len(rest) < 10  # chunks that were made before the cancel; the text has hundreds
    await host.close()


async def test_a_channel_of_a_closed_host_says_so() -> None:
    host = InlineHost("stt", "moonshine", OPTIONS)
    await host.start()
    before = opened(host)
    await host.close()
    await host.close()
    for channel in (before, host.open()):
        with pytest.raises(HostLost):
            await until(channel, "Final")
        with pytest.raises(HostLost):
            await until(channel, "Final")


@pytest.mark.parametrize(
    ("engine", "options", "reason"),
    [
        ("no_such", {}, "no such engine"),
        ("../engine", {}, "not a name"),
        ("moonshine", {"phrases": ["hello"]}, "phrases: must be"),
        ("moonshine", {"wieght": 1}, "'wieght': moonshine knows the options beam, "),
        ("moonshine", {"weight": 11}, "weight 11: expected a number from 0 to 10"),
        ("moonshine", {"model": 1}, "model 1: expected a folder"),
        ("pocketsphinx", {}, 'no such engine; write "moonshine"'),
    ],
)
async def test_an_engine_that_cannot_start_says_why(engine: str, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(HostLost, match=reason):
        await InlineHost("stt", engine, options).start()
