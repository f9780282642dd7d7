"""The real hibari, in this process and in a child."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sidecars.engine import load
from sidecars.engines import hibari
from sidecars.engines.hibari import Hibari
from sidecars.engines.hibari_model import WINDOW
from sidecars.engines.level import LEVEL_DB, active_level_db
from sidecars.local.subprocess import SubprocessHost
from sidecars.weights import WeightsMissing
from tests.sidecars.engine_alone import after, never, said
from tests.sidecars.speaking import heard_back, speak, told

SENTENCES = (
    "Welcome to Riverside Dental, how can I help you?",
    "We are open from half past eight until half past five.",
    "Which day would suit you?",
    "One moment, please.",
    "Yes.",
    "I can book or cancel an appointment, tell you our opening hours, or take a message for somebody.",
)


@pytest.fixture(scope="module")
def engine() -> Hibari:
    made: Hibari = load("hibari", {})
    return made


async def test_it_says_the_words(engine: Hibari) -> None:
    audio, _ = said(engine, SENTENCES[0])
    assert await heard_back(audio.tobytes(), engine.sample_rate) == "welcome to riverside dental how can i help you"


@pytest.mark.long
def test_each_word_is_marked_where_it_begins(engine: Hibari) -> None:
    text = "Hello there, naïve café — the 2nd émigré costs $5.50 at 10:30. Goodbye!"
    audio, marks = said(engine, text)
    assert [word for _, word in marks] == [word for word in text.split() if word != "—"]
    samples = [sample for sample, _ in marks]
    assert samples == sorted(set(samples))
    # The pause before "Goodbye!" is the longest silence, and the mark is at its end.
    silent = np.convolve(np.abs(audio) > 100, np.ones(240), "same") == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(int), [0]])))
    begin, end = max(edges.reshape(-1, 2).tolist(), key=lambda run: run[1] - run[0])
    assert end - begin > 0.15 * engine.sample_rate
    assert abs(samples[-1] - end) < 0.08 * engine.sample_rate


def test_the_same_text_gives_the_same_samples_whoever_was_stopped_before_it(engine: Hibari) -> None:
    before, marks = said(engine, SENTENCES[0])
    list(engine.speak(SENTENCES[-1], {}, after(3)))
    again, marks_again = said(engine, SENTENCES[0])
    assert np.array_equal(before, again)
    assert marks == marks_again


@pytest.mark.long
def test_two_engines_give_the_same_samples(engine: Hibari) -> None:
    assert np.array_equal(said(engine, SENTENCES[1])[0], said(load("hibari", {}), SENTENCES[1])[0])


def test_the_level_is_the_same_from_phrase_to_phrase(engine: Hibari) -> None:
    for text in SENTENCES:
        audio, _ = said(engine, text)
        level = active_level_db(audio.astype(np.float32) / np.float32(32768), engine.sample_rate)
        assert level is not None
        assert abs(level - LEVEL_DB) < 2, text
        assert np.abs(audio).max() < 32767


def test_no_silence_is_left_around_a_phrase(engine: Hibari) -> None:
    for text in SENTENCES:
        loud = np.flatnonzero(np.abs(said(engine, text)[0]) > 180)
        assert loud[0] < 0.03 * engine.sample_rate, text
        assert len(said(engine, text)[0]) - loud[-1] < 0.03 * engine.sample_rate, text


def test_windows_join_without_a_click(engine: Hibari) -> None:
    audio = said(engine, SENTENCES[-1])[0].astype(float)
    # A click is broadband: it stands out among the highest frequencies around it.
    steps = np.abs(np.diff(audio, 2))
    frames = steps[: len(steps) // 60 * 60].reshape(-1, 60).max(axis=1)
    local = np.maximum(np.convolve(frames, np.ones(21) / 21, "same"), 60)
    assert (frames / local).max() < 12


def test_a_stop_ends_it_before_the_next_window(engine: Hibari) -> None:
    text = "A sentence with some words in it, and then a few more. " * 10
    whole = sum(len(chunk.pcm) for chunk in engine.speak(text, {}, never))
    got: list[int] = []
    for chunk in engine.speak(text, {}, lambda: len(got) == 2):
        got.append(len(chunk.pcm))
    assert len(got) == 2
    assert sum(got) < whole / 10
    assert max(got) <= 2 * 300 * (WINDOW + 40)


def test_a_long_sentence_begins_with_a_short_piece(engine: Hibari) -> None:
    first = next(iter(engine.speak(SENTENCES[-1] * 3, {}, never)))
    assert 0 < len(first.pcm) / 2 < 0.7 * engine.sample_rate


@pytest.mark.long
async def test_a_pronunciation_is_said_instead_of_what_is_written(engine: Hibari) -> None:
    audio, marks = said(engine, "Hello Xyzzy, welcome.", pronounce={"Xyzzy": "ˈbɑːbərə"})
    assert await heard_back(audio.tobytes(), engine.sample_rate) == "hello barbara welcome"
    assert [word for _, word in marks] == ["Hello", "Xyzzy,", "welcome."]
    assert len(audio) != len(said(engine, "Hello Xyzzy, welcome.")[0])


def pitch_hz(audio: np.ndarray, rate: int) -> float:
    """For the first 0.6 s with a voice: the median over frames of 40 ms, by autocorrelation."""
    size, found = round(0.04 * rate), []
    for begin in range(0, round(0.6 * rate), size // 2):
        frame = audio[begin : begin + size].astype(float)
        alike = np.correlate(frame, frame, "full")[size - 1 :]
        lags = np.arange(rate // 350, rate // 100)
        if alike[lags].max() > 0.6 * alike[0] > 1e6:
            found.append(rate / lags[alike[lags].argmax()])
    return float(np.median(found))


def test_a_sentence_goes_on_where_its_first_phrase_ended(engine: Hibari) -> None:
    """By itself, what follows begins as high as a new sentence."""
    first, then = (
        "I can give you the number of the practice that is open",
        "on Saturday and on Sunday in the afternoon.",
    )
    whole, marks = said(engine, f"{first} {then}")
    at = next(sample for sample, word in marks if word == "on")
    in_one = pitch_hz(whole[at:], engine.sample_rate)
    (alone, _), (after, words) = said(engine, then), said(engine, then, before=first)
    assert [word for _, word in words] == then.split()
    assert pitch_hz(alone, engine.sample_rate) > 1.1 * in_one
    assert abs(pitch_hz(after, engine.sample_rate) / in_one - 1) < 0.05
    assert abs(len(after) - (len(whole) - at)) < 0.1 * engine.sample_rate


@pytest.mark.long
async def test_nothing_of_what_was_before_is_said_again(engine: Hibari) -> None:
    audio, _ = said(engine, "and we close at six.", before="We are open from eight in the morning,")
    assert await heard_back(audio.tobytes(), engine.sample_rate) == "and we close at 6"


@pytest.mark.parametrize("text", ["", "...", "日本語", "—"])
def test_a_text_without_a_word_it_can_say_makes_no_sample_at_all(engine: Hibari, text: str) -> None:
    audio, marks = said(engine, text)
    assert len(audio) == 0
    assert marks == []


@pytest.mark.parametrize(
    "strange", ["日本語", "😀", "a" * 10_000, "1" * 10_000, "Привет", "\ud800", "[x](/y/)", "\u202e"]
)
def test_the_rest_of_a_strange_phrase_is_said(engine: Hibari, strange: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    _, marks = said(engine, f"Hello {strange} there.")
    words = [word for _, word in marks]
    assert (words[0], words[-1]) == ("Hello", "there.")
    assert len(caplog.records) <= 1
    assert all(strange not in record.getMessage() for record in caplog.records)


def test_words_without_a_sound_are_told_in_one_line(engine: Hibari, caplog: pytest.LogCaptureFixture) -> None:
    said(engine, "One 日本語 two. " * 20 + "日本語")
    (record,) = caplog.records
    assert "21" in record.getMessage()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"voice": "emma"}, "there is heart"),
        ({"rate": 9}, "0.5 to 2"),
        ({"rate": "fast"}, "0.5 to 2"),
        ({"pitch": 1}, "'pitch'"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(engine: Hibari, options: dict[str, object], complaint: str) -> None:
    for use in (lambda: next(engine.speak("Hello.", options, never)), lambda: load("hibari", options)):
        with pytest.raises(ValueError, match=complaint) as caught:
            use()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pronounce", "complaint"),
    [
        ({"a": "☃"}, '"☃" is not an English phoneme'),
        ({"a": 3}, "expected words"),
        (["a"], "expected words"),
        ({"a": "str"}, "no vowel"),
    ],
)
def test_a_pronunciation_that_does_not_parse_is_refused(engine: Hibari, pronounce: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        next(engine.speak("Hello.", {"pronounce": pronounce}, never))


@pytest.mark.parametrize("wrong", ["missing", "short", "changed"])
def test_files_that_are_not_the_packages_are_refused_in_one_line(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in hibari._folder().iterdir():
        (tmp_path / "assets").mkdir(exist_ok=True)
        (tmp_path / "assets" / file.name).symlink_to(file)
    changed = tmp_path / "assets" / "normalize.json"
    data = changed.read_bytes()
    changed.unlink()
    if wrong != "missing":
        changed.write_bytes(data[:-10] if wrong == "short" else data[:-1] + b" ")
    monkeypatch.setattr(hibari, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(WeightsMissing) as caught:
        Hibari()
    complaint = str(caught.value)
    assert "normalize.json" in complaint
    assert "pip install" in complaint
    assert "\n" not in complaint


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hibari, "find_spec", lambda name: None)
    with pytest.raises(WeightsMissing, match=r"pip install hibari-tts==0\.2\.1"):
        Hibari()


async def test_in_a_child_it_speaks_and_stops() -> None:
    host = SubprocessHost("tts", "hibari", {})
    await host.start()
    try:
        channel = host.open()
        speak(channel, "Hello there.")
        _, audio = await told(channel)
        assert len(audio) > channel.sample_rate
        speak(channel, SENTENCES[-1] * 20)
        await channel.receive()
        channel.send({"type": "Cancel"})
        await told(channel, "Cancelled")
    finally:
        await host.close()
