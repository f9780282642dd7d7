"""The rebuilt graphs are the published ones in less: every number comes out the same but for rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sidecars.engines.moonshine_graphs import rebuilt
from sidecars.engines.moonshine_runs import Encoded, Published, Rebuilt, Runs, load
from sidecars.engines.moonshine_weights import find
from tests.sidecars.natural import said


@pytest.fixture(scope="module")
def both() -> tuple[Runs, Runs]:
    weights = find()
    return Rebuilt(rebuilt(weights.encoder, weights.decoder)), Published(weights.encoder, weights.decoder)


def audio(text: str) -> np.ndarray:
    return (np.frombuffer(said(text), "<i2").astype(np.float32) / 32768)[None]


def encoded(both: tuple[Runs, Runs], text: str) -> list[Encoded]:
    """The same numbers for both decoders."""
    states = both[1].encode(audio(text))
    return [Encoded(states.states, states.samples) for _ in both]


def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    # Sums are taken in another order, and now and then one is rounded to the 8-bit number beside it. The published
    # graph's own numbers change as much when the audio gets louder by three millionths.
    return ours.shape == theirs.shape and bool(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.998)


@pytest.mark.parametrize("text", ["No.", "I would like to see somebody about a broken tooth, as soon as you can."])
def test_audio_is_encoded_as_by_the_published_graph(both: tuple[Runs, Runs], text: str) -> None:
    ours, theirs = (runs.encode(audio(text)) for runs in both)
    assert close(ours.states, theirs.states)
    assert ours.seconds == theirs.seconds


def test_each_step_gives_the_published_logits(both: tuple[Runs, Runs]) -> None:
    given = encoded(both, "What time do you open on Saturday?")
    found = [runs.begin(each, [1, 1724, 931, 437]) for runs, each in zip(both, given, strict=True)]
    assert close(found[0][0], found[1][0])
    for tokens, parents in (([366], [0]), ([50, 60, 70], [0, 0, 0]), ([51, 61], [2, 0]), ([9, 8, 7, 6], [1, 0, 0, 1])):
        found = [
            runs.step(each, tokens, pasts, parents) for runs, each, (_, pasts) in zip(both, given, found, strict=True)
        ]
        assert found[0][0].shape[:2] == (len(tokens), 1)
        assert close(found[0][0], found[1][0])


def test_a_first_step_of_many_tokens_is_as_many_steps_of_one(both: tuple[Runs, Runs]) -> None:
    ours = both[0]
    given = ours.encode(audio("What time do you open on Saturday?"))
    tokens = [1, 1724, 931, 437, 366]
    at_once, _ = ours.begin(given, tokens)
    logits, pasts = ours.begin(given, tokens[:1])
    for at, token in enumerate(tokens[1:], 1):
        logits, pasts = ours.step(given, [token], pasts, [0])
        assert np.argmax(logits[0, 0]) == np.argmax(at_once[0, at])


@pytest.mark.long
def test_text_may_be_longer_than_any_before_it(both: tuple[Runs, Runs]) -> None:
    given = encoded(both, "No.")
    (ours, _), (theirs, _) = (runs.begin(each, [1, *range(300, 700)]) for runs, each in zip(both, given, strict=True))
    assert ours.shape == theirs.shape
    assert np.corrcoef(ours[0, -1], theirs[0, -1])[0, 1] > 0.99


def test_the_package_has_what_is_rebuilt_and_other_files_run_as_they_are(tmp_path: Path) -> None:
    weights = find()
    assert isinstance(load(weights.encoder, weights.decoder), Rebuilt)
    with pytest.raises(ValueError, match="no weights"):
        rebuilt(weights.decoder, weights.encoder)
    broken = tmp_path / "encoder.ort"
    broken.write_bytes(weights.encoder.read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match="not an ONNX Runtime model"):
        rebuilt(broken, weights.decoder)
