"""The voice with real espeak-ng: in this process, and in a child process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from phone_daemon.clock import run_counted
from phone_daemon.events import SAMPLE_RATE, WIDE_RATE, Speech
from phone_daemon.tts.heard import Heard
from phone_daemon.tts.kept_speech import KeptSpeech
from phone_daemon.tts.voice import TtsLost, Voice
from sidecars.host.host import Host
from sidecars.local.inline import InlineHost
from sidecars.local.subprocess import SubprocessHost
from sidecars.resample import Resampler

LONG = "This is a sentence that goes on for quite some time, so that there is time to stop it. " * 3


def voice_of(host: Host, **options: object) -> Voice:
    return Voice(host, options)


SHARED = pytest.mark.asyncio(loop_scope="module")
"""The test uses an engine that the others use, too."""


@pytest_asyncio.fixture(params=[InlineHost, SubprocessHost], scope="module", loop_scope="module")
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    made: Host = request.param("tts", "espeak", {})
    await made.start()
    yield made
    await made.close()


async def spoken(voice: Voice, phrase: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
    speech = [piece async for piece in voice.speak(phrase)]
    audio = np.frombuffer(b"".join(piece.pcm for piece in speech), "<i2").astype(int)
    return audio, [(mark.sample, phrase[mark.start : mark.end]) for piece in speech for mark in piece.marks]


@SHARED
async def test_a_phrase_comes_at_8_khz_with_its_words_marked_in_it(host: Host) -> None:
    phrase = "Hello there, **naïve** 😀 café. It is 10:30."
    audio, marks = await spoken(voice_of(host), phrase)
    assert [word for _, word in marks] == ["Hello", "there,", "**naïve**", "café.", "It", "is", "10:30."]
    assert 2 < len(audio) / SAMPLE_RATE < 4
    it = marks[4][0]
    assert (np.abs(audio[it - 1000 : it - 100]) <= 30).all(), "the pause between the sentences lies before its mark"
    assert (np.abs(audio[it : it + 800]) > 300).any()


@SHARED
async def test_for_a_wideband_line_it_comes_at_16_khz_too_sample_for_sample(host: Host) -> None:
    phrase = "Six of us, since yesterday."
    narrow, words = await spoken(voice_of(host), phrase)
    pieces = [piece async for piece in Voice(host, {}, wide=True).speak(phrase)]
    assert all(len(piece.wide) == 2 * len(piece.pcm) for piece in pieces)
    halved, wide = (
        np.frombuffer(b"".join(each), "<i2") for each in zip(*((p.pcm, p.wide) for p in pieces), strict=True)
    )
    assert abs(len(halved) - len(narrow)) <= 1
    marks = [mark for piece in pieces for mark in piece.marks]
    assert [phrase[mark.start : mark.end] for mark in marks] == [word for _, word in words]
    assert all(abs(mark.sample - at) <= 2 for mark, (at, _) in zip(marks, words, strict=True))
    # They are the same sound up to 3 kHz; and there is an "s" that a telephone cannot carry.
    down = Resampler(WIDE_RATE, SAMPLE_RATE)
    same = np.frombuffer(down.feed(wide.tobytes()) + down.flush(), "<i2")
    here, there = (np.abs(np.fft.rfft(each))[: len(each) * 3 // 8] for each in (halved, same))
    assert np.linalg.norm(here - there) < 0.05 * np.linalg.norm(there)
    spectrum = np.abs(np.fft.rfft(wide))
    assert spectrum[len(spectrum) // 2 :].sum() > 0.05 * spectrum.sum()


@SHARED
async def test_a_telephone_and_a_wideband_line_share_nothing_that_is_kept(host: Host) -> None:
    kept = KeptSpeech()
    recited = []
    for wide in (False, True, True, False):
        voice = Voice(host, {}, kept=kept, fixed=["Hello."], wide=wide)
        pieces = [piece async for piece in voice.speak("Hello.")]
        assert bool(pieces[0].wide) is wide
        recited.append(voice.recited)
    assert recited == [False, False, True, True]


@SHARED
async def test_what_every_call_says_is_spoken_once(host: Host) -> None:
    kept = KeptSpeech()

    async def said(phrase: str, before: str = "", **options: object) -> tuple[list[Speech], bool]:
        voice = Voice(host, options, kept=kept, fixed=["Is that {day}? hello there. How are you, on {day}?"])
        try:
            return [speech async for speech in voice.speak(phrase, before)], voice.recited
        finally:
            voice.close()

    first, recited = await said("Hello there.")
    assert first and not recited
    assert await said("Hello there.") == (first, True)
    assert not (await said("Hello there.", rate=0.7))[1]
    assert not (await said("Hello there. "))[1] and (await said("Hello there. "))[1]
    assert not (await said("How are you, "))[1] and (await said("How are you, "))[1]


@pytest.mark.parametrize(
    ("phrase", "before"), [("On Friday?", ""), ("Is that Friday? ", ""), ("How are you, ", "Ann, ")]
)
@SHARED
async def test_what_a_caller_has_said_is_not_kept_for_others(host: Host, phrase: str, before: str) -> None:
    kept = KeptSpeech()
    for _ in range(2):
        voice = Voice(host, {}, kept=kept, fixed=["Is that {day}? How are you, on {day}?"])
        assert [piece async for piece in voice.speak(phrase, before)]
        assert not voice.recited
        voice.close()


@SHARED
async def test_what_is_broken_off_is_not_kept(host: Host) -> None:
    kept = KeptSpeech()
    voice = Voice(host, {}, kept=kept, fixed=[LONG])
    async for _ in voice.speak(LONG):
        await voice.cancel()
    for recited in (False, True):
        async for _ in voice.speak(LONG):
            pass
        assert voice.recited is recited


@SHARED
async def test_pieces_are_small_and_marks_come_with_the_piece_they_point_into(host: Host) -> None:
    at, pieces = 0, 0
    async for speech in voice_of(host).speak(LONG):
        samples = len(speech.pcm) // 2
        assert samples <= 0.35 * SAMPLE_RATE
        assert all(at <= mark.sample < at + samples for mark in speech.marks)
        at, pieces = at + samples, pieces + 1
    assert pieces > 50


@SHARED
async def test_a_pause_follows_only_where_another_phrase_does(host: Host) -> None:
    voice = voice_of(host)
    last, _ = await spoken(voice, "Hello.")
    followed, _ = await spoken(voice, "Hello. ")
    assert 0.25 < (len(followed) - len(last)) / SAMPLE_RATE < 0.35
    assert not followed[-2000:].any()


@SHARED
async def test_rate_and_voice_reach_the_engine(host: Host) -> None:
    slow, _ = await spoken(voice_of(host, rate=0.7), "Hello there, how are you?")
    fast, _ = await spoken(voice_of(host, rate=1.5, voice="en-gb"), "Hello there, how are you?")
    assert len(slow) > 1.6 * len(fast)


@pytest.mark.parametrize("phrase", ["", " ", "😀", "**", "...\n"])
@SHARED
async def test_what_has_no_sound_is_no_speech(host: Host, phrase: str) -> None:
    assert (await spoken(voice_of(host), phrase))[0].size == 0


@SHARED
async def test_a_cancel_ends_the_phrase_and_nothing_of_it_comes_later(host: Host) -> None:
    voice = voice_of(host)
    plain, _ = await spoken(voice, "Yes.")
    speech = voice.speak(LONG)
    await anext(speech)
    await voice.cancel()
    assert [piece async for piece in speech] == []
    again, marks = await spoken(voice, "Yes.")
    assert [word for _, word in marks] == ["Yes."]
    assert abs(len(again) - len(plain)) < 0.01 * SAMPLE_RATE


@SHARED
async def test_a_cancel_while_another_task_waits_for_speech_ends_that_wait(host: Host) -> None:
    voice = voice_of(host)
    got: list[Speech] = []

    async def take() -> None:
        got.extend([piece async for piece in voice.speak(LONG)])

    task = asyncio.create_task(take())
    await asyncio.sleep(0)
    await voice.cancel()
    await task
    assert sum(len(piece.pcm) for piece in got) / 2 / SAMPLE_RATE < 12
    assert len((await spoken(voice, "Yes."))[1]) == 1


@SHARED
async def test_a_task_cancelled_in_mid_phrase_leaves_the_voice_usable(host: Host) -> None:
    voice = voice_of(host)

    has_speech = asyncio.Event()

    async def take() -> None:
        async for _ in voice.speak(LONG):
            has_speech.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(take())
    await has_speech.wait()
    task.cancel()
    await asyncio.gather(asyncio.wait([task]), voice.cancel())
    assert [word for _, word in (await spoken(voice, "Yes, please."))[1]] == ["Yes,", "please."]


@SHARED
async def test_leaving_the_speech_early_stops_the_engine_for_the_next_phrase(host: Host) -> None:
    voice = voice_of(host)
    for _ in range(3):
        async for _ in voice.speak(LONG):
            break
    assert [word for _, word in (await spoken(voice, "Yes."))[1]] == ["Yes."]


@SHARED
async def test_a_cancel_with_nothing_to_stop_returns(host: Host) -> None:
    voice = voice_of(host)
    await voice.cancel()
    await spoken(voice, "Yes.")
    await voice.cancel()
    await voice.cancel()


@SHARED
async def test_two_calls_share_an_engine_and_a_cancel_touches_only_its_own(host: Host) -> None:
    one, other = voice_of(host), voice_of(host)
    speaking = asyncio.create_task(spoken(other, LONG))
    first = one.speak(LONG)
    await anext(first)
    await one.cancel()
    _, marks = await speaking
    assert [word for _, word in marks] == LONG.split()


@SHARED
async def test_a_refused_option_is_told_and_the_voice_stays_usable(host: Host) -> None:
    voice = voice_of(host, voice="nobody")
    for _ in range(2):
        with pytest.raises(TtsLost, match="voice 'nobody'"):
            await spoken(voice, "Hello.")


@pytest.mark.parametrize("kind", [InlineHost, SubprocessHost])
async def test_a_host_that_is_shut_down_loses_the_voice(kind: type[InlineHost | SubprocessHost]) -> None:
    host = kind("tts", "espeak", {})
    await host.start()
    voice = voice_of(host)
    speech = voice.speak(LONG)
    await anext(speech)
    await host.close()
    with pytest.raises(TtsLost):
        [piece async for piece in speech]
    await voice.cancel()


@SHARED
async def test_a_closed_voice_lets_go_of_its_channel(host: Host) -> None:
    voice = voice_of(host)
    speech = voice.speak(LONG)
    await anext(speech)
    voice.close()
    voice.close()
    assert [piece async for piece in speech] == []


def children() -> set[int]:
    """Child processes of this one."""
    task = f"/proc/self/task/{os.getpid()}/children"
    with open(task) as file:  # noqa: PTH123
        return {int(pid) for pid in file.read().split()}


async def test_an_engine_killed_in_mid_phrase_is_told_and_the_next_phrase_is_spoken() -> None:
    before = children()
    host = SubprocessHost("tts", "espeak", {})
    await host.start()
    try:
        voice = voice_of(host)
        await spoken(voice, "Hello.")
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)
        with pytest.raises(TtsLost):
            for _ in range(50):
                await spoken(voice, LONG)
        assert [word for _, word in (await spoken(voice, "Hello again."))[1]] == ["Hello", "again."]
    finally:
        await host.close()


async def test_an_engine_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phone_daemon.tts.voice.PATIENCE_S", 0.05)
    before = children()
    host = SubprocessHost("tts", "espeak", {})
    await host.start()
    try:
        voice = voice_of(host)
        (child,) = children() - before
        os.kill(child, signal.SIGSTOP)
        try:
            with pytest.raises(TtsLost, match=r"no speech within 0\.05 s"):
                await spoken(voice, "Hello.")
        finally:
            os.kill(child, signal.SIGCONT)
    finally:
        await host.close()


def on_the_sample_clock(main: Callable[[Voice], Any]) -> Any:
    async def run() -> Any:
        host = InlineHost("tts", "espeak", {})
        await host.start()
        try:
            return await main(voice_of(host))
        finally:
            await host.close()

    return run_counted(run())


def test_on_the_sample_clock_speech_takes_no_time_and_is_the_same_every_time() -> None:
    async def main(voice: Voice) -> tuple[bytes, float]:
        pcm = b"".join([piece.pcm for phrase in ("Hello. ", LONG) async for piece in voice.speak(phrase)])
        return pcm, asyncio.get_running_loop().time()

    first, again = on_the_sample_clock(main), on_the_sample_clock(main)
    assert first == again
    assert first[1] == 0


async def test_a_sentence_goes_on_after_what_was_spoken_of_it() -> None:
    host = InlineHost("tts", "hibari", {})
    await host.start()
    voice, made = voice_of(host), []
    for before in ("", "We are open from half past 8 until 5, "):
        speech = [piece async for piece in voice.speak("and on Friday until four.", before)]
        made.append(b"".join(piece.pcm for piece in speech))
        assert len([mark for piece in speech for mark in piece.marks]) == 5
    assert made[0] != made[1]
    assert len(made[1]) == pytest.approx(len(made[0]), rel=0.25)
    await host.close()


def test_another_language_is_not_said_in_english() -> None:
    host = InlineHost("tts", "espeak", {})
    assert voice_of(host).spoken("Um 10:30.").text == "Um ten thirty."
    for options in ({"language": "de"}, {"language": "de", "voice": "heart"}, {"voice": "de+f2"}):
        assert voice_of(host, **options).spoken("Um 10:30.").text == "Um 10:30."


@SHARED
async def test_what_was_heard_follows_from_what_was_played(host: Host) -> None:
    voice, heard = voice_of(host), Heard()
    phrases = ["Good morning, ", "you have reached the *dental* clinic. ", "How can I help?"]
    starts, samples = [], 0
    for phrase in phrases:
        starts.append(samples)
        heard.begin(phrase)
        async for speech in voice.speak(phrase):
            heard.add(speech)
            samples += len(speech.pcm) // 2
        heard.end()
    for n, start in enumerate(starts):
        assert heard.text(start) == "".join(phrases[:n]).rstrip()
        assert heard.phrase_begun(n, start) is None
        assert heard.phrase_begun(n, start + 1) == phrases[n]
    assert heard.split(samples) == ("".join(phrases), "")
