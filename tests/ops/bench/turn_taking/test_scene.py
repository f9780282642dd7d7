"""Selecting scenes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ops.bench.turn_taking.scene import NoScenes, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {
            "id": f"{kind}_{number}",
            "kind": kind,
            "half": ("tune", "held")[number % 2],
            "when": "reply",
            "wants": "go on",
        }
        for kind, count in (("remark", 80), ("echo", 20))
        for number in range(count)
    ]
    (tmp_path / "scenes.jsonl").write_text("\n".join(json.dumps({**row, "level_db": -24}) for row in rows) + "\n")
    return tmp_path


def test_one_half_both_or_one_kind_is_played(folder: Path) -> None:
    assert len(load(folder, "held")) == 50
    assert len(load(folder, "all")) == 100
    assert Counter(scene.kind for scene in load(folder, "tune", ["echo"])) == {"echo": 10}


def test_a_sample_has_its_share_of_every_kind_and_is_the_same_each_time(folder: Path) -> None:
    sample = load(folder, "held", sample=10)
    assert Counter(scene.kind for scene in sample) == {"remark": 8, "echo": 2}
    assert sample == load(folder, "held", sample=10)
    assert {scene.id for scene in load(folder, "held", sample=5)} <= {scene.id for scene in sample}


def test_an_unknown_kind_is_told_with_those_there_are(folder: Path) -> None:
    with pytest.raises(NoScenes, match="no scenes of kind remarks; there are echo, remark"):
        load(folder, "held", ["remarks"])


def test_scenes_that_were_not_made_are_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NoScenes, match="make scenes"):
        load(tmp_path, "held")
