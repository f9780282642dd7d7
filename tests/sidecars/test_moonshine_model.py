"""Moonshine's encoder and decoder on a natural voice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidecars.engines.digit_words import DigitWords
from sidecars.engines.expected_words import ExpectedWords
from sidecars.engines.moonshine_model import MoonshineModel
from sidecars.engines.moonshine_weights import find
from sidecars.spoken_digits import begins_number
from tests.sidecars.grammars import vocabulary
from tests.sidecars.natural import said

SENTENCE = "I would like to see somebody about a broken tooth."


@pytest.fixture(scope="module")
def model() -> MoonshineModel:
    weights = find()
    return MoonshineModel(weights.encoder, weights.decoder, weights.tokenizer)


def heard(model: MoonshineModel, text: str, noise: float = 0.0) -> Any:
    """`noise`: its amplitude relative to the voice's (rms)."""
    voice = np.frombuffer(said(text), "<i2").astype(np.float32) / 32768
    hiss = np.random.default_rng(5).standard_normal(len(voice)) * voice.std() * noise
    return model.encode(voice + hiss.astype(np.float32))


def texts(model: MoonshineModel, ranked: Any) -> Any:
    return [model.tokens.text(each.tokens) for each in ranked]


def test_a_person_is_understood(model: MoonshineModel) -> None:
    assert texts(model, model.decode(heard(model, SENTENCE)))[0] == SENTENCE


def test_a_beam_gives_ranked_alternatives(model: MoonshineModel) -> None:
    ranked = model.decode(heard(model, SENTENCE, noise=0.5), beam=4)
    assert len(set(texts(model, ranked))) == len(ranked) > 1
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)


def test_where_speech_is_clear_a_beam_takes_little_more_than_no_beam(
    model: MoonshineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = heard(model, SENTENCE)
    rows: list[int] = []
    step = model._runs.step

    def counted(_: Any, tokens: Any, *given: Any) -> Any:
        rows.append(len(tokens))
        return step(_, tokens, *given)

    monkeypatch.setattr(model._runs, "step", counted)
    assert texts(model, model.decode(encoded, beam=4))[0] == SENTENCE
    assert sum(rows) < 2 * len(rows)


def test_a_guess_changes_nothing_but_the_work(model: MoonshineModel, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = heard(model, SENTENCE)
    steps: list[None] = []
    step = model._runs.step

    def counted(*given: Any) -> Any:
        steps.append(None)
        return step(*given)

    monkeypatch.setattr(model._runs, "step", counted)
    whole = model.decode(encoded)[0]
    alone, wrong = len(steps), whole.tokens[5] + 1
    for guess in ((), whole.tokens[:3], whole.tokens, (*whole.tokens, 500), (*whole.tokens[:5], wrong, 500)):
        steps.clear()
        again = model.decode(encoded, guess=guess)[0]
        assert again.tokens == whole.tokens
        assert again.logprobs == pytest.approx(whole.logprobs, abs=0.05)  # 8-bit weights: rows are scaled together
        right = len(whole.tokens) if len(guess) >= len(whole.tokens) else min(len(guess), 5)
        assert len(steps) == alone - right


def test_work_is_broken_off_by_whoever_is_polled(model: MoonshineModel) -> None:
    class Enough(Exception):
        pass

    steps = 0

    def poll() -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise Enough

    with pytest.raises(Enough):
        model.decode(heard(model, SENTENCE), poll=poll)


def test_a_loop_has_an_end(model: MoonshineModel) -> None:
    noise = np.random.default_rng(5).normal(0, 0.3, 16000).astype(np.float32)
    for beam in (1, 4):
        ranked = model.decode(model.encode(noise), beam=beam)
        assert len(ranked[0].tokens) < 16


def test_expected_words_win_where_the_sound_leaves_a_choice(model: MoonshineModel) -> None:
    pieces = [model.tokens.piece(token) for token in range(len(model.tokens))]
    number = "four eight two two, oh nine three seven"
    digits = ExpectedWords(pieces, {"": ["four eight two two oh nine three seven"]}, "", 1.0)
    encoded = heard(model, number)
    assert "four" not in texts(model, model.decode(encoded, beam=4))[0].lower()
    biased = texts(model, model.decode(encoded, beam=4, bias=digits))[0].lower()
    assert biased.replace(",", "").strip(".") == number.replace(",", "")


def test_what_nobody_expects_comes_out_as_without_bias(model: MoonshineModel) -> None:
    pieces = [model.tokens.piece(token) for token in range(len(model.tokens))]
    other = ExpectedWords(pieces, {"": ["where is my parcel", "four eight two two"]}, "", 1.0)
    assert texts(model, model.decode(heard(model, SENTENCE), beam=4, bias=other))[0] == SENTENCE


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    weights = find()
    broken = tmp_path / "encoder.ort"
    broken.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"encoder\.ort: onnxruntime cannot load it"):
        MoonshineModel(broken, weights.decoder, weights.tokenizer)
    with pytest.raises(ValueError, match="not a Moonshine encoder with a merged decoder"):
        MoonshineModel(weights.decoder, weights.encoder, weights.tokenizer)


@pytest.mark.long
def test_a_number_is_found_among_numbers_of_its_length(model: MoonshineModel) -> None:
    encoded = heard(model, "It's four seven one, three five nine, two eight.")
    numbers = DigitWords(vocabulary(), 8, 8)
    eight = model.restricted(encoded, numbers, beam=8)
    assert numbers.value(model.tokens.text(eight[0].tokens)) == "47135928"
    longer = DigitWords(vocabulary(), 9, 9)
    nine = model.restricted(encoded, longer, beam=8)
    assert len(longer.value(model.tokens.text(nine[0].tokens))) == 9
    assert sum(nine[0].logprobs) < sum(eight[0].logprobs)


@pytest.mark.long
def test_what_leads_up_to_a_number_may_be_anything(model: MoonshineModel) -> None:
    encoded = heard(model, "The card says it's four seven one, three five nine, two eight.")
    free = model.decode(encoded, beam=4)[0].tokens
    lead = next(free[:at] for at in range(len(free)) if begins_number(model.tokens.text(free[at:])))
    numbers = DigitWords(vocabulary(), 8, 8)
    led, alone = (model.restricted(encoded, numbers, lead=each, beam=8)[0] for each in (lead, ()))
    assert led.tokens[: len(lead)] == tuple(lead)
    assert numbers.value(model.tokens.text(led.tokens)) == "47135928"
    assert sum(led.logprobs) > sum(alone.logprobs)
