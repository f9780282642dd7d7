"""Real calls to agents: to ours, and to the others in their environments."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ops.bench.peers.peers import PEERS, Peer
from ops.bench.peers.run import Bench
from ops.bench.peers.score import Outcome
from ops.bench.turn_taking.scene import Scene
from ops.replay.fixture import CALLS
from phone_daemon.media.wav import read_wav
from tests.sidecars.family import BUILD_S, python_in

QUESTION = CALLS / "asks_hours_twice" / "when.wav"


def turn(folder: Path) -> Scene:
    shutil.copy(QUESTION, folder / "question.wav")
    length_s = len(read_wav(QUESTION)) / 16000
    name = "question.wav"
    return Scene("turn_1", "whole", "held", "turn", "turn", folder, name, at_s=0.5, onset_s=0.1, end_s=length_s - 0.1)


async def called(peer: Peer, *scenes: Scene) -> list[Outcome]:
    return (await Bench(scenes, 1, lambda: None).played([peer]))[peer.name]


@pytest.mark.long
async def test_our_agent_answers_over_the_line_and_what_it_costs_is_known(tmp_path: Path) -> None:
    gone = Scene("gone_1", "whole", "held", "turn", "turn", tmp_path, "gone.wav")
    answered, missing = await called(PEERS[0], turn(tmp_path), gone)
    assert not answered.failed
    assert answered.turns == 1
    assert answered.ttfa_s is not None and answered.cut_off is False
    assert answered.cpu > 0 and answered.memory_mb > 10
    assert "gone.wav" in missing.failed


@pytest.mark.timeout(BUILD_S)
@pytest.mark.parametrize("name", ["pipecat smart turn", "livekit"])
async def test_the_others_answer_over_the_same_line(tmp_path: Path, name: str) -> None:
    peer = next(peer for peer in PEERS if peer.name == name)
    python_in(f"ops/bench/peers/{peer.folder}")
    (answered,) = await called(peer, turn(tmp_path))
    assert not answered.failed
    assert answered.turns >= 1
    assert answered.cpu > 0 and answered.memory_mb > 10
