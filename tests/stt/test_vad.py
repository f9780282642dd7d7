"""When the caller speaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.line import LEAD_S
from phone_daemon.events import SAMPLE_RATE, SpeechEnded, SpeechStarted
from phone_daemon.media.wav import read_wav
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.vad import LONGEST_GAP, Vad
from sidecars.silero import WINDOW
from tests.sidecars.speech import clicks, hum, line, noisy, pink, spoken, white

SETTINGS = VadSettings()
CALLS = Path(__file__).parents[2] / "fixtures" / "calls"
FRAME = 320


def heard(audio: Any, settings: Any = SETTINGS, frame: int = FRAME) -> Any:
    """What the VAD says about `audio` (full scale 1), fed in frames."""
    vad, events, pcm = Vad(settings), [], line(audio)
    for begin in range(0, len(pcm), frame):
        events += vad.feed(begin // 2, pcm[begin : begin + frame])
    return events


def saying(text: str, *, before: float = 0.73, after: Any = 1.0, voice: str = "en-us", noise: float = 0.002) -> Any:
    """`text` on a telephone line, and the positions of its first and last loud sample."""
    voiced = spoken(text, voice)
    loud = np.flatnonzero(np.abs(voiced) > 0.1 * np.abs(voiced).max())
    lead = round(8000 * before)
    audio = np.concatenate([np.zeros(lead), voiced, np.zeros(round(8000 * after))])
    return audio + white(len(audio) / 8000, noise), lead + int(loud[0]), lead + int(loud[-1])


TEXTS = ("what are your opening hours", "no", "yes please", "monday morning", "i need to cancel my appointment")


@pytest.mark.parametrize("voice", ["en-us", "en-us+f2"])
@pytest.mark.parametrize("noise", [0.0005, 0.01])
@pytest.mark.parametrize("text", TEXTS)
def test_speech_starts_once_and_ends_once_where_it_does(text: str, noise: float, voice: str) -> None:
    audio, first, last = saying(text, noise=noise, voice=voice)
    started, ended = heard(audio)
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert abs(started.onset - first) <= 0.1 * 8000
    assert -0.1 * 8000 <= ended.last - last <= 0.35 * 8000  # the model releases a voice slowly, the more so in noise


@pytest.mark.parametrize("close", [True, False])
def test_a_voice_that_counted_as_far_at_first_is_heard_from_its_beginning_if_it_is_the_caller_s(close: bool) -> None:
    audio, first, _ = saying("i need to cancel my appointment")
    vad, pcm, started = Vad(SETTINGS), line(audio), []
    for begin in range(0, len(pcm), FRAME):
        vad.far = begin // 2 < first + 4000
        vad.close = close and not vad.far
        started += [
            each for each in vad.feed(begin // 2, pcm[begin : begin + FRAME]) if isinstance(each, SpeechStarted)
        ]
    (start,) = started
    assert start.position >= first + 4000
    assert (abs(start.onset - first) <= 800) is close


def test_speech_is_guessed_before_it_is_sure_and_silence_is_not() -> None:
    for text in TEXTS:
        audio, _, _ = saying(text)
        vad, pcm = Vad(SETTINGS), line(audio)
        first = started = 0
        for begin in range(0, len(pcm), FRAME):
            events = vad.feed(begin // 2, pcm[begin : begin + FRAME])
            first = first or (vad.stirring and begin // 2)
            if events and isinstance(events[0], SpeechStarted):
                started = events[0].position
                break
        assert 0 < first <= started - 2 * WINDOW
        quiet = Vad(SETTINGS)
        quiet.feed(0, line(white(2.0, 0.002)))
        assert not quiet.stirring


def test_speech_is_noticed_within_130_ms_as_often_as_not_and_always_within_250() -> None:
    delays = []
    for text in TEXTS:
        audio, first, _ = saying(text)
        delays.append((heard(audio)[0].position - first) / 8)
    assert sorted(delays)[len(delays) // 2] <= 130
    assert max(delays) <= 250


@pytest.mark.parametrize("louder_db", [-20.0, -14.0, 12.0])
def test_a_caller_who_is_known_to_be_soft_or_loud_is_noticed_as_soon_as_any(louder_db: float) -> None:
    def noticed(louder_db: float, level_db: float | None) -> list[float]:
        delays = []
        for text in TEXTS:
            audio, first, _ = saying(text)
            vad, pcm = Vad(SETTINGS), line(audio * 10 ** (louder_db / 20))
            vad.level_db = level_db
            started = (event for at in range(0, len(pcm), FRAME) for event in vad.feed(at // 2, pcm[at : at + FRAME]))
            delays.append((next(started).position - first) / 8)
        return delays

    usual_db = -20.0
    known = noticed(louder_db, usual_db + louder_db)
    assert all(late <= usual + 40 for late, usual in zip(known, noticed(0.0, usual_db), strict=True))  # a window
    assert sum(known) < sum(noticed(louder_db, None))


def test_the_end_is_told_min_silence_after_the_last_speech() -> None:
    audio, _, _ = saying("yes please")
    for silence in (0.3, 0.5, 0.8):
        ended = heard(audio, replace(SETTINGS, min_silence_s=silence))[1]
        assert 0 <= ended.position - ended.last - 8000 * silence < WINDOW + 160


def test_a_pause_shorter_than_min_silence_is_part_of_the_speech() -> None:
    first, begin, _ = saying("i would like to book", after=0.2)
    second, _, end = saying("an appointment", before=0.0)
    started, ended = heard(np.concatenate([first, second]))
    assert abs(started.onset - begin) < 800
    assert abs(ended.last - len(first) - end) < 2000


def test_a_longer_pause_ends_it() -> None:
    once, _, _ = saying("yes please")
    assert [type(event) for event in heard(np.concatenate([once, once]))] == [SpeechStarted, SpeechEnded] * 2


@pytest.mark.parametrize(
    "noise",
    [
        np.zeros(40000),
        *(white(5, level) for level in (0.001, 0.01, 0.1)),
        *(pink(5, level) for level in (0.001, 0.01, 0.1)),
        hum(5, 0.1),
        clicks(5, 0.8),
        white(5, 0.1) * (np.arange(40000) % 8000 < 1200),
    ],
    ids=[
        "silence",
        *(f"{kind}{level}" for kind in ("white", "pink") for level in (0.001, 0.01, 0.1)),
        "hum",
        "clicks",
        "bursts",
    ],
)
def test_noise_is_not_speech(noise: str) -> None:
    assert heard(noise) == []


def test_a_sound_shorter_than_min_speech_has_an_onset_and_no_more() -> None:
    audio, _, _ = saying("no")
    vad, noticed = Vad(replace(SETTINGS, min_speech_s=1.0)), False
    for begin in range(0, len(audio) - 160, 160):
        assert vad.feed(begin, line(audio[begin : begin + 160])) == []
        noticed = noticed or vad.onset is not None
        assert not vad.speaking
    assert noticed
    assert vad.onset is None


def test_while_speech_runs_its_onset_is_known() -> None:
    audio, first, _ = saying("what are your opening hours", after=0.0)
    vad = Vad(SETTINGS)
    vad.feed(0, line(audio))
    assert vad.speaking
    assert abs(vad.onset - first) <= 800


@pytest.mark.parametrize("frame", [2, 2 * 37, 320, 4096])
def test_the_length_of_frames_changes_nothing_but_when_it_is_decided(frame: int) -> None:
    audio, _, _ = saying("yes please")
    decided = [getattr(event, "onset", None) or event.last for event in heard(audio, frame=frame)]
    assert decided == [getattr(event, "onset", None) or event.last for event in heard(audio)]


def test_a_hole_in_the_audio_counts_as_silence() -> None:
    audio, _, _ = saying("yes please", after=0.0)
    vad = Vad(SETTINGS)
    (started,) = vad.feed(0, line(audio))
    resumed = len(audio) + 8000
    (ended,) = vad.feed(resumed, bytes(FRAME))
    assert isinstance(started, SpeechStarted) and isinstance(ended, SpeechEnded)
    assert started.onset < ended.last <= len(audio)
    assert ended.position <= resumed + 160


def test_after_an_endless_hole_positions_are_right_and_it_costs_no_more_than_a_second() -> None:
    vad = Vad(SETTINGS)
    far = 10**9
    assert vad.feed(far, bytes(FRAME)) == []
    audio, first, _ = saying("yes please")
    (started, *_) = vad.feed(far + 160, line(audio))
    assert isinstance(started, SpeechStarted)
    assert abs(started.onset - far - 160 - first) <= 800
    assert LONGEST_GAP == 8000


def test_audio_from_the_past_is_refused() -> None:
    vad = Vad(SETTINGS)
    vad.feed(0, bytes(FRAME))
    with pytest.raises(ValueError, match="audio at 0 after audio up to 160"):
        vad.feed(0, bytes(FRAME))


def test_two_calls_do_not_hear_each_other() -> None:
    audio, _, _ = saying("yes please")
    pcm, alone = line(audio), heard(audio)
    mine, other, events = Vad(SETTINGS), Vad(SETTINGS), []
    loud = line(spoken("what are your opening hours"))
    for begin in range(0, len(pcm), FRAME):
        events += mine.feed(begin // 2, pcm[begin : begin + FRAME])
        other.feed(begin // 2, (loud[begin : begin + FRAME] + bytes(FRAME))[: len(pcm[begin : begin + FRAME])])
    assert events == alone


@pytest.mark.parametrize("noise", ["hum", "knocks"])
def test_a_noise_that_sets_in_out_of_silence_is_not_speech_wherever_the_windows_fall(noise: str) -> None:
    pcm = read_wav(CALLS / "makes_noise" / f"{noise}.wav")
    for phase in range(0, WINDOW, 12):
        assert Vad(SETTINGS).feed(0, bytes(2 * (8000 + phase)) + pcm) == []


@pytest.mark.parametrize(
    ("text", "noise", "snr_db"),
    [("yes", "traffic", 5), ("yeah", "white", 5), ("sure", "traffic", 10), ("no", "traffic", 5)],
)
def test_a_short_word_in_noise_is_speech_if_it_is_awaited(text: str, noise: str, snr_db: float) -> None:
    pcm, started = noisy(text, noise, snr_db), []
    for awaited in (True, False):
        vad, events = Vad(SETTINGS), []
        vad.awaited = awaited
        for begin in range(0, len(pcm), FRAME):
            events += vad.feed(begin // 2, pcm[begin : begin + FRAME])
        started.append([event.onset for event in events if isinstance(event, SpeechStarted)])
    (onset,), unawaited = started
    assert abs(onset - (0.5 + LEAD_S) * SAMPLE_RATE) <= 0.2 * SAMPLE_RATE
    assert unawaited == []
