"""The command: its table for stored results, and its answer to wrong use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.bench.peers import peers, tables
from ops.bench.peers.__main__ import main
from ops.bench.peers.peers import Peer, chosen
from ops.bench.peers.process import NotThere
from ops.bench.peers.run import KINDS, subset
from ops.bench.peers.score import Outcome
from ops.bench.peers.servers import Where
from ops.bench.turn_taking.scene import Scene

WHERE = Where("ws://127.0.0.1:1", "http://127.0.0.1:2/v1")


def stop(id: str, silence_s: float | None, **more: float) -> Outcome:
    return Outcome(id, "interruption", "stop", stopped=silence_s is not None, silence_s=silence_s, **more)  # type: ignore[arg-type]


def remark(id: str, *, stopped: bool) -> Outcome:
    return Outcome(id, "remark", "go on", stopped=stopped, words_lost=5 * stopped)


FOUND = {
    "ours": [stop("a", 0.3, cpu=0.02), remark("b", stopped=False), remark("c", stopped=True)],
    "livekit": [stop("a", 0.2, cpu=0.05), remark("b", stopped=True), remark("c", stopped=True)],
    "pipecat vad": [stop("a", None), remark("b", stopped=True), Outcome("c", "remark", "go on", failed="it hung up")],
}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "found.json"
    scenes = {name: [one.as_json() for one in outcomes] for name, outcomes in FOUND.items()}
    path.write_text(json.dumps({"notes": ["12 scenes each."], "scenes": scenes}))
    return path


def test_stored_results_are_shown_with_who_is_ahead_in_each_row(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--show", str(stored)]) == 0
    shown = capsys.readouterr().out
    (stops,) = [line for line in shown.splitlines() if line.startswith("false stops")]
    assert stops.split()[-1] == "ours"
    assert "50 % of 2" in stops and "100 % of 2" in stops and "100 % of 1" in stops
    (silent,) = [line for line in shown.splitlines() if line.startswith("onset to last sample p50")]
    assert silent.strip().endswith("livekit, by 100 ms")
    assert "12 scenes each." in shown
    assert "pipecat vad: c: it hung up" in shown


def test_the_figures_survive_being_written_and_read(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--show", str(stored), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    again = {name: [Outcome(**one) for one in outcomes] for name, outcomes in told["scenes"].items()}
    assert tables.rows(again) == tables.rows(FOUND)


def test_a_figure_that_nobody_has_is_no_row_and_one_that_somebody_lacks_is_a_dash() -> None:
    rows = {row.name: row for row in tables.rows(FOUND)}
    assert "TTFA p50" not in rows
    assert set(rows["onset to last sample p50"].values) == {"ours", "livekit"}
    assert rows["missed stops"].values["pipecat vad"] == 100
    assert rows["no call came of it"].of["pipecat vad"] == 3


def test_what_the_machine_did_is_told_and_nobody_is_ahead_in_it() -> None:
    rows = {row.name: row for row in tables.rows(FOUND)}
    assert rows["no call came of it"].values["ours"] == rows["line itself late"].values["ours"] == 0
    assert rows["no call came of it"].verdict == rows["line itself late"].verdict == ""


def test_as_good_as_the_best_of_the_others_is_level() -> None:
    rows = {row.name: row for row in tables.rows(dict.fromkeys(("ours", "livekit"), FOUND["ours"]))}
    assert rows["false stops"].verdict == "level"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--folder", "nowhere"], "No such file or directory; run make scenes"),
        (["--show", "nowhere.json"], "nowhere.json: not what --json printed"),
        (["--scenes", "0"], "at least 1"),
    ],
)
def test_wrong_use_is_told_in_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench-peers: ") and says in line


def test_stored_results_of_another_shape_are_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.json"
    for text in ("[]", '{"scenes": {}}', '{"notes": [], "scenes": {"ours": [{"x": 1}]}}', "not JSON"):
        path.write_text(text)
        assert main(["--show", str(path)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_environment_that_is_not_built_names_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "HERE", tmp_path)
    with pytest.raises(NotThere, match="livekit: its environment is not built; make peers"):
        Peer("livekit", "livekit", "", "").command(WHERE)


def test_an_unknown_peer_is_told_with_those_that_there_are() -> None:
    with pytest.raises(NotThere, match="no peer vocode; there are ours, pipecat vad"):
        chosen(["vocode"])
    assert [peer.name for peer in chosen(["livekit"])] == ["ours", "livekit"]
    assert len(chosen([])) == len(peers.PEERS)


def test_a_subset_takes_one_of_each_kind_first_and_a_smaller_one_is_its_beginning() -> None:
    scenes = [Scene(f"{kind}_{n}", kind, "held", "reply", "stop", Path()) for kind in KINDS for n in range(4)]
    found = subset(scenes, len(KINDS) + 2)
    assert [scene.kind for scene in found] == [*KINDS, *KINDS[:2]]
    assert len({scene.id for scene in found}) == len(found)
    assert subset(scenes[::-1], 5) == found[:5]
    assert len(subset(scenes, 1000)) == len(scenes)
