"""Parakeet when a GPU, or the CPU, fails under it: what the callers notice of it.

`test_nemo.py` runs this file with the Python of `sidecars/parakeet/.venv`.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from sidecars.engine import EngineLost, Hypothesis
from sidecars.engines import nemo, nemo_model, nemo_segments
from sidecars.engines.nemo_model import CPU, Place, open_checkpoint
from sidecars.engines.nemo_package import ASRModel
from tests.sidecars.nemo_alone import CALLERS, MODELS, RATE, assert_free, fed, finals

GPU = Place("cuda:0", "bfloat16")


class Broken:
    def __call__(self, *_: object, **__: object) -> None:
        raise MemoryError


class Failing:
    """Stands for a GPU, of which there is none, that fails while the model runs: injected at the model's boundary."""

    def __init__(self, engine: nemo.Nemo, error: RuntimeError | None = None) -> None:
        self._error = error or torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nMore.")
        engine._pipeline._encoder._encoder.cache_aware_stream_step = self
        engine._pipeline.place = GPU

    def __call__(self, *given: Any, **named: Any) -> Any:
        raise self._error


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that answers."""
    monkeypatch.setattr(nemo_model, "answers", lambda: True)


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("decoder", ["ctc", "rnnt"])
def test_a_gpu_without_memory_for_a_step_is_done_without_and_everybody_goes_on(
    decoder: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = nemo.create({"model": str(MODELS / f"{decoder}.nemo"), "max_sessions": 4})
    assert isinstance(made, nemo.Nemo)
    before, _ = fed(made, [pcm[:RATE] for pcm in CALLERS[:3]])
    so_far = {session: made._sessions[session].heard for session in before}
    Failing(made)
    made.step({before[0]: CALLERS[0][RATE : 2 * RATE]})
    assert made._pipeline.place == CPU
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [
        "CUDA failed (CUDA out of memory. Tried to allocate 20.00 MiB.): recognizing on the CPU in float32 from here on"
    ]
    assert made.held() == {"sessions": 3, "slots": 1}
    rest = {session: pcm[2 * RATE :] for session, pcm in zip(before, CALLERS, strict=False)}
    made.step(rest)
    for session in before:
        final = made.finalize(session)
        assert final.text.startswith(so_far[session].text)
        assert [word.start for word in final.words] == sorted(word.start for word in final.words)
    assert finals(made, CALLERS[:1])[0].text
    assert_free(made)


@pytest.mark.usefixtures("alive")
def test_a_gpu_without_memory_for_the_last_word_is_done_without() -> None:
    made = nemo.create({"model": str(MODELS / "ctc.nemo"), "max_sessions": 2})
    assert isinstance(made, nemo.Nemo)
    [session], _ = fed(made, CALLERS[:1])
    said = made._sessions[session].heard.text
    Failing(made)
    assert made.finalize(session).text.startswith(said)
    assert_free(made)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CUDA error: an illegal memory access was encountered\nMore."), torch.cuda.OutOfMemoryError("full")],
)
def test_a_gpu_that_does_not_answer_any_more_ends_the_engine_with_the_first_error(
    error: RuntimeError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = nemo.create({"model": str(MODELS / "ctc.nemo"), "max_sessions": 2})
    assert isinstance(made, nemo.Nemo)
    sessions, _ = fed(made, [pcm[:RATE] for pcm in CALLERS[:2]])
    Failing(made, error)
    monkeypatch.setattr(nemo_model, "answers", lambda: "illegal" in str(error))
    with pytest.raises(EngineLost, match=str(error).partition("\n")[0]) as caught:
        made.step(dict.fromkeys(sessions, CALLERS[2][: 2 * RATE]))
    assert "\n" not in str(caught.value)
    assert "damaged" not in str(caught.value)
    assert [record.levelname for record in caplog.records if "CUDA failed" in record.message] == ["CRITICAL"]


@pytest.mark.usefixtures("alive")
def test_a_file_that_cannot_be_loaded_a_second_time_is_not_called_damaged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = nemo.create({"model": str(MODELS / "ctc.nemo"), "max_sessions": 2})
    assert isinstance(made, nemo.Nemo)
    sessions, _ = fed(made, [CALLERS[0][:RATE]])

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Trying to call reduce for unrecognized function")

    monkeypatch.setattr(ASRModel, "restore_from", fail)
    Failing(made)
    with pytest.raises(EngineLost, match="could not be loaded on the CPU either: Trying to call reduce") as caught:
        made.step(dict.fromkeys(sessions, CALLERS[2][: 2 * RATE]))
    assert "CUDA out of memory" in str(caught.value.__cause__)
    assert "CUDA failed (CUDA out of memory. Tried to allocate 20.00 MiB.)" in caplog.text


@pytest.mark.usefixtures("alive")
def test_a_gpu_without_memory_when_somebody_leaves_is_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = nemo.create({"model": str(MODELS / "ctc.nemo"), "max_sessions": 2})
    assert isinstance(made, nemo.Nemo)
    (leaves, stays), _ = fed(made, CALLERS[:2])

    def fail(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(made._pipeline._encoder, "clear", fail)
    made._pipeline.place = GPU
    said = made._sessions[stays].heard.text
    made.cancel(leaves)
    assert "CUDA failed (CUDA out of memory.): recognizing on the CPU" in caplog.text
    assert made.finalize(stays).text.startswith(said)
    assert_free(made)


@pytest.mark.usefixtures("alive")
def test_a_gpu_without_room_for_the_model_is_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = ASRModel.restore_from

    def restore(path: str, map_location: torch.device) -> Any:
        if map_location.type == "cuda":
            assert map_location.index == 0
            raise RuntimeError("Failed to load model") from torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return real(path, map_location=map_location)

    monkeypatch.setattr(ASRModel, "restore_from", restore)
    made = nemo.Nemo(open_checkpoint(str(MODELS / "ctc.nemo")), None, GPU, 2)
    assert "CUDA failed (CUDA out of memory.): recognizing on the CPU" in caplog.text
    assert finals(made, CALLERS[:1])[0].text


@pytest.mark.usefixtures("alive")
def test_segments_are_heard_without_a_gpu_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    made = nemo.create({"model": str(MODELS / "tdt.nemo")})
    assert isinstance(made, nemo_segments.NemoSegments)
    whole = finals(made, CALLERS[:1])

    class Broken:
        place = GPU

        def understand(self, audio: Any) -> Hypothesis:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    made._model = Broken()  # type: ignore[assignment]
    assert finals(made, CALLERS[:1]) == whole
    assert "recognizing on the CPU" in caplog.text


def test_a_step_that_fails_on_the_cpu_leaves_nothing_behind(engine: nemo.Nemo, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, _ = fed(engine, CALLERS[:2])
    monkeypatch.setattr(engine._pipeline._encoder, "layers", Broken())
    with pytest.raises(MemoryError):
        engine.step(dict.fromkeys(sessions, CALLERS[2][: 2 * RATE]))
    engine.cancel(sessions[0])
    with pytest.raises(MemoryError):
        engine.finalize(sessions[1])
    engine.cancel(sessions[1])  # as a host does


def test_a_segment_that_fails_on_the_cpu_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    made = nemo.create({"model": str(MODELS / "tdt.nemo")})
    [session], _ = fed(made, CALLERS[:1])
    monkeypatch.setattr(made._model, "understand", Broken())  # type: ignore[attr-defined]
    with pytest.raises(MemoryError):
        made.finalize(session)
    made.cancel(session)
    assert made.held() == {"sessions": 0}
