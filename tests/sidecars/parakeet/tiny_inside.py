"""The tiny model in Parakeet's environment: `test_tiny.py` runs this file there."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from sidecars.engine import load
from sidecars.parakeet import ctc, measure_tiny, train_tiny, utterances, voices
from sidecars.parakeet.batches import Batch, batches, collate, supply
from sidecars.parakeet.corpus import Corpus
from sidecars.parakeet.subsampling import subsample
from sidecars.parakeet.tiny_model import Shape, build, config, make_tokenizer
from sidecars.parakeet.trainer import Trainer
from sidecars.parakeet.utterances import Utterance, Utterances, features_of

torch.set_num_threads(1)

speaking = pytest.mark.skipif(bool(voices.missing()), reason="needs espeak-ng and flite")
SMALL = Shape(width=64, layers=2, heads=4, channels=32)
STEPS = 10
UNDERSTOOD = 40
"""Utterances of the held-out espeak-ng voice; the model card has the figures of larger sets."""
MOST_WRONG = 0.25


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"), islice(Corpus(1), 2_000), 256)


@pytest.fixture(scope="module")
def data(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Utterances:
    """Eight utterances."""
    folder = tmp_path_factory.mktemp("data")
    wanted = utterances.tasks(8, 1, None, 5)
    made = list(utterances.make(folder, wanted, config("ctc", tokenizer, SMALL)["preprocessor"], 1))
    assert made == [8]
    assert list(utterances.make(folder, wanted, {}, 1)) == []  # they are there
    return Utterances(folder)


def trainer(tokenizer: Path, rate: float = 1e-3) -> Trainer:
    return Trainer(build("ctc", tokenizer, SMALL), rate=rate)


def noise(*frames: int) -> Batch:
    """Utterances of nothing, of these lengths."""
    features = torch.randn(len(frames), 80, max(frames), generator=torch.Generator().manual_seed(1)) * 4 - 12
    for one, count in zip(features, frames, strict=True):
        one[:, count:] = 0
    return Batch(features, torch.tensor(frames), [Utterance("hello", 0, count, 20, count) for count in frames])


@speaking
def test_a_few_steps_on_a_few_utterances_lower_the_loss(tokenizer: Path, data: Utterances) -> None:
    learning = trainer(tokenizer, rate=2e-2)  # a hundred steps long it only warms up
    batch = collate(data, data.items, "cpu")
    learning.centre(batch)
    losses = []
    for _ in range(STEPS):
        learning.set_rate()
        losses.append(learning.train(batch, random.Random(1)))
    assert learning.step == STEPS
    assert losses[-1] < 0.8 * losses[0]


@speaking
def test_a_run_goes_on_from_its_checkpoint(tokenizer: Path, data: Utterances, tmp_path: Path) -> None:
    batch = collate(data, data.items, "cpu")
    first = trainer(tokenizer)
    first.train(batch, random.Random(1))
    first.save(tmp_path / "checkpoint.pt")
    second = trainer(tokenizer)
    second.load(tmp_path / "checkpoint.pt")
    assert second.step == 1
    assert second.train(batch, random.Random(1)) == pytest.approx(first.train(batch, random.Random(1)), rel=1e-3)


@speaking
def test_utterances_know_their_onset_and_what_was_said(data: Utterances) -> None:
    assert [item.start for item in data.items[1:]] == [item.start + item.frames for item in data.items[:-1]]
    for item in data.items:
        assert 0 <= item.onset < item.end < item.frames
        assert data.features(item).shape == (item.frames, 80)
        assert item.text


def test_the_fast_subsampling_is_nemos_own(tokenizer: Path) -> None:
    learning = trainer(tokenizer)
    batch = noise(160, 93, 8)
    module = learning.model.encoder.pre_encode
    with torch.no_grad():
        own, own_lengths = module(x=batch.features.transpose(1, 2), lengths=batch.lengths)
        fast, lengths = subsample(module, batch.features, batch.lengths, bf16=False)
    assert lengths.tolist() == own_lengths.tolist()
    for one, other, count in zip(own, fast, lengths.tolist(), strict=True):
        assert torch.allclose(one[:count], other[:count], atol=1e-4)


def test_what_is_written_hears_what_was_trained(tokenizer: Path, tmp_path: Path) -> None:
    from nemo.collections.asr.models import ASRModel  # noqa: PLC0415

    learning = Trainer(build("ctc", tokenizer, Shape()))
    batch = noise(160, 93)
    learning.train(batch, random.Random(1))
    train_tiny.export(learning, tokenizer, tmp_path / "out.nemo")
    restored = ASRModel.restore_from(str(tmp_path / "out.nemo"), map_location="cpu").eval()
    learning.model.eval()
    with torch.no_grad():
        trained, lengths = learning.log_probs(batch)
        encoded, _ = restored.encoder(audio_signal=batch.features, length=batch.lengths)
        heard = restored.decoder(encoder_output=encoded)
    for one, other, count in zip(trained, heard, lengths.tolist(), strict=True):
        assert torch.allclose(one[:count], other[:count], atol=1e-3)
    assert str(tokenizer) not in str(restored.cfg)  # nobody else has that folder


def test_nothing_is_written_before_it_was_heard() -> None:
    log_probs = torch.zeros(2, 6, 4)
    masked = ctc.mask_onset(log_probs, torch.tensor([0, 17]))
    assert masked[..., -1].eq(0).all()
    assert masked[0, :, 0].tolist() == [ctc.MASKED] * 2 + [0.0] * 4
    assert masked[1, :, 2].tolist() == [ctc.MASKED] * 4 + [0.0] * 2


def test_the_band_punishes_tokens_far_from_their_place_and_no_others() -> None:
    penalty = ctc.band(torch.zeros(1, 100, 4), [[(0, 0.25), (1, 0.5), (0, 1.0)]], [(0, 80)])
    reach = range(-9, 10)  # 3 frames and 8 % of 80
    near = {20 + shift for shift in reach} | {80 + shift for shift in reach}
    assert {frame for frame in range(100) if penalty[0, frame, 0] == 0} == near
    assert {frame for frame in range(100) if penalty[0, frame, 1] == 0} == {40 + shift for shift in reach}
    assert penalty[0, :, 2:].eq(0).all()
    assert [ctc.band_strength(step) for step in (0, 400, 700, 1_000, 2_000)] == [1, 1, 0.5, 0, 0]


def test_tokens_end_where_their_letters_do(tokenizer: Path) -> None:
    model = build("ctc", tokenizer, SMALL)
    places = ctc.token_places(model.tokenizer, "what are your opening hours")
    shares = [share for _, share in places]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert model.tokenizer.ids_to_text([token for token, _ in places]) == "what are your opening hours"


def test_greedy_decoding_drops_repetitions_and_blanks() -> None:
    best = torch.tensor([[3, 1, 1, 3, 1, 2, 2, 0], [0, 0, 1, 1, 2, 2, 2, 2]])
    log_probs = torch.nn.functional.one_hot(best, 4).float()
    assert ctc.greedy(log_probs, torch.tensor([7, 4])) == [[1, 1, 2], [0, 1]]


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [("a b c", "a b c", 0), ("a b c", "a x c", 1), ("a b c", "b c", 1), ("a", "a b c", 2), ("a b", "", 2), ("", "", 0)],
)
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert ctc.word_errors(said, heard) == errors


def test_batches_hold_everything_once_within_their_size() -> None:
    items = [Utterance("a", 0, frames, 0, frames) for frames in range(50, 600, 7)]
    found = batches(items, random.Random(1), 1_200)
    assert sorted(item.frames for batch in found for item in batch) == [item.frames for item in items]
    assert all(max(item.frames for item in batch) * len(batch) <= 1_200 for batch in found)


def test_short_utterances_come_first() -> None:
    items = [Utterance("a", 0, frames, 0, frames) for frames in range(50, 600)]
    first = next(supply(items, random.Random(1), 0, True, 1_200))
    anyone = list(islice(supply(items, random.Random(1), 0, False, 1_200), 500))
    assert max(item.frames for item in first) <= 50 + 0.4 * 550
    assert max(item.frames for batch in anyone for item in batch) == 599


@pytest.fixture(scope="module")
def engine() -> Any:
    return load("nemo", {"model": str(measure_tiny.SHIPPED), "device": "cpu"})


@speaking
@pytest.mark.parametrize("name", ["seen", "espeak"])
def test_the_shipped_model_understands_a_voice(engine: Any, name: str) -> None:
    said = measure_tiny.synthetic(name, UNDERSTOOD)
    heard = measure_tiny.hear_in_chunks(engine, said)
    words = sum(len(sound.text.split()) for sound in said)
    wrong = sum(ctc.word_errors(sound.text, text) for sound, text in zip(said, heard, strict=True))
    assert wrong / words < MOST_WRONG


def test_the_shipped_model_writes_a_recorded_caller_down_while_they_speak(engine: Any) -> None:
    sound = next(sound for sound in measure_tiny.fixtures() if sound.text.startswith("i would like to book"))
    pcm = (sound.samples * 32767).astype("<i2").tobytes()
    engine.open(1, {})
    texts = []
    for start in range(0, len(pcm), 5_120):
        texts += [heard.text for heard in engine.step({1: pcm[start : start + 5_120]}).values()]
    final = engine.finalize(1).text
    assert len(texts) > 2
    assert "book" in final
    assert "appointment" in final


@speaking
def test_features_are_those_of_the_streaming_pipeline(tokenizer: Path) -> None:
    model = build("ctc", tokenizer, SMALL)
    text, samples, _, _ = next(utterances.sounds(utterances.Task(3, 1, 1, None)))
    found = features_of(model.preprocessor, samples)
    assert text
    assert found.shape[1] == 80
    assert abs(found.shape[0] - samples.size / 160) <= 1
