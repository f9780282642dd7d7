"""The moonshine engine, driven as by a host: audio in 20 ms frames, partials, finals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidecars.engine import EngineFull
from sidecars.engines.digit_words import DigitWords
from sidecars.engines.moonshine import LONGEST, Moonshine, create
from sidecars.engines.moonshine_weights import find
from sidecars.engines.moonshine_words import plain_words
from tests.sidecars.grammars import vocabulary
from tests.sidecars.natural import RATE, said
from tests.sidecars.speech import clicks, hum, line, pink, white

FRAME = 2 * RATE // 50
SENTENCE = "I would like to see somebody about a broken tooth."
NUMBER = "four eight two two, oh nine three seven"
PHRASES = {
    "clinic": {
        "": ["i have a toothache"],
        "digits": ["four eight two two oh nine three seven"],
        "digits_8_8": ["four eight two two oh nine three seven"],
        "digits_7_7": ["four eight two two oh nine three"],
        "yes_no": ["yes", "yes please", "sure", "no", "not quite", "exactly", "correct"],
    }
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Moonshine]:
    engine = create({"phrases": PHRASES})
    yield engine
    assert not any(engine.held().values())


@pytest.fixture
def work(engine: Moonshine, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of audio that went through the encoder, one number per pass."""
    done: list[float] = []
    encode = engine._model.encode

    def counted(audio: Any) -> Any:
        done.append(len(audio) / RATE)
        return encode(audio)

    monkeypatch.setattr(engine._model, "encode", counted)
    return done


def feed(engine: Moonshine, pcm: bytes, session: int = 1) -> Any:
    """The partials that came."""
    told: list[Any] = []
    for at in range(0, len(pcm), FRAME):
        told += engine.step({session: pcm[at : at + FRAME]}).values()
    return told


def heard(engine: Moonshine, pcm: bytes, options: dict[str, Any] | None = None) -> Any:
    engine.open(1, options or {})
    partials = feed(engine, pcm)
    return partials, engine.finalize(1)


@pytest.mark.long
def test_what_is_certain_is_heard_once(engine: Moonshine, work: list[float]) -> None:
    engine.open(1, {"grammar": "clinic"})
    engine.step({1: said(SENTENCE)})
    assert engine.finalize(1).text == SENTENCE
    assert len(work) == 1


def test_an_utterance_is_understood_while_it_is_said(engine: Moonshine) -> None:
    partials, final = heard(engine, said(SENTENCE))
    assert final.text == SENTENCE
    assert len(partials) > 5
    assert "I would like" in " ".join(each.text for each in partials[:4])
    assert partials[-1].text == SENTENCE
    assert final.confidence > 0.5


def test_words_make_up_the_text_and_lie_where_the_voice_is(engine: Moonshine) -> None:
    _, final = heard(engine, said(SENTENCE, before_s=1.0, after_s=0.5))
    assert " ".join(word.text for word in final.words) == final.text
    times = [time for word in final.words for time in (word.start, word.end)]
    assert times == sorted(times)
    length = len(said(SENTENCE, before_s=1.0, after_s=0.5)) / 2 / RATE
    assert times[0] == pytest.approx(1.0, abs=0.2)
    assert times[-1] == pytest.approx(length - 0.5, abs=0.25)


def test_at_the_end_of_turn_the_final_is_there(engine: Moonshine, work: list[float]) -> None:
    engine.open(1, {})
    feed(engine, said(SENTENCE))
    work.clear()
    assert engine.finalize(1).text == SENTENCE
    assert work == []


def test_a_final_that_comes_without_a_pause_is_heard_then(engine: Moonshine, work: list[float]) -> None:
    engine.open(1, {})
    feed(engine, said(SENTENCE, after_s=0.0))
    work.clear()
    assert "broken" in engine.finalize(1).text
    assert len(work) == 1


def test_who_goes_on_after_a_pause_is_heard_whole(engine: Moonshine) -> None:
    _, final = heard(engine, said("I would like to see somebody | about a broken tooth."))
    assert final.text.lower().startswith("i would like to see somebody")
    assert "broken tooth" in final.text


@pytest.mark.long
def test_what_was_said_before_a_pause_is_not_heard_again(engine: Moonshine, work: list[float]) -> None:
    phrases = [
        "I would like to see somebody soon",
        "and then the first thing on my list,",
        "the second one is about a broken tooth",
        "it was on Monday",
    ]
    pcm = said(" | ".join([" ".join(phrases)] * 3))
    engine.open(1, {})
    feed(engine, pcm)
    final = engine.finalize(1)
    assert final.text.lower().count("broken tooth") == 3
    assert final.text.lower().count("monday") == 3
    assert max(work) < 0.4 * len(pcm) / 2 / RATE
    starts = [word.start for word in final.words]
    assert starts == sorted(starts)


def test_partials_do_not_hear_again_what_was_not_said(engine: Moonshine, work: list[float]) -> None:
    engine.open(1, {})
    feed(engine, bytes(3 * 2 * RATE))
    assert work == []
    assert engine.finalize(1).text == ""
    assert work == []


def test_silence_before_the_voice_takes_no_memory(engine: Moonshine) -> None:
    engine.open(1, {})
    feed(engine, bytes(20 * 2 * RATE))
    assert len(engine._sessions[1].audio) < 2 * RATE
    feed(engine, said(SENTENCE))
    final = engine.finalize(1)
    assert final.text == SENTENCE
    assert final.words[0].start == pytest.approx(20.4, abs=0.2)


@pytest.mark.long
def test_speech_without_a_pause_is_cut_and_nothing_of_it_lost(engine: Moonshine, work: list[float]) -> None:
    counting = " ".join(f"and then the {each} thing on my list," for each in
                        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
                         "last"))  # fmt: skip
    pcm = said(counting)
    assert len(pcm) / 2 > 1.5 * LONGEST
    engine.open(1, {})
    partials = feed(engine, pcm)
    assert len(engine._sessions[1].audio) / 2 < LONGEST + RATE
    final = engine.finalize(1)
    assert max(work) < LONGEST / RATE + 1
    words = final.text.lower()
    at = [words.find(each) for each in ("first", "third", "fifth", "seventh", "ninth", "last")]
    assert -1 not in at
    assert at == sorted(at)
    assert words.count("thing on my list") == 11
    assert partials[-1].text.lower().startswith(words[:30])
    assert [word.start for word in final.words] == sorted(word.start for word in final.words)


@pytest.mark.parametrize(
    "noise",
    [
        bytes(2 * 8000),
        line(white(2.0, 0.02)),
        line(pink(2.0, 0.05)),
        line(hum(2.0, 0.1)),
        line(clicks(2.0, 0.8)),
    ],
    ids=["silence", "white", "pink", "hum", "clicks"],
)
def test_what_is_not_speech_gives_no_words(engine: Moonshine, noise: bytes) -> None:
    wide = np.repeat(np.frombuffer(noise, "<i2"), 2).astype("<i2").tobytes()
    partials, final = heard(engine, wide)
    assert partials == []
    assert (final.text, final.words) == ("", ())


@pytest.mark.parametrize("words", ["Thank you.", "Yes.", "No.", "Hello."])
def test_short_answers_survive(engine: Moonshine, words: str) -> None:
    _, final = heard(engine, said(words))
    assert final.text.strip(".!,").lower() == words.strip(".").lower()


def test_what_was_asked_decides_how_it_is_written(engine: Moonshine) -> None:
    _, unasked = heard(engine, said(NUMBER), {"grammar": "clinic"})
    _, asked = heard(engine, said(NUMBER), {"grammar": "clinic", "expected": "digits"})
    assert asked.text.replace(",", "").strip(".").lower() == NUMBER.replace(",", "")
    assert "four" not in unasked.text.lower()


def noisy(pcm: bytes, share: float, seed: int) -> bytes:
    """With white noise of this fraction of the voice's amplitude (rms)."""
    voice = np.frombuffer(pcm, "<i2").astype(float)
    hiss = np.random.default_rng(seed).standard_normal(len(voice)) * voice.std() * share
    return bytes(np.clip(voice + hiss, -32768, 32767).astype("<i2").tobytes())


def final_of(engine: Moonshine, pcm: bytes, options: dict[str, Any]) -> Any:
    engine.open(1, options)
    engine.step({1: pcm})
    return engine.finalize(1)


@pytest.mark.long
def test_in_noise_a_number_has_the_length_that_was_asked_for(engine: Moonshine) -> None:
    in_noise = [noisy(said(NUMBER), share, seed) for share in (0.7, 0.8) for seed in (5, 7)]
    unasked = [final_of(engine, pcm, {"grammar": "clinic"}) for pcm in in_noise]
    asked = [final_of(engine, pcm, {"grammar": "clinic", "expected": "digits_8_8"}) for pcm in in_noise]
    eight = DigitWords(vocabulary(), 8, 8)
    assert not all(eight.fits(final.text) for final in unasked)
    assert all(eight.fits(final.text) for final in asked)


@pytest.mark.long
def test_in_a_pause_a_number_is_told_as_it_sounded() -> None:
    """Its other half may be to come; made as long as the whole one, it would not be waited for."""
    engine = create({"phrases": PHRASES, "weight": 0})
    pcm = noisy(said("It's four one nine seven, oh three double"), 0.3, 5) + bytes(RATE)
    partials, final = heard(engine, pcm, {"grammar": "clinic", "expected": "digits_8_8"})
    eight = DigitWords(vocabulary(), 8, 8)
    assert eight.fits(final.text) and not eight.fits(partials[-1].text)


@pytest.mark.long
def test_what_was_asked_tells_what_was_said_in_noise() -> None:
    """Without any bias: only by what the answers are."""
    answers = ["hold on no", "exactly", "sure", "of course", "not quite", "correct", "uh-huh", "yes", "no"]
    engine = create({"phrases": {"clinic": {"": [], "yes_no": answers}}, "weight": 0})
    for answer, share in (("Of course.", 1.3), ("Not quite.", 1.1)):
        pcm = noisy(said(answer), share, 5)
        asked = final_of(engine, pcm, {"grammar": "clinic", "expected": "yes_no"})
        unasked = final_of(engine, pcm, {"grammar": "clinic"})
        assert plain_words(asked.text) == plain_words(answer) != plain_words(unasked.text)
    other = final_of(engine, said("Not quiet."), {"grammar": "clinic", "expected": "yes_no"})
    assert (other.text, other.others) == ("Not quiet.", ("Not quite.",))


def test_a_short_answer_is_heard_with_its_noise(engine: Moonshine) -> None:
    pcm = noisy(said(SENTENCE), 0.3, 5)
    quiet = {}
    for expected in ("", "yes_no"):
        engine.open(1, {"grammar": "clinic", "expected": expected})
        engine._sessions[1].take(pcm)
        sound = engine._sessions[1].sound(0, len(pcm) // 2)
        engine.cancel(1)
        powers = np.sort(np.square(sound[: len(sound) // 320 * 320]).reshape(-1, 320).mean(1))
        quiet[expected] = powers[: len(powers) // 5].mean() / powers[-len(powers) // 5 :].mean()
    assert quiet[""] < 0.7 * quiet["yes_no"]


def buzz(seed: int) -> bytes:
    """Half a second of a dying buzz, harmonics of 70 to 150 Hz, over a little hiss."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 2) / RATE
    pitch = rng.uniform(70, 150)
    sound = sum(np.sin(2 * np.pi * pitch * each * time) / each for each in range(2, 12)) * np.exp(-time / 0.15)
    audio = 0.001 * rng.standard_normal(2 * RATE)
    audio[RATE // 2 : RATE] += 0.15 * sound
    return bytes((audio * 32767).astype("<i2").tobytes())


def test_a_noise_after_a_question_does_not_answer_it() -> None:
    answers = ["yes", "yes please", "yeah", "sure", "no", "not quite", "exactly", "correct", "mm hmm", "uh huh"]
    engine = create({"phrases": {"clinic": {"": ["i have a toothache"], "yes_no": answers}}})
    asked = {"grammar": "clinic", "expected": "yes_no"}
    assert [final_of(engine, buzz(seed), asked).text for seed in (12, 18, 19, 20, 22)] == [""] * 5


def test_who_does_not_answer_the_question_is_heard_as_well(engine: Moonshine) -> None:
    assert final_of(engine, said(SENTENCE), {"grammar": "clinic", "expected": "yes_no"}).text == SENTENCE


def test_what_else_it_may_have_been_is_told_once_each_and_is_something_else(engine: Moonshine) -> None:
    finals = [final_of(engine, noisy(said(SENTENCE), 1.0, seed), {}) for seed in (5, 6, 7)]
    texts = [[plain_words(text) for text in (final.text, *final.others)] for final in finals]
    assert any(len(words) > 1 for words in texts)
    assert all(len(set(words)) == len(words) for words in texts)


def test_a_dialplan_or_a_question_without_phrases_is_no_fault(engine: Moonshine) -> None:
    _, final = heard(engine, said(SENTENCE), {"grammar": "bakery", "expected": "size"})
    assert final.text == SENTENCE


@pytest.mark.long
def test_two_callers_do_not_hear_each_other(engine: Moonshine) -> None:
    one, other = said(SENTENCE), said("What time do you open on Saturday?")
    engine.open(1, {})
    engine.open(2, {})
    for at in range(0, max(len(one), len(other)), FRAME):
        engine.step({1: one[at : at + FRAME], 2: other[at : at + FRAME]})
    assert engine.finalize(2).text == "What time do you open on Saturday?"
    assert engine.finalize(1).text == SENTENCE


@pytest.mark.long
def test_the_same_audio_gives_the_same_partials(engine: Moonshine) -> None:
    first, _ = heard(engine, said(SENTENCE))
    again, _ = heard(engine, said(SENTENCE))
    assert first == again


def test_a_partial_gives_way_to_whoever_waits_and_comes_later(
    engine: Moonshine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.open(1, {})
    waits = True
    monkeypatch.setattr(engine, "urgent", lambda: waits)
    assert feed(engine, said(SENTENCE)[: 2 * RATE]) == []
    waits = False
    assert feed(engine, said(SENTENCE)[2 * RATE :]) != []
    assert engine.finalize(1).text == SENTENCE


@pytest.mark.long
def test_what_is_behind_gives_fewer_partials(engine: Moonshine, work: list[float]) -> None:
    """A step with much audio means that the machine is busy."""
    heard(engine, said(SENTENCE))
    often = len(work)
    engine.open(1, {})
    pcm = said(SENTENCE)
    for at in range(0, len(pcm), 6 * FRAME):
        engine.step({1: pcm[at : at + 6 * FRAME]})
    assert engine.finalize(1).text == SENTENCE
    assert len(work) - often < 0.8 * often


def test_a_cancelled_utterance_leaves_nothing(engine: Moonshine) -> None:
    engine.open(1, {})
    feed(engine, said(SENTENCE)[: 2 * RATE])
    assert engine.held() == {"sessions": 1}
    engine.cancel(1)
    assert engine.held() == {"sessions": 0}


def test_one_caller_too_many_is_told_so() -> None:
    engine = create({"max_sessions": 1})
    engine.open(1, {})
    with pytest.raises(EngineFull, match="1 utterances are open already"):
        engine.open(2, {})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"wieght": 1}, "'wieght': moonshine knows the options beam, "),
        ({"beam": 0}, "beam 0: expected a whole number from 1 to 16"),
        ({"beam": 2.5}, "beam 2.5: expected a whole number"),
        ({"weight": "much"}, "weight 'much': expected a number from 0 to 10"),
        ({"phrases": ["hello"]}, "phrases: must be a table"),
        ({"model": 7}, "model 7: expected a folder or OWNER/NAME"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        create(options)


@pytest.mark.long
def test_the_model_is_one_of_a_family(tmp_path: Path) -> None:
    for name in ("encoder", "decoder", "tokenizer"):
        path = getattr(find(), name)
        (tmp_path / path.name).symlink_to(path)
    engine = create({"model": str(tmp_path)})
    engine.open(1, {})
    feed(engine, said(SENTENCE))
    assert engine.finalize(1).text == SENTENCE
