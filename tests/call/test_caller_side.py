"""The caller's side by itself: what its utterances expect and hear, and when a pause counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from phone_daemon.call.caller_side import CallerSide
from phone_daemon.events import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    SAMPLE_RATE,
    WIDE_RATE,
    Frame,
    SpeechEnded,
    SpeechStarted,
    WideFrame,
    samples,
)
from phone_daemon.media.wav import read_wav
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.pre_roll import QUIET_S, PreRoll
from phone_daemon.stt.utterance import Utterance
from sidecars.host.channel import QueueChannel
from sidecars.host.host import Message
from sidecars.local.inline import InlineHost
from tests.call.hearing import SETS, Expecting, Hearing, silent
from tests.phone import OPEN, speech
from tests.sidecars.speech import noisy, words

CALLS = Path(__file__).parents[2] / "fixtures" / "calls"


def test_the_pre_roll_is_as_long_as_what_may_have_to_be_heard_again() -> None:
    settings = VadSettings(pre_roll_s=0.4, max_speech_s=15.0)
    pre_roll = PreRoll(settings)
    for tick in range(60 * 50):
        pre_roll.feed(160 * tick, tick.to_bytes(2, "little") * 160)
    everything = pre_roll.since(0)
    assert len(everything) == 2 * round((15.0 + QUIET_S) * SAMPLE_RATE)
    assert everything[-2:] == (2999).to_bytes(2, "little")


@pytest.mark.long
async def test_from_the_next_utterance_on_what_is_expected_is_understood(expecting: Expecting) -> None:
    expecting.side.drop()
    names = {"doctor": "Katherine", "patient": "Catherine", "": await expecting.name()}
    assert names[""] != "Katherine"
    for expected in ("doctor", "patient", "", "doctor"):
        name = names[expected]
        expecting.side.expect(expected)
        expecting.side.drop()
        assert await expecting.name() == name, expected
        assert await expecting.name() == name, expected  # and so does everything that comes after it


@pytest.mark.long
async def test_what_listens_already_keeps_what_it_expected(expecting: Expecting) -> None:
    expecting.side.expect("doctor")
    expecting.side.drop()
    expecting.side.expect("patient")
    assert await expecting.name() == "Katherine"


async def test_a_spare_is_replaced_only_when_something_else_is_expected(expecting: Expecting) -> None:
    for expected in ("", "doctor", "doctor", "patient", "patient"):
        expecting.side.expect(expected)
    assert expecting.opened == ["", "", "doctor", "patient"]


@pytest.mark.long
async def test_spares_that_were_replaced_are_freed(expecting: Expecting) -> None:
    for expected in ("doctor", "patient", "doctor"):
        expecting.side.expect(expected)
    last = expecting.open()
    await last.finalize()
    assert await last.released() == {"sessions": 2}


async def test_a_partial_of_an_utterance_that_is_over_is_not_taken_for_what_the_caller_says_next(
    expecting: Expecting,
) -> None:
    side, over = expecting.side, asyncio.Event()
    side.attend(0)
    channel = side.utterance._channel
    assert isinstance(channel, QueueChannel)
    side.utterance.feed(speech("my name is catherine"))
    side.make_final(lambda pending: over.set())
    side.attend()
    channel.put({"type": "Partial", "text": "my name", "confidence": 1.0}, b"")  # it was on its way
    await over.wait()
    assert words(side.pending.text).startswith("my name is")
    assert side.partial == side.stable == ""


async def test_a_pause_counts_from_the_word_that_was_understood_last(expecting: Expecting) -> None:
    side = expecting.side
    caller = Hearing(side)
    caller.hear(speech("my name is catherine") + silent(0.3))
    assert not side.paused(samples(0.2))  # nothing was understood
    caller.understand("my name is catherine")
    assert not side.paused(samples(0.2))
    caller.hear(silent(0.24))
    assert side.paused(samples(0.2))


async def test_a_pause_after_which_the_caller_goes_on_is_known_in_its_length(expecting: Expecting) -> None:
    """Though it was taken for the end of the turn."""
    caller = Hearing(expecting.side)
    caller.hear(silent(1.0) + speech("my name is catherine") + silent(1.2) + speech(OPEN))
    longest = max(expecting.side.endpointing.evidence("", 0).pauses_s)
    assert 1.2 <= longest < 1.8  # the recordings begin and end with a little silence


async def test_while_the_words_before_it_are_not_known_a_pause_is_none(expecting: Expecting) -> None:
    side, known = expecting.side, asyncio.Event()
    caller = Hearing(side)
    caller.hear(speech("my name is catherine"))
    side.make_final(lambda pending: known.set())
    side.attend()
    caller.understand("thank you")
    caller.hear(silent(0.4))
    assert not side.paused(samples(0.2))
    await known.wait()
    await asyncio.sleep(0)
    assert side.paused(samples(0.2))


async def test_who_is_not_listened_to_or_calls_for_more_has_not_paused(expecting: Expecting) -> None:
    side = expecting.side
    caller = Hearing(side)
    caller.hear(speech("my name is catherine"))
    caller.understand("my name is")
    caller.hear(silent(0.3))
    assert not side.paused(samples(0.2))
    caller.understand("my name is catherine")
    caller.hear(silent(0.3))
    assert side.paused(samples(0.2))
    assert not side.paused(samples(0.5))  # it was understood less than half a second ago
    side.drop()
    caller.hear(silent(0.3))
    assert not side.paused(samples(0.2))


async def test_how_long_the_caller_is_listened_to_is_counted_from_the_onset(expecting: Expecting) -> None:
    side = expecting.side
    caller = Hearing(side)
    caller.hear(silent(0.5))
    assert side.attended_s == 0.0
    side.attend(side.position - samples(0.1))
    caller.hear(silent(0.4))
    assert side.attended_s == pytest.approx(0.5)
    side.drop()
    assert side.attended_s == 0.0
    side.attend()
    caller.hear(silent(0.2))
    assert side.attended_s == pytest.approx(0.2)


async def test_words_are_stable_once_they_have_stood_for_the_window_though_nothing_more_is_recognized(
    expecting: Expecting,
) -> None:
    side = expecting.side
    caller, partials = Hearing(side), []
    side.on_partial = lambda: partials.append(side.partial)
    side.pending.said.append("Yes.")
    side.attend()
    caller.understand("i would like")
    assert partials == ["i would like"]
    assert side.so_far == "Yes. i would like"
    caller.hear(silent(TurnSettings().stable_s - 0.02))
    assert side.stable == ""
    caller.hear(silent(0.02))
    assert side.stable == "i would like"
    side.drop()
    assert (side.stable, side.so_far) == ("", "Yes.")


@pytest.mark.parametrize(("before_s", "after_s"), [(3.0, 0.1), (0.1, 3.0)])
async def test_how_loud_the_caller_is_shows_in_their_voice_not_in_silence(
    expecting: Expecting, before_s: float, after_s: float
) -> None:
    levels = []
    for before, after in ((0.1, 0.1), (before_s, after_s)):
        side = CallerSide(
            expecting.open, VadSettings(), TurnSettings(), spawn=asyncio.create_task, tell=lambda kind, data: None
        )
        Hearing(side).hear(silent(before) + speech("my name is catherine") + silent(after))
        side.near.learn()
        levels.append(side.near.usual_db)
        side.close()
    assert levels[0] is not None and levels[0] == pytest.approx(levels[1], abs=0.5)


async def test_a_soft_caller_is_noticed_sooner_once_it_is_known_how_loud_they_are(expecting: Expecting) -> None:
    noticed = {}
    for known in (False, True):
        side = CallerSide(
            expecting.open, VadSettings(), TurnSettings(), spawn=asyncio.create_task, tell=lambda kind, data: None
        )
        caller = Hearing(side)
        for name in ("booking", "day", "time", "yes"):
            voice = 0.15 * np.frombuffer(read_wav(CALLS / "books_an_appointment" / f"{name}.wav"), "<i2")
            caller.hear(voice.astype("<i2").tobytes() + silent(2.0))
            if known:
                side.near.learn()
        noticed[known] = [each.position for each in caller.events if isinstance(each, SpeechStarted)]
        side.close()
    assert noticed[True][0] == noticed[False][0]
    assert sum(noticed[True]) < sum(noticed[False])


@pytest.mark.parametrize(("gain", "doubted", "hints"), [(1.0, False, True), (0.05, False, False), (1.0, True, False)])
async def test_neither_far_softer_sounds_nor_the_agents_own_hint_at_the_caller(
    expecting: Expecting, gain: float, doubted: bool, hints: bool
) -> None:
    side = expecting.side
    said = speech("my name is catherine")
    caller = Hearing(side)
    caller.hear(said + silent(2.0))
    side.near.learn()
    agent = np.full(FRAME_SAMPLES, 3000, "<i2").tobytes()
    voice = (gain * np.frombuffer(said, "<i2")).astype("<i2").tobytes()
    hum = (3000 * np.sin(2 * np.pi * 50 * np.arange(samples(1.0)) / SAMPLE_RATE)).astype("<i2").tobytes()
    sound = silent(2.0) + voice
    heard = likely = stirring = sounding = False
    for begin in range(0, len(sound) - FRAME_BYTES, FRAME_BYTES):
        side.hear(Frame(side.position, sound[begin:][:FRAME_BYTES], agent, 1, 0, 0), doubted=doubted)
        heard, likely = heard or side._sound.new, likely or side.probability > 0.5
        stirring, sounding = stirring or side.stirring, sounding or side.sounding
    assert heard and likely and (stirring, sounding) == (hints, hints)
    caller.position = side.position
    caller.hear(hum)
    assert side.near.may_be_near and not side.stirring and not side.sounding  # it is as loud, and goes on as it is


class KeepingHost(InlineHost):
    """A host that records the audio its engine gets."""

    def __init__(self) -> None:
        super().__init__("stt", "moonshine", {"phrases": {"clinic": SETS}})
        self.audio: list[bytes] = []

    def open(self, call: str = "") -> QueueChannel:
        channel = super().open(call)
        send = channel.send

        def keep(message: Message, payload: bytes = b"") -> None:
            self.audio.append(payload)
            send(message, payload)

        channel.send = keep  # type: ignore[method-assign]
        return channel


@pytest_asyncio.fixture
async def keeping() -> AsyncIterator[KeepingHost]:
    host = KeepingHost()
    await host.start()
    yield host
    await host.close()


async def test_the_recognizer_of_a_wideband_call_hears_16_khz_from_the_pre_roll_on(keeping: KeepingHost) -> None:
    """… to the sample, while everything that decides hears 8 kHz."""
    side = CallerSide(
        lambda expected: Utterance(keeping, {"grammar": "clinic"}, rate=WIDE_RATE),
        VadSettings(pre_roll_s=0.4),
        TurnSettings(),
        spawn=asyncio.create_task,
        tell=lambda kind, data: None,
        rate=WIDE_RATE,
    )
    rng = np.random.default_rng(1)
    narrow = speech(OPEN)
    sent = []
    for position in range(0, len(narrow) // 2 - FRAME_SAMPLES, FRAME_SAMPLES):
        pcm = narrow[2 * position :][:FRAME_BYTES]
        sent.append(rng.integers(-99, 99, 2 * FRAME_SAMPLES).astype("<i2").tobytes())
        for event in side.hear(WideFrame(position, pcm, b"", 0, 0, 0, sent[-1], b"")):
            if isinstance(event, SpeechStarted):
                onset = event.onset
                side.attend(onset)
    heard = b"".join(keeping.audio)
    assert heard == b"".join(sent)[-len(heard) :]
    assert len(heard) == 4 * min(side.position, side.position - onset + samples(0.4))
    side.close()


async def test_an_answer_is_heard_from_where_the_agent_fell_silent(expecting: Expecting) -> None:
    """Anything else from a pre-roll before it was noticed."""
    side = expecting.side
    caller = Hearing(side)

    def fed() -> float:
        """Seconds of audio that the utterance gets at once, of a voice that sets in now."""
        side.attend(side.position)
        audio = len(side.utterance._audio)
        side.drop()
        return audio / 2 / SAMPLE_RATE

    usual = pytest.approx(VadSettings().pre_roll_s)
    caller.hear(silent(1.0))
    caller.hear(silent(0.5), has_floor=True)
    assert fed() == usual
    side.expect("doctor")
    assert fed() == pytest.approx(0.5)
    caller.hear(silent(0.2), has_floor=True)
    assert fed() == pytest.approx(0.7)
    caller.hear(silent(0.1))
    assert fed() == usual
    caller.hear(silent(0.6), has_floor=True)
    assert fed() == pytest.approx(0.6)


@pytest.mark.parametrize(("asked", "has_floor", "heard"), [("doctor", True, 1), ("", True, 0), ("doctor", False, 0)])
async def test_a_short_word_in_noise_is_heard_only_as_an_answer(
    expecting: Expecting, asked: str, has_floor: bool, heard: int
) -> None:
    expecting.side.expect(asked)
    caller = Hearing(expecting.side)
    caller.hear(noisy("sure", "traffic", 10) + silent(1.0), has_floor=has_floor)
    assert sum(isinstance(event, SpeechStarted) for event in caller.events) == heard


async def test_a_voice_is_judged_from_its_onset_not_from_when_it_was_noticed(expecting: Expecting) -> None:
    side = expecting.side
    caller = Hearing(side)
    caller.hear(silent(1.0))
    said = speech("my name is catherine")
    while not side.speaking:
        caller.hear(said[:FRAME_BYTES])
        said = said[FRAME_BYTES:]
    frames = (side.position - side.onset) // FRAME_SAMPLES
    assert frames > 3
    assert len(side.near._voice) == side.near._frames == frames
    assert side.attended_s == (side.position - side.onset) / SAMPLE_RATE


async def test_the_end_of_what_was_said_is_not_heard_again_with_the_next_words(expecting: Expecting) -> None:
    side = expecting.side
    side.expect("doctor")
    side.drop()
    caller = Hearing(side)
    caller.hear(silent(0.5) + speech("my name is catherine"), has_floor=True)
    while side.speaking:
        caller.hear(silent(0.02), has_floor=True)
    side.drop()
    side.attend(side.position)
    assert isinstance(ended := caller.events[-1], SpeechEnded)
    assert len(side.utterance._audio) // 2 == side.position - ended.last < samples(QUIET_S)
    assert side.pending.endpoint


@pytest.mark.parametrize(
    ("said", "before", "recorded"),
    [([], False, True), (["Hello."], False, False), (["Hold the line, please."], True, True)],
)
async def test_a_turn_is_a_recording_only_if_all_of_it_is(
    expecting: Expecting, said: list[str], before: bool, recorded: bool
) -> None:
    side = expecting.side
    side.pending.said, side.pending.recorded = said, before
    caller = Hearing(side)
    caller.hear(speech("my name is catherine"))
    side.recurrence.recurs = True
    caller.hear(silent(2.0))
    assert side.pending.recorded is recorded
    caller.hear(speech("my name is catherine") + silent(2.0))
    assert not side.pending.recorded
