"""The model as it runs here gives the published model's probabilities, to the bit."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from sidecars.silero import CONTEXT, WINDOW, Silero, published
from sidecars.silero_graph import silero_graph

CALLER = Path(__file__).parents[2] / "fixtures" / "calls" / "books_an_appointment" / "booking.wav"


@pytest.fixture(scope="module")
def windows() -> list[bytes]:
    with wave.open(str(CALLER)) as caller:
        assert caller.getframerate() == 8000
        pcm = caller.readframes(WINDOW * 100)
    noise = np.random.default_rng(1).normal(0, 300, 20 * WINDOW).astype("<i2").tobytes()
    pcm = bytes(2 * WINDOW) + pcm[: len(pcm) // (2 * WINDOW) * 2 * WINDOW] + noise
    return [pcm[at : at + 2 * WINDOW] for at in range(0, len(pcm), 2 * WINDOW)]


def by_the_published_model(windows: list[bytes]) -> list[float]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(published(), options, providers=["CPUExecutionProvider"])
    state, context, given = np.zeros((2, 1, 128), np.float32), np.zeros(CONTEXT, np.float32), []
    for window in windows:
        audio = np.concatenate([context, np.frombuffer(window, "<i2") / np.float32(32768)])
        inputs = {"input": audio[None], "state": state, "sr": np.array(8000)}
        probability, state = session.run(None, inputs)
        context = audio[-CONTEXT:]
        given.append(float(probability[0, 0]))
    return given


def test_the_probabilities_are_those_of_the_published_model(windows: list[bytes]) -> None:
    wanted = by_the_published_model(windows)
    assert min(wanted) < 0.05
    assert max(wanted) > 0.95
    silero = Silero()
    assert [silero.probability(window) for window in windows] == wanted


def test_streams_do_not_mix(windows: list[bytes]) -> None:
    alone = Silero()
    wanted = [alone.probability(window) for window in windows]
    one, another = Silero(), Silero()
    given = []
    for window in windows:
        given.append(one.probability(window))
        another.probability(windows[-1])
    assert given == wanted


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="ONNX"):
        silero_graph(b"\xff" * 20)
