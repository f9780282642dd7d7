"""The real espeak-ng, in this process."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sidecars.engine import Chunk, load
from sidecars.engines.espeak import PIECE_CHARS, Espeak
from sidecars.engines.level import LEVEL_DB, active_level_db
from tests.sidecars.engine_alone import after, never, said


@pytest.fixture(scope="module")
def engine() -> Espeak:
    made: Espeak = load("espeak", {})
    return made


def seconds(engine: Espeak, audio: np.ndarray) -> float:
    return len(audio) / engine.sample_rate


def test_speech_is_as_loud_and_as_long_as_speech_is(engine: Espeak) -> None:
    audio, _ = said(engine, "Good morning, you have reached the dental clinic.")
    assert engine.sample_rate == 22050
    assert 2 < seconds(engine, audio) < 4
    loud = audio[np.abs(audio) > 30].astype(int)
    assert 1500 < np.sqrt(np.mean(loud**2)) < 6000
    assert np.abs(audio).max() < 32767, "not clipped"


def test_each_word_is_marked_where_it_begins(engine: Espeak) -> None:
    text = "Hello there, naïve café — the 2nd émigré costs $5.50 at 10:30. Goodbye!"
    audio, marks = said(engine, text)
    assert [word for _, word in marks] == [word for word in text.split() if word != "—"]
    samples = [sample for sample, _ in marks]
    assert samples == sorted(set(samples))
    assert samples[-1] < len(audio)
    # The pause after "10:30." is the longest silence, and ends where the mark of "Goodbye!" is.
    silent = np.abs(audio) <= 30
    goodbye = samples[-1]
    assert silent[goodbye - 2000 : goodbye - 200].all()
    assert not silent[goodbye : goodbye + 2000].all()


def test_nothing_is_added_after_the_last_word(engine: Espeak) -> None:
    for text in ("Hello.", "Hello", "Hello, ", "Hello...\n\n"):
        audio, _ = said(engine, text)
        loud = np.flatnonzero(np.abs(audio) > 30)
        assert (len(audio) - loud[-1]) / engine.sample_rate < 0.03
        assert loud[0] / engine.sample_rate < 0.03


def test_a_stop_in_mid_phrase_ends_it_within_one_callback(engine: Espeak) -> None:
    questions = 0

    def stop() -> bool:
        nonlocal questions
        questions += 1
        return questions > 3

    text = "This is quite a long sentence, which is going to be stopped somewhere in the middle."
    assert list(engine.speak(text, {}, stop)) == []
    assert questions <= 5, "espeak went on after the callback had told it to stop"


def test_a_stop_between_chunks_lets_no_further_chunk_out(engine: Espeak) -> None:
    got: list[Chunk] = []
    for chunk in engine.speak("A sentence with some words in it. " * 40, {}, lambda: len(got) == 5):
        got.append(chunk)
    assert len(got) == 5


def test_after_a_stop_the_next_phrase_is_whole_and_alone(engine: Espeak) -> None:
    text = "Hello there, how are you?"
    before, marks_before = said(engine, text)
    list(engine.speak("Something else entirely, which nobody is going to hear.", {}, after(4)))
    audio, marks = said(engine, text)
    # espeak's oscillators run on from text to text, so lengths differ by less than a pitch period.
    assert abs(len(audio) - len(before)) < 0.01 * engine.sample_rate
    assert [word for _, word in marks] == [word for _, word in marks_before]


def test_an_abandoned_iterator_leaves_the_engine_free(engine: Espeak) -> None:
    chunks: Iterator[Chunk] = engine.speak("A sentence with some words in it. " * 40, {}, never)
    next(chunks)
    assert seconds(engine, said(engine, "Hello.")[0]) < 1


def test_an_error_in_the_question_reaches_whoever_asked(engine: Espeak) -> None:
    questions = iter([False, False])

    def stop() -> bool:
        try:
            return next(questions)
        except StopIteration:
            raise ConnectionError("the host is gone") from None

    with pytest.raises(ConnectionError, match="the host is gone"):
        list(engine.speak("Hello there, how are you today?", {}, stop))
    assert len(said(engine, "Hello.")[0])


def test_engines_in_one_process_do_not_touch_each_other() -> None:
    first, second = Espeak(), Espeak("de", 2.0)
    text = "Eins zwei drei vier fünf sechs sieben acht. " * 20
    alone = [said(Espeak(), text)[0], said(Espeak("de", 2.0), text)[0]]
    turns = [first.speak(text, {}, never), second.speak(text, {}, never)]
    parts: list[list[bytes]] = [[], []]
    for n in range(2000):
        if (chunk := next(turns[n % 2], None)) is not None:
            parts[n % 2].append(chunk.pcm)
    for n in (0, 1):
        assert np.array_equal(np.frombuffer(b"".join(parts[n]), "<i2"), alone[n])


@pytest.mark.parametrize("text", ["<speak>", "<break time='9s'/>", "[[h@loU]]", "&amp;", "\x01 450S"])
def test_markup_is_text_like_any_other(engine: Espeak, text: str) -> None:
    plain, _ = said(engine, "one two three")
    audio, marks = said(engine, f"{text} one two three")
    assert [word for _, word in marks[-3:]] == ["one", "two", "three"]
    # Neither faster nor slower, and without nine seconds of silence.
    tail = len(audio) - marks[-3][0]
    assert 0.9 < tail / len(plain) < 1.1


def test_a_very_long_text_comes_in_pieces_with_every_word_marked(engine: Espeak) -> None:
    sentence = "This is a sentence of some length, you know, and it has words. "
    text = sentence * 75
    audio, marks = said(engine, text)
    assert [word for _, word in marks] == text.split()
    assert 0.8 < seconds(engine, audio) / (75 * seconds(engine, said(engine, sentence)[0])) < 1.2
    first = next(iter(engine.speak(text, {}, never)))
    assert len(first.pcm) / 2 < 0.2 * engine.sample_rate


def test_a_word_without_end_is_spoken_in_bounded_pieces(engine: Espeak) -> None:
    audio, _ = said(engine, "x" * 10 * PIECE_CHARS)
    assert len(audio)


def test_variants_change_the_pitch(engine: Espeak) -> None:
    def pitch(voice: str) -> float:
        audio, _ = said(engine, "aaah", voice=voice)
        part = audio[2000:6000] - audio[2000:6000].mean()
        correlation = np.correlate(part, part, "full")[len(part) - 1 :]
        lags = np.arange(engine.sample_rate // 350, engine.sample_rate // 60)
        # Two periods are as similar as one: take the first lag that is nearly as good as the best.
        return float(engine.sample_rate / lags[correlation[lags] > 0.85 * correlation[lags].max()][0])

    assert pitch("en-us+f5") > 1.3 * pitch("en-us")


def test_the_level_is_the_same_from_phrase_to_phrase_and_from_voice_to_voice(engine: Espeak) -> None:
    for text in ("Yes.", "One moment, please.", "We are open from half past eight until half past five."):
        for voice in ("en-us", "en-us+Michael", "en-gb", "it"):
            audio = said(engine, text, voice=voice)[0].astype(np.float32) / np.float32(32768)
            level = active_level_db(audio, engine.sample_rate)
            assert level == pytest.approx(LEVEL_DB, abs=0.5), (text, voice)


def test_every_voice_offered_speaks(engine: Espeak) -> None:
    assert engine.voices()[0] == "en-us"
    for voice in engine.voices():
        assert 0.2 < seconds(engine, said(engine, "Hello.", voice=voice)[0]) < 2, voice
    assert Espeak("en-gb+f3").voices()[0] == "en-gb+f3"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"voice": "xx"}, "no such voice or language"),
        ({"voice": "en-us+nobody"}, "no variant 'nobody'"),
        ({"voice": "../../etc/passwd"}, "expected a name"),
        ({"voice": 3}, "expected a name"),
        ({"rate": 9}, "0.5 to 2.5"),
        ({"rate": "fast"}, "0.5 to 2.5"),
        ({"pitch": 1}, "'pitch'"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(engine: Espeak, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        next(engine.speak("Hello.", options, never))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=complaint):
        load("espeak", options)
