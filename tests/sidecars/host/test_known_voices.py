"""Voices of another engine, requested from espeak-ng."""

from __future__ import annotations

import logging

import pytest

from sidecars.host.known_voices import KnownVoices
from sidecars.local.inline import InlineHost


async def length(host: KnownVoices | InlineHost, **options: object) -> int:
    """Bytes of audio; raises if the text fails."""
    channel = host.open()
    channel.send({"type": "Speak", "text": "Hello there, how are you?", "options": options})
    audio = b""
    while (received := await channel.receive())[0]["type"] == "Chunk":
        audio += received[1]
    assert received[0] == {"type": "Done"}
    channel.close()
    return len(audio)


async def test_a_voice_that_is_not_known_is_spoken_with_the_default_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = InlineHost("tts", "espeak", {"voice": "de"})
    host = KnownVoices(inner)
    await host.start()
    caplog.set_level(logging.WARNING)
    plain, slow = await length(host), await length(host, rate=0.6)
    assert await length(host, voice="af_heart", rate=0.6) == pytest.approx(slow, rel=0.01)
    assert await length(host, voice="af_heart") == pytest.approx(plain, rel=0.01)
    (record,) = caplog.records
    assert "'af_heart'" in record.getMessage()
    assert "de, en-us" in record.getMessage()
    assert await length(host, voice="en-us") != pytest.approx(plain, rel=0.01)
    await host.close()


async def test_pronunciations_are_left_out_where_the_engine_has_none_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = KnownVoices(InlineHost("tts", "espeak", {}))
    await host.start()
    for _ in range(2):
        assert await length(host, pronounce={"Hello": "həlˈO"}) == pytest.approx(await length(host), rel=0.01)
    (record,) = caplog.records
    assert "pronunciations" in record.getMessage()
    await host.close()


async def test_a_language_is_a_voice_where_voices_are_named_by_language() -> None:
    host = KnownVoices(InlineHost("tts", "espeak", {}), by_language=True)
    await host.start()
    english, swedish = await length(host), await length(host, voice="sv")
    assert english != pytest.approx(swedish, rel=0.01)
    assert await length(host, language="sv") == pytest.approx(swedish, rel=0.01)
    assert await length(host, language="sv", voice="heart") == pytest.approx(swedish, rel=0.01)
    assert await length(host, language="en-gb", voice="en-us") == pytest.approx(english, rel=0.01)
    assert await length(host, voice="heart") == pytest.approx(english, rel=0.01)
    await host.close()


async def test_everything_else_is_the_inner_hosts() -> None:
    inner = InlineHost("tts", "espeak", {})
    host = KnownVoices(inner)
    assert host.problem == inner.problem != ""
    await host.start()
    assert host.voices == inner.voices
    assert host.open().sample_rate == 22050
    assert host.problem == ""
    await host.close()
