"""Recognition of telephone speech by pocketsphinx."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from sidecars.engine import EngineFull
from sidecars.engines.pocketsphinx import MAX_SESSIONS, create
from tests.sidecars.clinic import CLINIC, OPTIONS, SAID
from tests.sidecars.speech import caller, clicks, hum, line, pink, white, wide, word_errors

NOTHING_HELD = {"sessions": 0, "decoders": 0}


@pytest.fixture(scope="module")
def engine():
    return create(OPTIONS)


@pytest.fixture
def hear(engine):
    """Understands 8 kHz audio in chunks of 100 ms, as one utterance."""

    def hear(pcm, grammar="clinic"):
        engine.open(0, {"grammar": grammar})
        audio = wide(pcm)
        for begin in range(0, len(audio), 3200):
            engine.step({0: audio[begin : begin + 3200]})
        return engine.finalize(0)

    yield hear
    assert engine.held() == NOTHING_HELD


def test_expected_phrases_are_understood_by_a_decoder_that_never_heard_the_caller_before(hear):
    words = sum(len(text.split()) for text in SAID)
    for voice, most in (("en-us", 0.15), ("en-us+f2", 0.15), ("en-us+m3", 0.25)):
        errors = sum(word_errors(text, hear(caller(text, voice)).text) for text in SAID)
        assert errors / words <= most, voice


@pytest.mark.parametrize("level", [0.2, 0.5, 2.0])
def test_quiet_and_loud_callers_are_understood_alike(hear, level):
    for text in SAID[:3]:
        assert word_errors(text, hear(caller(text, level=level)).text) <= 1


def test_an_unexpected_sentence_gets_less_confidence_than_any_expected_one(hear):
    expected = [hear(caller(text)).confidence for text in SAID]
    for text in ("the weather in london is terrible this winter", "my brother bought a red car from his neighbor"):
        assert hear(caller(text)).confidence < min(expected)


def test_a_word_that_no_phrase_has_can_be_understood(hear):
    """General English keeps a place for it."""
    assert "know" in hear(caller("i don't know")).text.split()


@pytest.mark.parametrize(
    "noise", [np.zeros(16000), white(2, 0.003), white(2, 0.03), pink(2, 0.05), hum(2, 0.1), clicks(2, 0.5)]
)
def test_noise_does_not_become_words(hear, noise):
    assert hear(line(noise)).text == ""


def test_nothing_is_understood_of_nothing(engine, hear):
    assert hear(b"").text == ""
    engine.open(1, {"grammar": "clinic"})
    engine.cancel(1)


def test_grammars_understand_their_own(hear):
    assert hear(caller("where is my parcel"), "parcel").text == "where is my parcel"
    assert hear(caller("where is my parcel"), "clinic").text != "where is my parcel"


def test_the_answers_to_a_question_that_was_asked_are_likelier_and_nothing_else_is_shut_out():
    engine = create({"phrases": {"clinic": {"": [*CLINIC, "mourning", "morning"], "mood": ["mourning"]}}})
    understood = {}
    for number, expected in enumerate(("", "mood", "never heard of")):
        for text in ("mourning", SAID[0]):
            engine.open(number, {"grammar": "clinic", "expected": expected})
            engine.step({number: wide(caller(text))})
            understood[expected, text] = engine.finalize(number).text
    assert understood["mood", "mourning"] == "mourning"  # which sounds like morning
    assert {understood[expected, SAID[0]] for expected in ("", "mood", "never heard of")} == {SAID[0]}
    assert understood["never heard of", "mourning"] == understood["", "mourning"]


def test_partials_grow_into_the_final(engine):
    engine.open(1, {"grammar": "clinic"})
    audio, partials = wide(caller(SAID[0])), []
    for begin in range(0, len(audio), 3200):
        partials += [hypothesis.text for hypothesis in engine.step({1: audio[begin : begin + 3200]}).values()]
    assert engine.finalize(1).text == partials[-1] == SAID[0]
    assert len(partials) == len(set(partials)) > 3  # told when something changed, and only then


def test_many_utterances_share_a_step_and_do_not_mix(engine):
    audio = {number: wide(caller(text)) for number, text in enumerate(SAID[:4], 1)}
    for number in audio:
        engine.open(number, {"grammar": "clinic"})
    for begin in range(0, max(map(len, audio.values())), 3200):
        engine.step({number: pcm[begin : begin + 3200] for number, pcm in audio.items()})
    assert engine.held() == {"sessions": 4, "decoders": 4}
    assert [engine.finalize(number).text for number in audio] == list(SAID[:4])
    assert engine.held() == NOTHING_HELD


def test_a_cancelled_utterance_leaves_nothing_in_the_next_one(engine, hear):
    alone = hear(caller(SAID[1]))
    for number in (1, 2, 3):
        engine.open(number, {"grammar": "clinic"})
        engine.step({number: wide(caller(SAID[0]))})
    for number in (1, 2, 3):
        engine.cancel(number)
    assert engine.held() == NOTHING_HELD
    assert hear(caller(SAID[1])) == alone


def test_a_full_engine_takes_nobody_more(engine):
    for number in range(MAX_SESSIONS):
        engine.open(number, {"grammar": "clinic"})
    with pytest.raises(EngineFull, match="64 utterances"):
        engine.open(MAX_SESSIONS, {"grammar": "clinic"})
    for number in range(MAX_SESSIONS):
        engine.cancel(number)
    assert engine.held() == NOTHING_HELD


def test_an_unknown_grammar_is_refused_by_name(engine):
    with pytest.raises(ValueError, match=r"grammar 'clinc': .*known: clinic, parcel"):
        engine.open(1, {"grammar": "clinc"})
    assert engine.held() == NOTHING_HELD


def test_a_word_that_nobody_can_pronounce_is_reported_with_its_phrase_and_left_out(caplog):
    engine = create({"phrases": {"clinic": ["ask for doctor Xyzzyq, please", *SAID]}})
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "clinic: 'xyzzyq' in the phrase 'ask for doctor Xyzzyq, please'" in record.message
    engine.open(1, {"grammar": "clinic"})
    engine.step({1: wide(caller(SAID[0]))})
    assert engine.finalize(1).text == SAID[0]


def test_a_word_whose_sounds_are_told_is_understood():
    engine = create({"phrases": {"x": ["ask for doctor banoola"]}, "pronunciations": {"Banoola": "B AH N UW L AH"}})
    engine.open(1, {"grammar": "x"})
    engine.step({1: wide(caller("ask for doctor banoola"))})
    assert engine.finalize(1).text == "ask for doctor banoola"


def test_without_phrases_there_is_general_english():
    engine = create({})
    engine.open(1, {})
    engine.step({1: wide(caller("i don't know"))})
    assert "know" in engine.finalize(1).text.split()
