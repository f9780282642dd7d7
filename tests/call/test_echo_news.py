"""A whole call on a line that returns the agent's voice: what happens to it, and what is reported."""

from __future__ import annotations

import logging
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.replay import fixture
from ops.replay.echo_path import Echo
from ops.replay.expectations import Outcome
from phone_daemon.call.echo_news import tell_echo
from phone_daemon.media.echo import LOOPS, EchoPath
from phone_daemon.settings.settings import EchoSettings, Settings
from phone_daemon.telemetry.turn_record import Turn
from tests.replayed import replayed

DELAY_S = 0.16


def silent_caller(directory: Path, loss_db: float, **echo: bool) -> Outcome:
    """Nobody speaks: everything that comes from the line is the echo."""
    played = replace(fixture.load(fixture.find("says_nothing")), echo=Echo(loss_db, DELAY_S))
    return replayed(played, directory, Settings(echo=EchoSettings(**echo)))


def loudness(call: Outcome) -> float:
    """RMS of the caller's track."""
    with wave.open(str(call.folder / "call.wav"), "rb") as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return float(np.sqrt(np.mean(both[:, 0].astype(np.float64) ** 2)))


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return silent_caller(tmp_path_factory.mktemp("cleaned"), 12)


@pytest.mark.long
def test_an_agent_that_hears_itself_says_all_it_has_to_say_and_takes_nothing_for_the_callers(cleaned: Outcome) -> None:
    assert not any(turn["interrupted"] or turn["caller"] or turn["ducks"] for turn in cleaned.turns)
    assert len(cleaned.turns) > 1
    (told,) = [note.data for note in cleaned.notes if note.kind == "echo"]
    assert told == cleaned.turns[0]["echo"]
    assert abs(float(str(told["delay_ms"])) - 1000 * DELAY_S - 8) < 5  # 8 ms: the band filter's own delay
    assert [turn["echo"] for turn in cleaned.turns[1:]] == [None] * (len(cleaned.turns) - 1)


@pytest.mark.long
def test_the_recording_has_what_was_listened_to_or_what_came(cleaned: Outcome, tmp_path: Path) -> None:
    raw = silent_caller(tmp_path, 12, record_raw=True)
    assert loudness(raw) > 4 * loudness(cleaned)
    assert [turn["heard"] for turn in raw.turns] == [turn["heard"] for turn in cleaned.turns]


def test_an_echo_is_told_to_whoever_watches_in_the_log_and_in_the_turn(caplog: pytest.LogCaptureFixture) -> None:
    notes: list[tuple[str, object]] = []
    turn = Turn(0)
    news: list[EchoPath | str] = [EchoPath(180, -21.5), LOOPS]
    with caplog.at_level(logging.INFO):
        tell_echo(news, "call-1", turn, lambda kind, data: notes.append((kind, data)))
    assert notes == [
        ("echo", {"delay_ms": 180, "level_db": -21.5}),
        ("fault", {"part": "line", "error": "the line returns our own audio"}),
    ]
    assert turn.echo == {"delay_ms": 180, "level_db": -21.5}
    assert turn.faults == ["line: the line returns our own audio"]
    assert [str(record.msg) for record in caplog.records] == [
        "echo.found call=call-1 delay_ms=180 level_db=-21.5",
        'echo.fault call=call-1 reason="the line returns our own audio"',
    ]
    assert news == []


def test_an_echo_before_any_reply_is_told_all_the_same() -> None:
    notes: list[str] = []
    tell_echo([EchoPath(180, -21.5)], "call-1", None, lambda kind, data: notes.append(kind))
    assert notes == ["echo"]
