"""Parakeet with small models: transcripts alone and in a batch, what it holds, and its options.

`test_nemo.py` runs this file with the Python of `sidecars/parakeet/.venv`.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from sidecars.engine import EngineFull, Hypothesis
from sidecars.engines import nemo, nemo_segments
from sidecars.engines.nemo_package import ASRModel
from sidecars.engines.trailing_silence import TrailingSilence
from tests.sidecars.nemo_alone import CALLERS, MODELS, NOTHING, RATE, assert_free, fed, finals, opened

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


# ------------------------------------------------------------------------------------------------------- options


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
