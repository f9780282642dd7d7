"""Two hosts as one: real engines, and a host that can be told to fall silent."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from sidecars.host.fallback import FallbackHost
from sidecars.host.host import HostLost
from sidecars.local.inprocess import InProcessHost
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.hearing import feed, heard, opened, until

PROBE_S = 0.1


def child() -> SubprocessHost:
    return SubprocessHost("stt", "moonshine", OPTIONS)


def thread() -> InProcessHost:
    return InProcessHost("stt", "moonshine", OPTIONS)


class Mute(InProcessHost):
    """A real engine whose answers can be kept from the client: a server that accepts and never answers."""

    mute = False

    def _told(self, letters):
        if not self.mute:
            super()._told(letters)


def made(first, second=None, kind="stt", **limits):
    return FallbackHost(
        kind, "the server", first, second or thread(), **{"deadline_s": 10.0, "probe_s": PROBE_S, **limits}
    )


async def mended(host):
    async with asyncio.timeout(10):
        while host.problem:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(PROBE_S / 2)


async def said_by(channel):
    """Whether the channel is the second host's."""
    message, _ = await channel.receive()
    assert message["type"] == "Fault"
    return message["error"]


async def test_the_first_is_used_while_it_answers():
    host = made(thread)
    await host.start()
    assert await heard(host, SAID[0]) == SAID[0]
    assert host.problem == ""
    await host.close()
    with pytest.raises(HostLost):
        await until(host.open(), "Final")


async def test_a_first_that_is_not_there_at_start_is_used_as_soon_as_it_is(caplog):
    there = []

    def first():
        return thread() if there else SubprocessHost("stt", "moonshine", OPTIONS, python="/no/such/python")

    host = made(first)
    await host.start()
    assert "/no/such/python" in host.problem
    assert "the server is not used until it answers again" in caplog.text
    channel = opened(host)
    assert "fallback in use: the server: " in await said_by(channel)
    channel.close()
    assert await heard(host, SAID[1]) == SAID[1]
    there.append(True)
    await mended(host)
    assert "the server answers again" in caplog.text
    assert await heard(host, SAID[0]) == SAID[0]
    await host.close()


async def test_a_second_that_cannot_start_is_the_end_of_both():
    host = made(thread, InProcessHost("stt", "no_such", {}))
    with pytest.raises(HostLost, match="no such engine"):
        await host.start()


async def test_a_channel_that_is_lost_shuts_the_first_out_until_it_answers_a_trial():
    host = made(child)
    await host.start()
    channel = opened(host)
    feed(channel, SAID[0])
    await until(channel, "Partial")
    os.kill(host._first.pid, signal.SIGKILL)
    with pytest.raises(HostLost, match="SIGKILL"):
        await until(channel, "Final")
    again = opened(host)
    assert "SIGKILL" in await said_by(again)
    again.close()
    await mended(host)
    assert await heard(host, SAID[2]) == SAID[2]
    await host.close()


async def test_one_that_accepts_and_never_answers_is_given_up_at_the_deadline_and_kept_off(caplog):
    first = Mute("stt", "moonshine", OPTIONS)
    host = made(lambda: first, deadline_s=0.5)
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
    assert asyncio.get_running_loop().time() - began >= 0.5
    for _ in range(3):  # and several trials that it fails
        assert await heard(host, SAID[3]) == SAID[3]
        await asyncio.sleep(0.4)
    assert "no answer to Finalize" in host.problem
    first.mute = False
    await mended(host)
    assert caplog.text.count("is not used until") == 1
    await host.close()


async def test_an_utterance_that_the_first_refuses_is_the_seconds():
    """As when it has no room: a trial that opens nothing would prove nothing."""
    host = made(lambda: InProcessHost("stt", "moonshine", {**OPTIONS, "max_sessions": 1}))
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


async def test_a_cancel_ends_what_is_owed():
    host = made(thread, deadline_s=1.0)
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


async def test_a_voice_that_falls_silent_is_another_voice_for_the_next_text(caplog):
    caplog.set_level(logging.ERROR)
    first = Mute("tts", "espeak", {"voice": "de"})
    host = made(lambda: first, InProcessHost("tts", "espeak", {}), "tts", deadline_s=0.5)
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


async def test_what_one_text_suffers_is_that_texts_alone():
    host = made(lambda: InProcessHost("tts", "espeak", {}), InProcessHost("tts", "espeak", {}), "tts")
    await host.start()
    channel = host.open()
    channel.send({"type": "Speak", "text": "Hello.", "options": {"voice": "nobody"}})
    assert "nobody" in (await until(channel, "Failed"))["error"]
    channel.send({"type": "Speak", "text": "Hello."})
    await until(channel, "Done")
    assert host.problem == ""
    await host.close()
