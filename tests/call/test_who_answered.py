"""Who answered an outgoing call, tested with recorded and synthetic voices on the sample clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from phone_daemon.call.who_answered import MachineDetector, WhoAnswered, who_answered
from phone_daemon.clock import run_counted
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, Frame
from phone_daemon.media.beep import Beep
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.utterance import Utterance
from phone_daemon.wire.tape import Say, TapeLine
from tests.phone import stt
from tests.sidecars.speech import line, spoken

GREETING = (
    "hello you have reached the office of smith and sons we are away from the desk just now and will be back on monday "
    "morning at nine"
)


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SAMPLE_RATE))


def tone(*hertz: float, seconds: float = 0.4, level: float = 6000) -> bytes:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return sum(level * np.sin(2 * np.pi * each * time) for each in hertz).astype("<i2").tobytes()  # type: ignore[union-attr]


def said(text: str) -> bytes:
    return line(spoken(text))


def judged(pcm: bytes, *, until_beep: bool = False) -> tuple[WhoAnswered | None, float]:
    """The verdict, and the second in which it was reached, or in which a message could be left."""
    detector = MachineDetector(VadSettings())
    for at in range(0, len(pcm) - FRAME_BYTES, FRAME_BYTES):
        position = at // 2
        detector.hear(Frame(position, pcm[at : at + FRAME_BYTES], b"", 0, 0, 0))
        if detector.verdict is not None and (not until_beep or detector.may_speak):
            return detector.verdict, (position + FRAME_SAMPLES) / SAMPLE_RATE
    return None, len(pcm) / 2 / SAMPLE_RATE


@pytest.mark.parametrize("words", ["hello", "good morning", "smith and sons how can i help you"])
def test_a_person_says_a_word_and_waits(words: str) -> None:
    speech = said(words)
    verdict, second = judged(silence(0.5) + speech + silence(3))
    assert verdict is WhoAnswered.PERSON
    assert second < 0.5 + len(speech) / 2 / SAMPLE_RATE + 1.2


def test_who_says_nothing_is_spoken_to() -> None:
    verdict, second = judged(silence(8))
    assert verdict is WhoAnswered.PERSON
    assert 3.5 < second < 4.5


def test_who_talks_on_is_a_machine_and_its_beep_is_waited_for() -> None:
    speech = said(GREETING)
    whole = silence(0.5) + speech + silence(0.6) + tone(1000) + silence(2)
    verdict, second = judged(whole)
    assert verdict is WhoAnswered.MACHINE
    assert second < 4.5
    verdict, second = judged(whole, until_beep=True)
    end = 0.5 + len(speech) / 2 / SAMPLE_RATE + 0.6 + 0.4
    assert verdict is WhoAnswered.MACHINE
    assert end <= second < end + 0.3


def test_a_machine_that_never_beeps_is_spoken_to_at_last() -> None:
    speech = said(GREETING)
    verdict, second = judged(silence(0.5) + speech + silence(6), until_beep=True)
    assert verdict is WhoAnswered.MACHINE
    assert second < 0.5 + len(speech) / 2 / SAMPLE_RATE + 3.5


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("please leave a message after the tone", True),
        ("Hi, I can't come to the phone right now", True),
        ("the person you are calling is not available", True),
        ("welcome to the voicemail of", True),
        ("hello", False),
        ("yes speaking", False),
        ("who is this please", False),
    ],
)
def test_words_tell_a_machine(text: str, machine: bool) -> None:
    detector = MachineDetector(VadSettings())
    detector.understand(text)
    assert (detector.verdict is WhoAnswered.MACHINE) is machine


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("please leave a message", WhoAnswered.MACHINE),
        ("good morning", WhoAnswered.PERSON),
        ("", WhoAnswered.GONE),
    ],
)
def test_a_line_is_listened_to_until_it_is_known_who_is_there(text: str, verdict: WhoAnswered) -> None:
    """The message is over before its length gives it away: its words do."""

    async def listen() -> None:
        await stt().start()
        acts = [Say(silence(0.3) + (said(text) if text else b"") + silence(0.3))]
        tape = TapeLine("out", "reception", "somebody", lambda agent: [acts.pop()] if acts else ())
        ticking = asyncio.create_task(tape.run())
        if not text:
            asyncio.get_running_loop().call_later(1.0, tape.hang_up)
        open_utterance = partial(Utterance, stt(), {})
        assert await who_answered(tape, VadSettings(), open_utterance, until_beep=False) is verdict
        ticking.cancel()

    run_counted(listen())


def heard(pcm: bytes) -> Beep:
    beep = Beep()
    for at in range(0, len(pcm), FRAME_BYTES):
        beep.hear(pcm[at : at + FRAME_BYTES])
    return beep


@pytest.mark.parametrize("hertz", [440.0, 800.0, 1000.0, 1400.0, 2000.0])
def test_a_steady_tone_is_a_beep_once_it_is_over(hertz: float) -> None:
    assert heard(tone(hertz)).sounding
    assert not heard(tone(hertz)).ended
    assert heard(tone(hertz) + silence(0.2)).ended


@pytest.mark.parametrize(
    "sound",
    [
        partial(tone, 697, 1209),
        partial(tone, 1000, seconds=0.1),
        partial(tone, 1000, level=50),
        partial(tone, 3000),
        partial(said, GREETING),
        partial(silence, 1),
    ],
    ids=["a key", "a click", "far away", "too high", "speech", "silence"],
)
def test_other_sounds_are_no_beep(sound: Callable[[], bytes]) -> None:
    assert not heard(sound() + silence(0.3)).ended
