"""The promises that both embedded voices, espeak-ng and hibari, keep."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecars.engine import TtsEngine, load
from tests.sidecars.engine_alone import never, said


@pytest.fixture(scope="module", params=["espeak", "hibari"])
def engine(request: pytest.FixtureRequest) -> TtsEngine:
    made: TtsEngine = load(request.param, {})
    return made


def test_marks_arrive_with_the_audio_in_which_their_words_begin(engine: TtsEngine) -> None:
    at = 0
    for chunk in engine.speak("One two three, four five six. " * 12, {}, never):
        for sample, _, _ in chunk.marks:
            assert at <= sample <= at + len(chunk.pcm) // 2
        at += len(chunk.pcm) // 2


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n", "...", "\x00\x01\x02", "😀👩‍👩‍👧❤️", "\ud800", "\u2028"])
def test_what_cannot_be_spoken_is_no_speech(engine: TtsEngine, text: str) -> None:
    audio, marks = said(engine, text)
    assert len(audio) < 0.05 * engine.sample_rate
    assert marks == []


def test_rate_sets_the_pace(engine: TtsEngine) -> None:
    text = "We are open from half past eight until half past five."
    slow, normal, fast = (len(said(engine, text, rate=rate)[0]) for rate in (0.7, 1.0, 1.6))
    assert slow > 1.2 * normal > 1.44 * fast


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=100))
def test_whatever_the_text_marks_are_its_words_in_order(engine: TtsEngine, text: str) -> None:
    at, words = 0, []
    for chunk in engine.speak(text, {}, never):
        assert len(chunk.pcm) % 2 == 0
        for sample, start, end in chunk.marks:
            assert at <= sample <= at + len(chunk.pcm) // 2
            assert text[start:end].strip() == text[start:end] != ""
            words.append((start, end))
        at += len(chunk.pcm) // 2
    assert words == sorted(set(words))
