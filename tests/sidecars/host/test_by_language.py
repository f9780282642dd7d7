"""Two real engines as one voice, distinguished by the rates of their audio."""

from __future__ import annotations

import asyncio

import pytest

from sidecars.host.by_language import ByLanguage
from sidecars.host.host import HostLost, Message
from sidecars.host.known_voices import KnownVoices
from sidecars.local.inline import InlineHost
from tests.sidecars.speaking import speak, told

ENGLISH, OTHERS = 24000, 22050


def made(*, others: str = "espeak") -> ByLanguage:
    english = KnownVoices(InlineHost("tts", "hibari", {}), pronounces=True)
    return ByLanguage(english, KnownVoices(InlineHost("tts", others, {}), by_language=True), starts_others=True)


@pytest.mark.long
async def test_a_text_goes_to_the_engine_that_speaks_its_language() -> None:
    host = made()
    assert host.problem
    await host.start()
    assert host.problem == ""
    assert list(host.voices) == ["heart"]
    for options, rate in (({}, ENGLISH), ({"language": "en"}, ENGLISH), ({"language": "de"}, OTHERS)):
        channel = host.open()
        speak(channel, "Morgen.", **options)
        assert len((await told(channel))[1]) > 2000
        assert channel.sample_rate == rate
        channel.close()
    await host.close()


@pytest.mark.long
async def test_a_channel_stays_with_the_other_language_and_is_cancelled_there() -> None:
    host = made()
    await host.start()
    channel, heard = host.open(), list[str]()
    done = asyncio.Event()

    def sink(message: Message, pcm: bytes) -> None:
        heard.append(message["type"])
        if message["type"] == "Cancelled":
            done.set()

    channel.listen(sink, heard.append)
    speak(channel, "Morgen. " * 200, language="de")
    channel.send({"type": "Cancel"})
    async with asyncio.timeout(5):
        await done.wait()
    assert channel.sample_rate == OTHERS
    assert heard[-1] == "Cancelled"
    channel.close()
    await host.close()


@pytest.mark.long
async def test_a_host_of_two_of_which_one_cannot_start_does_not() -> None:
    host = made(others="nobody")
    with pytest.raises(HostLost, match="no such engine"):
        await host.start()
    await host.close()
