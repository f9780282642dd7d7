"""Parakeet with small models: what NeMo holds, transcripts alone and in a batch, and failures.

`test_nemo.py` runs this file with the Python of `sidecars/parakeet/.venv`. `NEMO_MODELS` is a folder with `ctc.nemo`,
`rnnt.nemo`, and `tdt.nemo`, made by `fixtures.models.tiny_nemo.make`: their weights are random, and their transcripts
are babble.
"""

from __future__ import annotations

import itertools
import logging
import os
import wave
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import torch

from fixtures.models.tiny_nemo import make
from fixtures.models.tiny_nemo import model as tiny
from ops.bench.stt.gpu_callers import callers
from ops.bench.stt.gpu_stages import TINY, differ
from ops.bench.stt.launches import count
from sidecars.engine import EngineFull, EngineLost, Hypothesis
from sidecars.engines import nemo, nemo_model, nemo_segments
from sidecars.engines.nemo_decoder import RnntDecoder
from sidecars.engines.nemo_graphs import Graphs, sizes
from sidecars.engines.nemo_model import CPU, Place, choose_place, open_checkpoint
from sidecars.engines.nemo_package import ASRModel
from sidecars.engines.nemo_pipeline import Piece, Pipeline
from sidecars.engines.nemo_words import Transcript
from sidecars.engines.trailing_silence import TrailingSilence
from sidecars.step_time import parts, texts

MODELS = Path(os.environ["NEMO_MODELS"])
CALLS = Path(__file__).parent.parent.parent / "fixtures" / "calls"
RATE = 16000
FRAME = 640
"""Bytes of 20 ms."""
GPU = Place("cuda:0", "bfloat16")
NOTHING = {"sessions": 0, "slots": 0}


def recordings() -> list[bytes]:
    """Callers, 16 kHz."""
    heard = []
    for path in sorted(CALLS.glob("*/*.wav"))[:6]:
        with wave.open(str(path)) as file:
            audio = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        heard.append(soxr.resample(audio, 8000, RATE).astype("<i2").tobytes()[: 2 * 3 * RATE])
    return heard


CALLERS = recordings()


@pytest.fixture(scope="module", params=["ctc", "rnnt"])
def engine(request: pytest.FixtureRequest) -> nemo.Nemo:
    made = nemo.create({"model": str(MODELS / f"{request.param}.nemo"), "max_sessions": 8})
    assert isinstance(made, nemo.Nemo)
    return made


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "engine" in request.fixturenames:
        used: nemo.Nemo = request.getfixturevalue("engine")
        left = list(used._sessions)
        for session in left:  # so that the next test starts with none
            used.cancel(session)
        assert left == []
        assert_free(used)


def assert_free(engine: nemo.Nemo) -> None:
    """Checks the tensors themselves: none of anybody's sound, features, caches, or decoder state is left in them."""
    assert engine.held() == NOTHING
    assert engine._pipeline.is_clear()


_numbers = iter(range(1, 1_000_000))


def opened(engine: Any) -> int:
    number = next(_numbers)
    engine.open(number, {"grammar": "clinic"})
    return number


def fed(engine: Any, pcms: Sequence[bytes], frame: int = FRAME) -> tuple[list[int], list[list[Hypothesis]]]:
    """Sessions that have got it all, side by side, and the partials of each."""
    sessions = [opened(engine) for _ in pcms]
    partials: list[list[Hypothesis]] = [[] for _ in pcms]
    for begin in range(0, max(map(len, pcms)), frame):
        audio = {
            session: pcm[begin : begin + frame] for session, pcm in zip(sessions, pcms, strict=True) if begin < len(pcm)
        }
        for session, hypothesis in engine.step(audio).items():
            partials[sessions.index(session)].append(hypothesis)
    return sessions, partials


def finals(engine: Any, pcms: Sequence[bytes], frame: int = FRAME) -> list[Hypothesis]:
    sessions, _ = fed(engine, pcms, frame)
    return [engine.finalize(session) for session in sessions]


# ------------------------------------------------------------------------------------------------------- hearing


def test_there_are_partials_and_a_final_with_words_and_their_times(engine: nemo.Nemo) -> None:
    [session], [partials] = fed(engine, CALLERS[:1])
    final = engine.finalize(session)
    texts = [partial.text for partial in partials]
    assert texts
    assert all(texts)
    assert len(set(texts)) == len(texts)
    assert final.text.startswith(texts[-1])
    for hypothesis in (*partials, final):
        words = hypothesis.words
        assert " ".join(word.text for word in words) == hypothesis.text
        assert all(0 <= word.confidence <= 1 and word.start <= word.end for word in words)
        assert [word.start for word in words] == sorted(word.start for word in words)
        assert 0 < hypothesis.confidence <= 1
    seconds = len(CALLERS[0]) / 2 / RATE
    assert final.words[-1].end < seconds + 0.5


def test_what_is_heard_in_company_is_what_is_heard_alone(engine: nemo.Nemo) -> None:
    alone = [finals(engine, [pcm])[0] for pcm in CALLERS]
    assert len({heard.text for heard in alone}) > 1
    together = finals(engine, CALLERS)
    assert [heard.text for heard in together] == [heard.text for heard in alone]
    assert [heard.words[-1].start for heard in together if heard.words] == [
        heard.words[-1].start for heard in alone if heard.words
    ]


def test_a_batch_may_be_bounded() -> None:
    made, bounded = (
        nemo.create({"model": str(MODELS / "ctc.nemo"), "max_sessions": 6, **options})
        for options in ({}, {"max_batch": 4})
    )
    texts, expected = ([heard.text for heard in finals(each, CALLERS, 3200)] for each in (bounded, made))
    assert texts == expected


@pytest.mark.parametrize("frame", [2, 3200, 50_000])
def test_how_audio_is_cut_makes_no_difference(engine: nemo.Nemo, frame: int) -> None:
    pcm = CALLERS[0][: 2 * RATE // 4] if frame == 2 else CALLERS[0]
    assert finals(engine, [pcm], frame) == finals(engine, [pcm])


def test_the_audio_that_waits_for_a_whole_chunk_is_heard_at_the_end(
    engine: nemo.Nemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    real = engine._pipeline.step

    def step(pieces: Any) -> Any:
        heard.append(float(np.abs(np.frombuffer(pieces[0].pcm, "<i2").astype(float)).max() / 32768))
        return real(pieces)

    monkeypatch.setattr(engine._pipeline, "step", step)
    session = opened(engine)
    engine.step({session: bytes(2 * RATE)})
    before = len(heard)
    engine.step({session: np.full(160, 8192, "<i2").tobytes()})  # 10 ms
    assert len(heard) == before
    engine.finalize(session)
    assert max(heard[before:]) == 0.25
    assert heard[-1] == 0  # and silence after it
    assert len(heard) <= before + 2


def test_after_silence_the_final_costs_no_step_and_is_what_was_understood_last(
    engine: nemo.Nemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    [session], [partials] = fed(engine, [CALLERS[0] + bytes(RATE)])  # half a second
    monkeypatch.setattr(engine._pipeline, "step", None)
    assert engine.finalize(session).text == partials[-1].text != ""
    assert_free(engine)


def test_ends_of_segments_change_nothing_of_the_text(engine: nemo.Nemo, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is found in every chunk, also in the middle of words."""
    whole = finals(engine, CALLERS[:3])
    monkeypatch.setattr(engine._pipeline, "_is_end", lambda silent_frames: True)
    sessions, partials = fed(engine, CALLERS[:3])
    assert engine.held() == {"sessions": 3, "slots": 3}  # they are still in the caches
    assert [engine.finalize(session).text for session in sessions] == [heard.text for heard in whole]
    for told in partials:
        for earlier, later in pairwise(told):
            assert later.text.startswith(earlier.text)


def test_a_pause_settles_what_was_said_before_it_and_the_stream_goes_on() -> None:
    engine = nemo.create({"model": str(MODELS / "rnnt.nemo"), "max_sessions": 2})  # the other one babbles in silence
    assert isinstance(engine, nemo.Nemo)
    session = opened(engine)
    engine.step({session: CALLERS[2]})
    engine.step({session: bytes(2 * RATE * 2)})
    said = engine._sessions[session]
    assert [word.text for word in said.transcript.settled] == said.heard.text.split() != []
    slot = engine._pipeline._streams[session].slot
    _, _, cached = engine._pipeline._encoder._caches
    assert cached[slot] > 30  # frames of 80 ms
    before = said.heard
    engine.step({session: CALLERS[1]})
    assert engine._pipeline._streams[session].slot == slot
    assert said.heard.text.startswith(before.text)
    assert len(said.heard.text) > len(before.text)
    seconds = len(CALLERS[2]) / 2 / RATE
    assert said.heard.words[-1].end > seconds + 2
    engine.cancel(session)


def test_finals_that_are_asked_for_together_are_what_each_would_be_alone(engine: nemo.Nemo) -> None:
    pcms = [*CALLERS, CALLERS[0][:2000], b""]
    alone = [finals(engine, [pcm])[0] for pcm in pcms]
    sessions, _ = fed(engine, pcms)
    together = engine.finalize_all(sessions)
    assert [(heard.text, *[word.start for word in heard.words]) for heard in together] == [
        (heard.text, *[word.start for word in heard.words]) for heard in alone
    ]
    assert_free(engine)


def test_who_begins_is_heard_in_the_same_batch_as_who_has_spoken_long(
    engine: nemo.Nemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [heard.text for heard in finals(engine, CALLERS)]
    size, rows = 2 * engine._pipeline.chunk, []
    real = engine._pipeline._hear

    def hear(count: int) -> None:
        rows.append(count)
        real(count)

    monkeypatch.setattr(engine._pipeline, "_hear", hear)
    sessions: list[int] = []
    for turn in range(len(CALLERS) + max(map(len, CALLERS)) // size + 1):
        if turn < len(CALLERS):
            sessions.append(opened(engine))
        fed_now = {
            each: CALLERS[place][(turn - place) * size : (turn - place + 1) * size]
            for place, each in enumerate(sessions)
        }
        steps = len(rows)
        engine.step({each: pcm for each, pcm in fed_now.items() if pcm})
        assert len(rows) <= steps + 1
    assert max(rows) == len(CALLERS)
    assert [heard.text for heard in engine.finalize_all(sessions)] == whole


@pytest.mark.parametrize("chunk_ms", [80, 160, 560])
def test_a_graphs_fixed_number_of_turns_finds_what_the_search_to_the_end_finds(chunk_ms: int) -> None:
    """The function that is captured on a GPU is the same: here it runs directly, repeated as its graph would be."""
    made = nemo.create({"model": str(MODELS / "rnnt.nemo"), "max_sessions": 8, "chunk_ms": chunk_ms})
    assert isinstance(made, nemo.Nemo)
    pcms = CALLERS[:3]
    whole = finals(made, pcms, 3200)
    decoder = made._pipeline._decoder
    assert isinstance(decoder, RnntDecoder)
    for turns in (1, 4):
        decoder._turns = turns
        assert finals(made, pcms, 3200) == whole
        assert_free(made)


def test_a_step_is_made_of_as_many_operations_for_many_as_for_one(tmp_path: Path) -> None:
    """For a model as deep as the released ones. NeMo 3.0's own pipeline makes 5,231 and 9,549 views for 256 streams."""
    tokenizer = tiny.make_tokenizer(tmp_path, make.PHRASES, make.TOKENS)
    shape = tiny.Shape(width=32, layers=24, heads=4, channels=32)
    path = tmp_path / "deep.nemo"
    model = tiny.build("rnnt", tokenizer, shape, 7)
    make.set_rate(model, "rnnt", make.recording(str(CALLS / "leaves_a_message" / "two.wav")))
    model.save_to(str(path))
    made = nemo.create({"model": str(path), "max_sessions": 256, "chunk_ms": 160})
    alone, many = (sum(count(made, streams, 0.16, steps=1)) for streams in (1, 256))
    assert many <= (5_231 + 9_549) / 5
    assert many <= alone + 2 * 255


def test_batches_are_made_up_to_few_sizes() -> None:
    assert sizes(1) == [1]
    assert sizes(3) == [3, 2, 1]
    assert sizes(1024) == [1024, 896, 768, 640, 512, 384, 256, 128, 64, 32, 16, 8, 4, 2, 1]
    assert Graphs(torch.device("cpu"), 1024).padded(5) == 5
    graphs = Graphs(torch.device("cuda"), 600)
    assert [graphs.padded(count) for count in (1, 5, 256, 257, 600)] == [1, 8, 256, 384, 600]


@pytest.mark.parametrize("chunk_ms", [80, 160, 560, 1120])
@pytest.mark.parametrize("decoder", ["ctc", "rnnt"])
def test_what_is_heard_chunk_by_chunk_is_what_is_heard_of_the_whole(decoder: str, chunk_ms: int) -> None:
    """With as much silence after the last sound as a stream gets."""
    path = str(MODELS / f"{decoder}.nemo")
    made = nemo.create({"model": path, "chunk_ms": chunk_ms})
    assert isinstance(made, nemo.Nemo)
    whole = ASRModel.restore_from(path, map_location="cpu").eval()
    whole.preprocessor.featurizer.dither = 0.0
    whole.encoder.set_default_att_context_size(list(made._context))
    chunk, lead = made._pipeline.chunk, made._pipeline.lead
    for pcm in CALLERS:
        silence = TrailingSilence()
        silence.feed(pcm)
        samples = len(pcm) // 2 - silence.samples + round(nemo.FLUSH_S * RATE)
        samples = max(samples, len(pcm) // 2 - (len(pcm) // 2 + lead) % chunk)  # these were recognized before it ended
        samples += -(samples + lead) % chunk
        padded = (pcm + bytes(2 * samples))[: 2 * samples]
        audio = np.frombuffer(padded, "<i2").astype(np.float32) / np.float32(32768)
        with torch.inference_mode():
            text = whole.transcribe([audio], batch_size=1, verbose=False)[0].text
        assert finals(made, [pcm])[0].text.split() == text.split()


@pytest.mark.parametrize("samples", [0, 1, 160, 2559, 2560, 2561])
def test_the_shortest_utterances_end_too(engine: nemo.Nemo, samples: int) -> None:
    session = opened(engine)
    if samples:
        engine.step({session: bytes(2 * samples)})
    assert isinstance(engine.finalize(session), Hypothesis)


@pytest.mark.parametrize("chunk_ms", [80, 160, 560, 1120])
def test_chunks_are_as_long_as_was_asked(chunk_ms: int) -> None:
    made = nemo.create({"model": str(MODELS / "ctc.nemo"), "chunk_ms": chunk_ms, "max_sessions": 3})
    assert isinstance(made, nemo.Nemo)
    session = opened(made)
    size = 2 * (RATE * chunk_ms // 1000 - made._pipeline.lead)  # the first one begins before the sound
    made.step({session: CALLERS[0][: size - 2]})
    assert made.held() == {**NOTHING, "sessions": 1}
    made.step({session: CALLERS[0][size - 2 : size]})
    assert made.held() == {"sessions": 1, "slots": 1}
    made.cancel(session)
    [text] = finals(made, CALLERS[:1])
    assert text.text
    assert_free(made)


def test_a_model_that_hears_segments_hears_them() -> None:
    made = nemo.create({"model": str(MODELS / "tdt.nemo"), "max_sessions": 2})
    assert isinstance(made, nemo_segments.NemoSegments)
    [session], [partials] = fed(made, CALLERS[:1])
    assert partials == []
    assert made.held() == {"sessions": 1}
    final = made.finalize(session)
    assert final.text == " ".join(word.text for word in final.words)
    assert final.text
    assert 0 < final.confidence <= 1
    seconds = len(CALLERS[0]) / 2 / RATE
    assert all(0 <= word.start <= word.end < seconds + 0.5 for word in final.words)
    assert finals(made, CALLERS[:1], 3200) == [final]
    assert made.held() == {"sessions": 0}


# -------------------------------------------------------------------------------------------------- what is held


def test_a_cancel_frees_everything_at_once_and_hears_nothing_more(
    engine: nemo.Nemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, _ = fed(engine, CALLERS[:3])
    assert engine.held() == {"sessions": 3, "slots": 3}
    monkeypatch.setattr(engine._pipeline, "step", lambda pieces: pytest.fail("it was heard on"))
    for left, session in zip((2, 1, 0), sessions, strict=True):
        engine.cancel(session)
        assert set(engine.held().values()) == {left}


def test_what_was_cancelled_is_not_heard_by_whoever_comes_after(engine: nemo.Nemo) -> None:
    fresh = finals(engine, CALLERS[1:2])
    sessions, _ = fed(engine, CALLERS)
    for session in sessions:
        engine.cancel(session)
    assert finals(engine, CALLERS[1:2]) == fresh


def test_nothing_is_left_of_fifty_barge_ins_beside_a_caller_who_goes_on(engine: nemo.Nemo) -> None:
    whole = finals(engine, CALLERS[:1])[0]
    stays = opened(engine)
    pcm, chunk = CALLERS[0], 2 * RATE * 160 // 1000
    for turn in range(50):
        leaves = opened(engine)
        piece = pcm[turn * chunk : (turn + 1) * chunk]
        engine.step({leaves: CALLERS[1][:chunk], **({stays: piece} if piece else {})})
        engine.cancel(leaves) if turn % 3 else engine.finalize(leaves)
        assert engine.held()["sessions"] == 1
    assert engine.finalize(stays).text == whole.text


def test_one_session_too_many_is_refused_and_the_others_never_notice(engine: nemo.Nemo) -> None:
    whole = finals(engine, CALLERS[:1])[0]
    sessions = [opened(engine) for _ in range(engine.max_sessions)]
    for begin in range(0, len(CALLERS[0]), 3200):
        with pytest.raises(EngineFull, match="8 utterances are open already"):
            opened(engine)
        engine.step(dict.fromkeys(sessions, CALLERS[0][begin : begin + 3200]))
    assert set(engine.held().values()) == {8}
    assert {engine.finalize(session).text for session in sessions} == {whole.text}


# ------------------------------------------------------------------------------------------------------- failures


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


class Broken:
    def __call__(self, *_: object, **__: object) -> None:
        raise MemoryError


# --------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            {"modle": "x"},
            "'modle': nemo knows the options chunk_ms, device, dtype, max_batch, max_sessions, model, threads",
        ),
        ({"chunk_ms": 240}, r"chunk_ms 240: ctc\.nemo was trained for 80, 160, 560, 1120"),
        ({"chunk_ms": "160"}, "chunk_ms '160': expected a whole number"),
        ({"device": "gpu"}, "device 'gpu': expected"),
        ({"dtype": "int8"}, "dtype 'int8': expected auto, float32"),
        ({"threads": 0}, "threads 0: expected a whole number from 1"),
        ({"max_sessions": 2000}, "max_sessions 2000: expected a whole number from 1 to 1024"),
        ({"model": str(MODELS / "tdt.nemo"), "chunk_ms": 160}, r"tdt\.nemo recognizes whole utterances; leave"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        nemo.create({"model": str(MODELS / "ctc.nemo"), **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("decoder", ["ctc", "rnnt"])
def test_half_precision_hears(decoder: str) -> None:
    """On the CPU, where NeMo's pipelines would not compute in half precision: on a GPU that is the default."""
    checkpoint = open_checkpoint(str(MODELS / f"{decoder}.nemo"))
    pipeline = Pipeline(checkpoint, [70, 1], Place("cpu", "bfloat16"), 2, 2)
    channel, _, _ = pipeline._encoder._caches
    assert channel.dtype == torch.bfloat16
    transcript, size = Transcript(), 2 * pipeline.chunk
    texts = [
        pipeline.step([Piece(1, CALLERS[0][begin : begin + size], transcript, begin // size)])[0].text
        for begin in range(0, len(CALLERS[0]) - size, size)
    ]
    assert texts[-1]
    pipeline.release(1)
    assert set(pipeline.held().values()) == {0}


def test_half_precision_hears_segments() -> None:
    made = nemo_segments._Model(open_checkpoint(str(MODELS / "tdt.nemo")), Place("cpu", "bfloat16"))
    assert made.understand(np.frombuffer(CALLERS[0], "<i2").astype(np.float32) / np.float32(32768)).text


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_told_and_done_without(caplog: pytest.LogCaptureFixture) -> None:
    made = nemo.create({"model": str(MODELS / "ctc.nemo"), "device": "cuda", "dtype": "float16"})
    assert isinstance(made, nemo.Nemo)
    assert made._pipeline.place == CPU
    assert [record.levelno for record in caplog.records if "no CUDA here" in record.message] == [logging.WARNING]


def test_what_a_gpu_computes_with_is_chosen_by_what_errs_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the choice: two GPUs are simulated, because there is none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_place("auto", "auto") == Place("cuda:0", "float16")
    assert choose_place("cuda:1", "auto") == Place("cuda:1", "float16")
    assert choose_place("cuda", "bfloat16") == Place("cuda:0", "bfloat16")
    assert choose_place("cpu", "float16") == CPU
    with pytest.raises(ValueError, match=r"there are 2 CUDA devices, counted from 0"):
        choose_place("cuda:2", "auto")


def test_of_the_halves_float16_errs_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained small model, rounded on the CPU as it would be on a GPU, compared with itself in float32."""
    monkeypatch.setattr(nemo_model.Place, "on_cpu", property(lambda place: False))
    said = parts(callers(), 12, 8.0, RATE)
    heard = {}
    for dtype in ("float32", "float16", "bfloat16"):
        made = nemo.Nemo(open_checkpoint(str(TINY)), None, Place("cpu", dtype), 12)
        assert made._pipeline.place.dtype == dtype
        heard[dtype] = texts(made, said, itertools.count(1), 12)
    right = heard["float32"]
    others = {dtype: sum(map(differ, right, heard[dtype])) for dtype in heard}
    assert sum(len(text.split()) for text in right) > 200
    assert others["float16"] < others["bfloat16"]


def test_where_and_with_what_a_model_hears_is_said_when_it_is_loaded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        nemo.create({"model": str(MODELS / "ctc.nemo"), "chunk_ms": 160})
    assert "ctc.nemo (ctc) recognizes 160 ms at a time on cpu in float32" in caplog.messages


def test_one_thread_is_enough_unless_more_are_wanted() -> None:
    nemo.create({"model": str(MODELS / "ctc.nemo"), "threads": 2})
    assert torch.get_num_threads() == 2
    nemo.create({"model": str(MODELS / "ctc.nemo")})
    assert torch.get_num_threads() == 1


def test_nemo_keeps_no_record_of_what_it_logs() -> None:
    own = logging.getLogger("nemo_logger")
    assert (own.handlers, own.propagate, own.level) == ([], True, logging.ERROR)


def test_numbers_that_do_not_fit_into_a_half_are_computed_with_wider_ones(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A model whose last layer but one yields numbers around a million; in CUDA's number format, on the CPU."""
    real = ASRModel.restore_from

    def restore(path: str, map_location: torch.device) -> Any:
        model = real(path, map_location="cpu")
        with torch.no_grad():
            model.encoder.layers[-2].norm_out.weight *= 1e6
        return model

    monkeypatch.setattr(ASRModel, "restore_from", restore)
    monkeypatch.setattr(nemo_model.Place, "on_cpu", property(lambda place: False))
    wide = Place("cpu", "bfloat16")
    for wanted in (Place("cpu", "float16"), wide):
        assert nemo.Nemo(open_checkpoint(str(MODELS / "ctc.nemo")), None, wanted, 2)._pipeline.place == wide
    whole = nemo_segments.NemoSegments(open_checkpoint(str(MODELS / "tdt.nemo")), Place("cpu", "float16"), 2)
    assert whole._model.place == wide
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == 2 * ["float16 is too small for this model's numbers: hearing in bfloat16"]
