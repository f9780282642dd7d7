"""Two hosts as one: real engines, and a host that can be told to fall silent. On the sample clock, unless a process
dies.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from sidecars.host.channel import QueueChannel
from sidecars.host.fallback import FallbackHost
from sidecars.host.host import Channel, Host, HostLost, Kind, Message
from sidecars.local.inline import InlineHost
from sidecars.local.inprocess import InProcessHost
from sidecars.local.subprocess import SubprocessHost
from tests.counted import counted
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.hearing import feed, heard, opened, until
from tests.sidecars.speech import words

PROBE_S = 0.1


def child() -> SubprocessHost:
    return SubprocessHost("stt", "moonshine", OPTIONS)


def thread() -> InProcessHost:
    return InProcessHost("stt", "moonshine", OPTIONS)


def inline(**options: object) -> InlineHost:
    return InlineHost("stt", "moonshine", {**OPTIONS, **options})


def voice(**options: object) -> InlineHost:
    return InlineHost("tts", "espeak", options)


class Odd(InlineHost):
    """A real engine behind a host that behaves like third-party servers."""

    mute = False
    """It accepts, and never answers."""
    deaf = False
    """It ends a channel at the first audio."""

    def __init__(self, *what: Any) -> None:
        super().__init__(*what)
        self.opened: list[QueueChannel] = []

    def open(self, call: str = "") -> QueueChannel:
        channel = super().open(call)
        self.opened.append(channel)
        put = channel.put

        def told(message: Message, payload: bytes) -> None:
            if not self.mute:
                put(message, payload)

        channel.put = told  # type: ignore[method-assign]
        return channel

    def _deliver(self, number: int, message: Message, payload: bytes) -> None:
        if self.deaf and message["type"] == "Audio":
            next(each for each in self.opened if each.number == number).lose("it takes no audio")
        else:
            super()._deliver(number, message, payload)


def made(first: Callable[[], Host], second: Host, kind: Kind = "stt", deadline_s: float = 10.0) -> FallbackHost:
    return FallbackHost(kind, "the server", first, second, deadline_s=deadline_s, probe_s=PROBE_S)


async def mended(host: FallbackHost) -> None:
    async with asyncio.timeout(10):
        while host.problem:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(PROBE_S / 2)


async def said_by(channel: Channel) -> str:
    """Why the channel is the second host's, as it must be."""
    message, _ = await channel.receive()
    assert message["type"] == "Fault"
    return str(message["error"])


@counted
async def test_the_first_is_used_while_it_answers() -> None:
    host = made(inline, inline())
    await host.start()
    assert await heard(host, SAID[0]) == SAID[0]
    assert host.problem == ""
    await host.close()
    with pytest.raises(HostLost):
        await until(host.open(), "Final")


@pytest.mark.long
async def test_a_first_that_is_not_there_at_start_is_used_as_soon_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    there: list[bool] = []

    def first() -> Host:
        return thread() if there else SubprocessHost("stt", "moonshine", OPTIONS, python="/no/such/python")

    host = made(first, thread())
    await host.start()
    assert "/no/such/python" in host.problem
    assert 'engine.fallback engine="the server"' in caplog.text
    channel = opened(host)
    assert "fallback in use: the server: " in await said_by(channel)
    channel.close()
    assert await heard(host, SAID[1]) == SAID[1]
    there.append(True)
    await mended(host)
    assert 'engine.recovered engine="the server"' in caplog.text
    assert await heard(host, SAID[0]) == SAID[0]
    await host.close()


async def test_a_second_that_cannot_start_is_the_end_of_both() -> None:
    host = made(thread, InProcessHost("stt", "no_such", {}))
    with pytest.raises(HostLost, match="no such engine"):
        await host.start()


@pytest.mark.long
async def test_a_channel_that_is_lost_shuts_the_first_out_until_it_answers_a_trial() -> None:
    host = made(child, thread())
    await host.start()
    channel = opened(host)
    feed(channel, SAID[0])
    await until(channel, "Partial")
    assert isinstance(host._first, SubprocessHost) and host._first.pid
    os.kill(host._first.pid, signal.SIGKILL)
    with pytest.raises(HostLost, match="SIGKILL"):
        await until(channel, "Final")
    again = opened(host)
    assert "SIGKILL" in await said_by(again)
    again.close()
    await mended(host)
    assert await heard(host, SAID[2]) == SAID[2]
    await host.close()


@pytest.mark.long
@counted
async def test_one_that_accepts_and_never_answers_is_given_up_at_the_deadline_and_kept_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = Odd("stt", "moonshine", OPTIONS)
    host = made(lambda: first, inline(), deadline_s=0.5)
    await host.start()
    first.mute = True
    channel = opened(host)
    feed(channel, SAID[0])
    await asyncio.sleep(0.6)  # it owes nothing while the caller speaks
    assert host.problem == ""
    channel.send({"type": "Finalize"})
    began = asyncio.get_running_loop().time()
    with pytest.raises(HostLost, match=r"no answer to Finalize within 0\.5 s"):
        await until(channel, "Final")
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)
    for _ in range(3):  # and several attempts that fail
        assert await heard(host, SAID[3]) == SAID[3]
        await asyncio.sleep(0.4)
    assert "no answer to Finalize" in host.problem
    first.mute = False
    await mended(host)
    assert caplog.text.count("engine.fallback") == 1
    await host.close()


@pytest.mark.long
@counted
async def test_an_utterance_that_the_first_refuses_is_the_seconds() -> None:
    """As when it has no capacity: an attempt that opens nothing would prove nothing."""
    host = made(lambda: inline(max_sessions=1), inline())
    await host.start()
    channel, refused = opened(host), opened(host)
    with pytest.raises(HostLost, match="gave an utterance up: 1 utterances are open already"):
        await until(refused, "Failed")
    assert await heard(host, SAID[0]) == SAID[0]
    await asyncio.sleep(3 * PROBE_S)
    assert "1 utterances are open already" in host.problem
    channel.close()
    await mended(host)
    await host.close()


@pytest.mark.long
@counted
async def test_a_cancel_ends_what_is_owed() -> None:
    host = made(inline, inline(), deadline_s=1.0)
    await host.start()
    channel = opened(host)
    feed(channel, SAID[0])
    channel.send({"type": "Finalize"})
    channel.send({"type": "Cancel"})
    assert (await until(channel, "Cancelled"))["held"] == {"sessions": 0}
    channel.close()
    left = opened(host)
    left.send({"type": "Finalize"})
    left.close()
    await asyncio.sleep(1.2)
    assert host.problem == ""
    await host.close()


@counted
async def test_a_voice_that_falls_silent_is_another_voice_for_the_next_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    first = Odd("tts", "espeak", {"voice": "de"})
    host = made(lambda: first, voice(), "tts", deadline_s=0.5)
    await host.start()
    assert host.voices[0] == "de"
    channel = host.open()
    for text in ("Eins.", "Zwei."):
        channel.send({"type": "Speak", "text": text})
    await until(channel, "Done")
    await until(channel, "Done")
    await asyncio.sleep(0.6)
    assert host.problem == "", "nothing is owed"
    first.mute = True
    channel.send({"type": "Speak", "text": "Drei."})
    with pytest.raises(HostLost, match="no answer to Speak"):
        await until(channel, "Done")
    assert host.voices[0] == "en-us"
    again = host.open()
    again.send({"type": "Speak", "text": "Four."})
    await until(again, "Done")
    first.mute = False
    await mended(host)
    await host.close()


@counted
async def test_what_one_text_suffers_is_that_texts_alone() -> None:
    host = made(voice, voice(), "tts")
    await host.start()
    channel = host.open()
    channel.send({"type": "Speak", "text": "Hello.", "options": {"voice": "nobody"}})
    assert "nobody" in (await until(channel, "Failed"))["error"]
    channel.send({"type": "Speak", "text": "Hello."})
    await until(channel, "Done")
    assert host.problem == ""
    await host.close()


@pytest.mark.long
@counted
async def test_one_that_fails_on_audio_alone_stays_shut_out() -> None:
    first = Odd("stt", "moonshine", OPTIONS)
    host = made(lambda: first, inline())
    await host.start()
    first.deaf = True
    channel = opened(host)
    feed(channel, SAID[0])
    with pytest.raises(HostLost, match="it takes no audio"):
        await until(channel, "Final")
    await asyncio.sleep(5 * PROBE_S)
    assert "it takes no audio" in host.problem
    first.deaf = False
    await mended(host)
    await host.close()


@pytest.mark.long
@counted
async def test_an_answer_that_nobody_asked_for_is_passed_on_and_harms_nothing() -> None:
    first = Odd("stt", "moonshine", OPTIONS)
    host = made(lambda: first, inline())
    await host.start()
    channel = opened(host)
    first.opened[0].put({"type": "Final", "text": "unasked", "words": []}, b"")
    assert (await until(channel, "Final"))["text"] == "unasked"
    feed(channel, SAID[1])
    channel.send({"type": "Finalize"})
    assert words((await until(channel, "Final"))["text"]) == SAID[1]
    assert host.problem == ""
    channel.close()
    await host.close()
