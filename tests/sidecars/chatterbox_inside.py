"""Chatterbox in its own environment: `test_chatterbox.py` runs this file there, with a checkpoint made for it.

The code and the watermark are the real ones, but the weights are random: the output is noise of a known length.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sidecars.engines import chatterbox
from sidecars.engines.chatterbox_model import Model, Sampler, Sound
from tests.sidecars.chatterbox_alone import SAMPLES, TEXT, TINY, TOKENS, never, spoken


@pytest.fixture(scope="module")
def voice_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = np.arange(3 * 16_000) / 16_000
    buzz = sum(np.sin(2 * np.pi * n * 190 * at) / n for n in range(1, 12)) * (1 + np.sin(25 * at)) * 0.1
    file = tmp_path_factory.mktemp("voices") / "anna.wav"
    soundfile.write(file, buzz, 16_000)
    return file


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The tokens sampled so far."""
    tokens: list[int | None] = []
    real = Sampler.next

    def count(self: Sampler) -> int | None:
        tokens.append(real(self))
        return tokens[-1]

    monkeypatch.setattr(Sampler, "next", count)
    return tokens


# ------------------------------------------------------------------------------------------------------- streaming


def test_speech_begins_before_the_last_token_is_sampled(
    engine: chatterbox.Chatterbox, sampled: list[int | None], plain: np.ndarray
) -> None:
    known = []
    parts = []
    for chunk in engine.speak(TEXT, {"seed": 1}, never):
        known.append(len(sampled))
        parts.append(len(chunk.pcm) // 2)
    assert known == [20, 50, 56]  # the last is the end
    assert parts == [15 * 960, 30 * 960, 10 * 960]


def test_the_same_seed_says_it_the_same_way(engine: chatterbox.Chatterbox, plain: np.ndarray) -> None:
    assert len(plain) == SAMPLES
    np.testing.assert_array_equal(spoken(engine), plain)
    assert (spoken(engine, seed=2) != plain).any()


def test_parts_continue_each_other(model: Model) -> None:
    """The result in parts is close to the result at once, also at the seams: same noise, same phases."""
    tokens = list(range(100, 100 + TOKENS))
    at_once, by_part = (
        Sound(model._s3gen, lambda wave, sample_rate: wave, model.built_in().gen, 1.0, seed=1) for _ in range(2)
    )
    whole = at_once.extend(tokens, last=True)
    parts = [by_part.extend(tokens[:20]), by_part.extend(tokens[:45]), by_part.extend(tokens, last=True)]
    joined = np.concatenate(parts)
    assert joined.shape == whole.shape
    for seam in np.cumsum([len(part) for part in parts])[:-1]:
        around = slice(seam - 20, seam + 20)
        step = np.abs(np.diff(joined[around])).max()
        assert step <= 1.5 * np.abs(np.diff(whole[seam - 4800 : seam + 4800])).max()
    assert np.corrcoef(joined, whole)[0, 1] > 0.5


def test_a_slower_or_faster_voice_takes_more_or_less_time(engine: chatterbox.Chatterbox) -> None:
    for rate in (0.8, 1.25):
        assert abs(len(spoken(engine, rate=rate)) - SAMPLES / rate) <= 2 * 480


def test_long_texts_are_said_piece_by_piece_and_empty_ones_not_at_all(engine: chatterbox.Chatterbox) -> None:
    assert len(spoken(engine, "This is a sentence of forty characters. " * 7)) == 2 * SAMPLES
    for nothing in ("", "  ", "?!", "…"):
        assert len(spoken(engine, nothing)) == 0


def test_a_text_without_an_end_is_cut_short(
    engine: chatterbox.Chatterbox,
    sampled: list[int | None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine._model._t3.hp, "stop_speech_token", 8000)  # one that is never sampled
    assert len(spoken(engine, "No end.")) == SAMPLES  # after that, everything that the checkpoint samples is silent
    assert len(sampled) == 75 + 4 * len("No end.")
    assert "found no end to a text of 7 characters" in caplog.text


# -------------------------------------------------------------------------------------------------------- stopping


@pytest.mark.parametrize("after", [0, 1, 7, 33])
def test_it_stops_between_tokens(engine: chatterbox.Chatterbox, sampled: list[int | None], after: int) -> None:
    chunks = list(engine.speak(TEXT, {"seed": 1}, lambda: len(sampled) >= after))
    assert len(sampled) == after
    assert len(chunks) == (1 if after > 20 else 0)


def test_it_stops_in_the_middle_of_making_sound(
    engine: chatterbox.Chatterbox, sampled: list[int | None], plain: np.ndarray
) -> None:
    asked = []

    def stop() -> bool:
        if len(sampled) < 20:
            return False
        asked.append(True)
        return len(asked) > 100

    assert list(engine.speak(TEXT, {"seed": 1}, stop)) == []
    assert len(sampled) == 20
    assert len(asked) == 101  # asked once more, and never again
    np.testing.assert_array_equal(spoken(engine), plain)  # and nothing of it is left


def test_a_listener_who_leaves_stops_it_too(engine: chatterbox.Chatterbox) -> None:
    speech = engine.speak(TEXT, {"seed": 1}, never)
    next(speech)
    assert isinstance(speech, Generator)
    speech.close()
    assert engine._model._stop is not never


# ----------------------------------------------------------------------------------------------- voices and options


def test_a_recording_is_a_voice(engine: chatterbox.Chatterbox, voice_file: Path, plain: np.ndarray) -> None:
    cloned = spoken(engine, voice_file=str(voice_file))
    assert len(cloned) == SAMPLES
    assert (cloned != plain).any()


def test_a_folder_of_recordings_is_a_choice_of_voices(
    engine: chatterbox.Chatterbox, voice_file: Path, plain: np.ndarray
) -> None:
    (voice_file.parent / "readme.txt").write_text("not a voice")
    many = chatterbox.create({"model": str(TINY), "voices": str(voice_file.parent), "voice": "anna", "threads": 1})
    assert many.voices() == ("anna", "default")
    np.testing.assert_array_equal(spoken(many), spoken(engine, voice_file=str(voice_file)))
    np.testing.assert_array_equal(spoken(many, voice="default"), plain)
    with pytest.raises(ValueError, match="voice 'otto': there is 'default', 'anna'"):
        spoken(many, voice="otto")


def test_a_recording_that_is_recorded_again_is_heard(engine: chatterbox.Chatterbox, tmp_path: Path) -> None:
    file, noise = tmp_path / "voice.wav", np.random.default_rng(1)
    heard = []
    for level in (0.01, 0.2):
        soundfile.write(file, noise.normal(0, level, 48_000), 16_000)
        heard.append(spoken(engine, voice_file=str(file)))
    assert (heard[0] != heard[1]).any()


def test_a_file_that_is_no_voice_is_refused_in_one_line(engine: chatterbox.Chatterbox, tmp_path: Path) -> None:
    short, text = tmp_path / "short.wav", tmp_path / "text.wav"
    soundfile.write(short, np.zeros(8000), 16_000)
    text.write_text("I am no recording.")
    for file, complaint in (
        (short, "0.5 s; expected at least 2 s"),
        (text, "not a recording; expected .wav"),
        (tmp_path / "none.wav", "No such file"),
        (tmp_path, "Is a directory|not a recording"),
    ):
        with pytest.raises(ValueError, match=complaint) as caught:
            spoken(engine, voice_file=str(file))
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"exaggeration": 3}, "exaggeration 3: expected a number from 0 to 2"),
        ({"temperature": 0}, "0.05 to 5"),
        ({"cfg_weight": "much"}, "cfg_weight 'much': expected a number"),
        ({"rate": True}, "rate True: expected a number"),
        ({"seed": 1.5}, "seed 1.5: expected a whole number"),
        ({"voice": "nobody"}, "voice 'nobody': there is 'default'"),
        ({"voice_file": 3}, "voice_file 3: expected the path"),
        ({"pitch": 1}, "'pitch': chatterbox knows the options"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(
    engine: chatterbox.Chatterbox, options: dict[str, Any], complaint: str
) -> None:
    for refuse in (lambda: spoken(engine, **options), lambda: chatterbox.create({"model": str(TINY), **options})):
        with pytest.raises(ValueError, match=complaint) as caught:
            refuse()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"device": "gpu"}, "device 'gpu': expected"),
        ({"dtype": "int8"}, "dtype 'int8': expected auto, float32"),
        ({"voices": "/no/such/folder"}, "voices '/no/such/folder': no such folder"),
        ({"threads": 0}, "threads 0: expected a whole number"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        chatterbox.create({"model": str(TINY), **options})
