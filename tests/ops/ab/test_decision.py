"""The decision's file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ops.ab.decision import HEAD, NAME, section, weights, write
from ops.ab.rule import RULE


def written(engine: str, outcome: str) -> str:
    return section(
        engine=engine,
        about="load before 0.1",
        command=f"phone-ops ab --engine {engine}",
        on=date(2026, 3, 3),
        table="| a | b |",
        notes=["one", "two"],
        outcome=outcome,
    )


def test_a_section_says_all_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "new", "moonshine", written("moonshine", "It stays."))
    text = path.read_text()
    assert path.name == NAME
    for part in (
        "2026-03-03",
        "load before 0.1",
        "cores",
        "    phone-ops ab --engine moonshine",
        "| a | b |",
        "- two",
        "**It st",
    ):
        assert part in text
    assert RULE in " ".join(text.split())


def test_a_later_run_replaces_its_engine_s_section_and_no_other(tmp_path: Path) -> None:
    for engine, outcome in (("one", "Old."), ("two", "Kept."), ("one", "New.")):
        path = write(tmp_path, engine, written(engine, outcome))
    text = path.read_text()
    assert "Old." not in text
    assert text.count("## one") == text.count("## two") == 1
    assert "Kept." in text
    assert "New." in text
    assert text.startswith(HEAD)
    assert "\n\n\n" not in text


def test_weights_are_known_by_their_checksum(tmp_path: Path) -> None:
    file = tmp_path / "tiny.nemo"
    file.write_bytes(b"abc")
    assert weights(str(file)) == "`tiny.nemo` (0.0 MB, sha256 ba7816bf8f01cfea…)"
    assert weights(str(tmp_path)).startswith("`")
    assert str(tmp_path.parent) not in weights(str(tmp_path))
    assert weights("owner/name") == "`owner/name`"
    assert weights(None) == "the engine's own"
