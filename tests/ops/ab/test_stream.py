"""Streams in real time: the search for the most that keep up, and an engine that is asked for more than it can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.ab.alone import frames
from ops.ab.arm import Reference, chunk_ms, reference
from ops.ab.places import CannotRun, Engine
from ops.ab.stream import Recording, measure, search
from ops.replay import fixture
from tests.sidecars.speech import words

GREETING = "interrupts_the_greeting"


async def found(holds: int, most: int) -> tuple[int, list[int]]:
    tried: list[int] = []

    async def keeps_up(streams: int) -> bool:
        tried.append(streams)
        return streams <= holds

    return await search(keeps_up, most), tried


@pytest.mark.parametrize(
    ("holds", "most", "streams", "tried"),
    [
        (64, 64, 64, [4, 8, 16, 32, 64]),
        (100, 20, 20, [4, 8, 16, 20]),
        (13, 64, 12, [4, 8, 16, 12]),
        (9, 64, 8, [4, 8, 16, 12]),
        (3, 64, 3, [4, 2, 3]),
        (1, 64, 1, [4, 2, 1]),
        (0, 64, 0, [4, 2, 1]),
        (5, 1, 1, [1]),
    ],
)
async def test_the_search_doubles_and_then_takes_one_step_between(
    holds: int, most: int, streams: int, tried: list[int]
) -> None:
    assert await found(holds, most) == (streams, tried)


def test_a_recording_is_cut_into_whole_frames() -> None:
    assert [len(frame) for frame in frames(bytes(700))] == [320, 320, 320]


@pytest.mark.parametrize(
    ("partials", "chunk"),
    [([0.36, 0.68, 1.48, 0.52], 160.0), ([0.1, 0.12, 0.2], 20.0), ([0.5, 0.5], 20.0), ([], 20.0)],
)
def test_how_much_an_engine_hears_at_once_is_seen_by_its_partials(partials: list[float], chunk: float) -> None:
    assert chunk_ms(partials) == pytest.approx(chunk)


@pytest.mark.long
async def test_an_engine_alone_tells_what_it_hears_and_when(tmp_path: Path) -> None:
    played = fixture.load(fixture.find(GREETING))
    alone = await reference(Engine("moonshine", {}, told=_phrases(played)), [played], tmp_path)
    assert words(alone.text(GREETING)) == " ".join(words(cue.words) for cue in played.cues if cue.words)
    assert len(alone.recordings) == sum(bool(cue.words) for cue in played.cues)
    at = [seconds for _, seconds in alone.recordings[0]["partials"]]
    assert at == sorted(at)
    assert at


def _phrases(played: fixture.Fixture) -> dict[str, object]:
    return {"phrases": {played.dialplan: [cue.words.lower() for cue in played.cues if cue.words]}}


async def test_an_engine_that_cannot_be_loaded_is_told_in_a_line(tmp_path: Path) -> None:
    played = fixture.load(fixture.find(GREETING))
    with pytest.raises(CannotRun, match=r"ValueError: weight 77: expected a number") as failed:
        await reference(Engine("moonshine", {"weight": 77}), [played], tmp_path)
    assert "\n" not in str(failed.value)


def recordings(alone: Reference) -> list[Recording]:
    return [
        Recording(Path(each["pcm"]).read_bytes(), each["options"], dict(each["partials"])) for each in alone.recordings
    ]


@pytest.mark.long
async def test_a_thread_hears_streams_in_time_and_says_what_limits_them(tmp_path: Path) -> None:
    played = fixture.load(fixture.find(GREETING))
    engine = Engine("moonshine", {}, told=_phrases(played))
    said = recordings(await reference(engine, [played], tmp_path))
    answer = await measure("inprocess", engine, said, chunk_ms=2000.0, seconds=0.5, most=2, folder=tmp_path)
    assert answer.streams == answer.partial_streams == 2
    assert answer.partial_ms
    assert min(answer.partial_ms) >= 0
    assert answer.limit == "2 streams: no more were tried"
    late = await measure("inprocess", engine, said, chunk_ms=-1e6, seconds=2.0, most=1, folder=tmp_path)
    assert late.streams == 0
    assert late.limit.startswith("1 streams: partials take ")
