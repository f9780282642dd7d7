"""Synthetic speech, word by word, so that what was heard is known to the sample; and real speech from espeak-ng."""

from __future__ import annotations

import random
import re
from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phone_daemon.events import Speech, WordMark
from phone_daemon.tts.heard import Heard
from phone_daemon.tts.pace import SAMPLES_PER_CHARACTER, Pace
from phone_daemon.tts.voice import Voice
from sidecars.engines.espeak import Espeak
from sidecars.local.inline import InlineHost

SOUND, PAUSE = 800, 400
"""Samples of every word's sound, and of the silence after it."""


def made(text: str, pause: int = PAUSE) -> tuple[bytes, list[WordMark]]:
    """`text` spoken: every word is a burst of noise, then a pause. A lone dash is not a word and has no sound."""
    marks, at, place = [], 0, 0
    for word in text.replace("—", " ").split():
        place = text.index(word, place)
        marks.append(WordMark(at, place, place + len(word)))
        at, place = at + SOUND + pause, place + len(word)
    return (np.full(SOUND, 3000, "<i2").tobytes() + bytes(2 * pause)) * len(marks), marks


def feed(heard: Heard, phrase: str, piece: int = 700, *, marked: bool = True, pause: int = PAUSE) -> None:
    pcm, marks = made(phrase, pause)
    heard.begin(phrase)
    for start in range(0, len(pcm) // 2, piece):
        here = tuple(mark for mark in marks if marked and start <= mark.sample < start + piece)
        heard.add(Speech(pcm[2 * start : 2 * (start + piece)], here))
    heard.end()


def test_a_word_counts_from_the_middle_of_its_sound() -> None:
    heard = Heard()
    feed(heard, "one two three")
    second = SOUND + PAUSE
    assert heard.text(0) == ""
    assert heard.text(SOUND // 2 - 1) == ""
    assert heard.text(SOUND // 2) == "one"
    assert heard.text(second + SOUND // 2 - 1) == "one"
    assert heard.text(second + SOUND // 2) == "one two"
    assert heard.text(2 * second + SOUND) == "one two three"


def test_what_is_owed_begins_with_the_phrase_that_was_cut() -> None:
    heard = Heard()
    feed(heard, "Hello there. ")
    feed(heard, "How are you?")
    half = 2 * (SOUND + PAUSE)
    assert heard.owed(0) == "Hello there. How are you?"
    assert heard.owed(SOUND) == "Hello there. How are you?"
    assert heard.owed(half) == "How are you?"
    assert heard.owed(half + SOUND) == "How are you?"
    assert heard.owed(10**9) == ""


def test_the_pause_after_a_word_is_no_part_of_it() -> None:
    heard = Heard()
    feed(heard, "no, thanks", pause=8000)
    assert heard.text(SOUND // 2) == "no,"
    assert heard.text(SOUND + 8000 + SOUND // 2 - 1) == "no,"


def test_phrases_follow_each_other_and_what_was_not_heard_is_left_over() -> None:
    heard = Heard()
    feed(heard, "Hello there. ")
    feed(heard, "How are you?")
    half = 2 * (SOUND + PAUSE)
    assert heard.split(half) == ("Hello there.", "How are you?")
    assert heard.split(half + SOUND + PAUSE + SOUND // 2) == ("Hello there. How are", "you?")
    assert heard.split(10**9) == ("Hello there. How are you?", "")
    assert heard.split(0) == ("", "Hello there. How are you?")


def test_without_marks_words_are_placed_by_their_characters() -> None:
    heard = Heard()
    feed(heard, "aaaa bbbb cccc", marked=False, pause=0)
    assert [heard.text(played) for played in (300, 800, 1400, 2300)] == ["", "aaaa", "aaaa bbbb", "aaaa bbbb cccc"]


def test_words_between_marks_are_placed_by_their_characters() -> None:
    heard = Heard()
    heard.begin("one two three four")
    heard.add(Speech(np.full(4000, 3000, "<i2").tobytes(), (WordMark(0, 0, 3), WordMark(3000, 14, 18))))
    heard.end()
    assert heard.text(2999) == "one two three"
    assert heard.text(1000) == "one"
    assert heard.text(3600) == "one two three four"


def test_a_phrase_still_being_made_promises_no_word_that_may_yet_come() -> None:
    heard = Heard()
    heard.begin("one two three four five six")
    heard.add(Speech(np.full(1000, 3000, "<i2").tobytes()))
    assert heard.text(1000) == ""
    heard.add(Speech(np.full(4000, 3000, "<i2").tobytes()))
    assert heard.text(5000) == "one two"
    assert len("one two") * SAMPLES_PER_CHARACTER < 5000


def test_a_phrase_still_being_made_is_placed_by_the_pace_of_those_before_it() -> None:
    for sound, heard_of_it in ((1000, "one"), (200, "one two")):
        heard = Heard(Pace())
        heard.begin("aaaa bbbb cccc ")
        heard.add(Speech(np.full(14 * sound, 3000, "<i2").tobytes()))
        heard.end()
        heard.begin("one two three four five six")
        heard.add(Speech(np.full(4000, 3000, "<i2").tobytes()))
        assert heard.text(14 * sound + 4000) == f"aaaa bbbb cccc {heard_of_it}"


def test_several_marks_in_a_word_and_marks_out_of_order_do_no_harm() -> None:
    heard = Heard()
    heard.begin("It costs $5.50 now")
    marks = (
        WordMark(0, 0, 2),
        WordMark(800, 3, 8),
        WordMark(1600, 9, 10),
        WordMark(2400, 10, 14),
        WordMark(2000, 9, 10),
    )
    heard.add(Speech(np.full(4000, 3000, "<i2").tobytes(), (*marks, WordMark(3200, 15, 18))))
    heard.end()
    assert heard.text(1700) == "It costs"
    assert heard.text(2500) == "It costs $5.50"
    assert heard.text(3300) == "It costs $5.50"
    assert heard.text(3600) == "It costs $5.50 now"


def test_what_has_no_sound_was_heard_when_what_follows_it_was() -> None:
    heard = Heard()
    feed(heard, "Hi. ")
    heard.begin("😀 ")
    heard.end()
    feed(heard, "Bye now.")
    assert heard.split(SOUND + PAUSE) == ("Hi. 😀", "Bye now.")
    assert heard.text(SOUND + PAUSE + SOUND) == "Hi. 😀 Bye"
    assert heard.split(SOUND // 4) == ("", "Hi. 😀 Bye now.")


def test_a_phrase_cut_by_a_fault_and_said_again_is_told_as_it_was_heard() -> None:
    heard = Heard()
    heard.begin("one two three")
    pcm, marks = made("one two three")
    heard.add(Speech(pcm[: 2 * 2500], tuple(marks)))
    feed(heard, "one two three")
    assert heard.split(10**9) == ("one two one two three", "")
    heard = Heard()
    heard.begin("one two three")
    feed(heard, "one two three")
    assert heard.split(10**9) == ("one two three", "")


def test_a_tone_in_between_shifts_what_comes_after_it() -> None:
    heard = Heard()
    feed(heard, "one ")
    heard.begin("lost ")
    heard.silence(4000)
    feed(heard, "two")
    assert heard.text(SOUND + PAUSE + 4000) == "one"
    assert heard.text(SOUND + PAUSE + 4000 + SOUND) == "one two"


def test_a_phrase_is_shown_when_it_begins_to_play() -> None:
    heard = Heard()
    assert heard.phrase_begun(0, 0) is None
    feed(heard, "one two ")
    feed(heard, "three")
    assert heard.phrase_begun(0, 0) is None
    assert heard.phrase_begun(0, 160) == "one two "
    assert heard.phrase_begun(1, 2 * (SOUND + PAUSE)) is None
    assert heard.phrase_begun(1, 2 * (SOUND + PAUSE) + 1) == "three"
    assert heard.phrase_begun(2, 10**9) is None


PHRASES = st.lists(
    st.lists(st.sampled_from(["one", "two,", "naïve", "x", "10:30", "a.m.", "—", "Goodbye!"]), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
).map(lambda phrases: [" ".join(words) + " " for words in phrases])


@settings(max_examples=40, deadline=None)
@given(PHRASES, st.integers(50, 5000), st.booleans(), st.lists(st.integers(0, 50_000), min_size=2, max_size=8))
def test_no_word_is_invented_and_none_is_lost(phrases: list[str], piece: int, marked: bool, played: list[int]) -> None:
    heard = Heard()
    for phrase in phrases:
        feed(heard, phrase, piece, marked=marked)
    text = "".join(phrases)
    before = ""
    for samples in sorted(played):
        said, rest = heard.split(samples)
        assert (said + " " + rest).split() == text.split()
        assert said.startswith(before), "what was heard stays heard"
        before = said
        if marked:
            words, got = text.replace("—", " ").split(), said.replace("—", " ").split()
            assert got == words[: len(got)]
            assert (samples + PAUSE) // (SOUND + PAUSE) <= len(got) or len(got) == len(words)
            assert len(got) <= -(-samples // (SOUND + PAUSE))
    assert heard.split(10**9) == (text.rstrip(), "")


@pytest.mark.parametrize("marked", [True, False])
def test_real_speech_is_heard_word_by_word(marked: bool) -> None:
    text = "Good morning, you have reached the dental clinic. It is 10:30 a.m. now."
    truth: list[WordMark] = []
    heard, at = Heard(), 0
    heard.begin(text)
    for chunk in Espeak().speak(text, {}, lambda: False):
        marks = tuple(WordMark(*mark) for mark in chunk.marks)
        truth += marks
        heard.add(Speech(chunk.pcm, marks if marked else ()))
        at += len(chunk.pcm) // 2
    heard.end()
    words, off = text.split(), 0
    for n, mark in enumerate(truth):
        end = truth[n + 1].sample if n + 1 < len(truth) else at
        got = len(heard.text((mark.sample + end) // 2 + 1).split())
        if marked:
            assert got == n + 1, words[n]
            assert len(heard.text(mark.sample + (end - mark.sample) // 10).split()) == n
        off = max(off, abs(got - (n + 1)))
    assert off <= (0 if marked else 2)


SAID = {
    "your": "your", "visit": "visit", "on": "on", "costs": "costs", "and": "and", "please": "please", "bring": "bring",
    "**both**": "both", "parents,": "parents,", "appointment": "appointment", "tomorrow;": "tomorrow;",
    "£4.50": "four pounds fifty", "$1,299.99": "one thousand two hundred and ninety-nine dollars ninety-nine",
    "10:30": "ten thirty", "9-5": "nine to five", "50%": "fifty percent", "482209,": "four eight two two zero nine,",
    "info@example.com": "info at example dot com", "&": "and", "1st": "first", "8pm": "eight p.m.",
    "https://www.example.com/menu": "example dot com slash menu", "[us](https://x.org/a9)": "us",
    "3.14": "three point one four",
}  # fmt: skip
"""Written words and their spoken forms, known without `speakable`."""


async def test_cut_anywhere_what_is_remembered_is_what_was_played_to_the_word() -> None:
    off: dict[str, list[int]] = {"marked": [], "unmarked": []}
    draw, engine = random.Random(7), Espeak()
    host = InlineHost("tts", "espeak", {})
    await host.start()
    voice = Voice(host, {})
    for _ in range(10):
        written = draw.choices(list(SAID), k=10)
        phrase, said = " ".join(written), " ".join(SAID[word] for word in written)
        owners = [n for n, word in enumerate(written) for _ in SAID[word].split()]
        begins, audio = dict[int, float](), b""
        for chunk in engine.speak(said, {}, lambda: False):
            audio += chunk.pcm
            for sample, start, _ in chunk.marks:
                begins.setdefault(owners[len(re.findall(r"\S+", said[:start]))], sample * 8000 / engine.sample_rate)
        loud = np.flatnonzero(np.abs(np.frombuffer(audio, "<i2").astype(int)) > 100)
        last = loud[-1] * 8000 / engine.sample_rate
        starts = [begins[n] for n in range(len(written))]
        heards = {name: Heard() for name in off}
        for heard in heards.values():
            heard.begin(phrase, voice.spoken(phrase))
        async for speech in voice.speak(phrase):
            heards["marked"].add(speech)
            heards["unmarked"].add(Speech(speech.pcm))
        for name, heard in heards.items():
            heard.end()
            for played in draw.sample(range(round(last)), 10):
                got = heard.text(played).split()
                assert got == written[: len(got)]
                begun = bisect_right(starts, played)
                off[name].append(max(len(got) - begun, begun - 1 - len(got), 0))
    voice.close()
    await host.close()
    assert len(off["marked"]) == len(off["unmarked"]) == 100
    assert max(off["marked"]) == 0
    assert max(off["unmarked"]) <= 1


def test_a_tone_in_the_middle_of_a_phrase_cuts_it_and_what_had_no_sound_is_dropped() -> None:
    heard = Heard()
    pcm, _ = made("one two")
    heard.begin("one two three four ")
    marks = tuple(WordMark(n * (SOUND + PAUSE), 4 * n, 4 * n + 3) for n in range(2))
    heard.add(Speech(pcm, marks))
    heard.silence(1000)
    assert heard.split(10**6) == ("one two", "")


@pytest.mark.parametrize("marked", [True, False])
def test_a_voices_pace_is_learned_from_all_of_a_phrase(marked: bool) -> None:
    pace, expected = Pace(), Pace()
    text = "one two three four"
    feed(Heard(pace), text, marked=marked)
    expected.learn(len(text), 4 * (SOUND + PAUSE) - PAUSE)
    assert pace.samples_per_character == expected.samples_per_character


def test_a_voices_pace_goes_on_from_reply_to_reply() -> None:
    pace, text = Pace(), "one two three four"
    for _ in range(50):
        feed(Heard(pace), text, marked=False)
    heard = Heard(pace)
    heard.begin(text)
    pcm, _ = made(text)
    heard.add(Speech(pcm[: len(pcm) // 2], ()))
    assert heard.text(len(pcm) // 4) == "one two"
    strange = Heard()
    strange.begin(text)
    strange.add(Speech(pcm[: len(pcm) // 2], ()))
    assert strange.text(len(pcm) // 4) == "one"
