"""A scene is played to a real call in a separate process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ops.bench.turn_taking.run import played
from ops.bench.turn_taking.scene import Scene
from ops.replay.fixture import CALLS
from phone_daemon.media.wav import read_wav

QUESTION = CALLS / "asks_hours_twice" / "when.wav"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "openings").mkdir()
    for name in ("openings/af_alloy.wav", "question.wav"):
        shutil.copy(QUESTION, tmp_path / name)
    return tmp_path


@pytest.mark.long
def test_words_stop_the_agent_silence_does_not_and_a_turn_is_waited_for(folder: Path) -> None:
    length_s = len(read_wav(QUESTION)) / 16000

    def scene(name: str, when: str, wants: str, sound: str = "question.wav") -> Scene:
        return Scene(name, name, "tune", when, wants, folder, sound, at_s=1.0, onset_s=0.1, end_s=length_s - 0.1)

    scenes = [
        scene("interruption", "reply", "stop"),
        scene("silence", "reply", "go on", sound=""),
        scene("turn", "turn", "turn"),
    ]
    found = {each.kind: each for each in played(scenes, jobs=2)}
    assert all(each.right for each in found.values()), found
    assert found["interruption"].silence_s is not None and found["interruption"].turns == 1
    assert found["silence"].words_lost == 0
    assert found["turn"].wait_s is not None and found["turn"].reason == "finished"


def test_a_scene_whose_sound_is_gone_is_told_and_ends_nothing(folder: Path) -> None:
    (found,) = played([Scene("x", "whole", "tune", "turn", "turn", folder, "gone.wav")], jobs=1)
    assert "gone.wav" in found.failed
