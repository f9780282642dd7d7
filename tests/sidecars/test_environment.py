"""Environments of the heavy engines: built once from what a folder requires, and shared if that is wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sidecars.environment import FAMILIES, interpreter, why_not_loaded
from tests.sidecars.family import ROOT

BUILD = ROOT / "sidecars" / "environment.sh"
SETUP = 'echo made; .venv/bin/python -c "import sys; print(sys.prefix)" > .venv/prefix\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stand-in for a family: nothing to install, and a mark of when that was done."""
    made = tmp_path / "checkout" / "engine"
    made.mkdir(parents=True)
    (made / "setup.sh").write_text(SETUP)
    return made


def build(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {**{name: value for name, value in os.environ.items() if name != "KEPT_ENVIRONMENTS"}, **environ}
    command = ["sh", str(BUILD), folder.name]
    return subprocess.run(command, cwd=folder.parent, env=environ, capture_output=True, text=True, check=False)


def test_an_engine_runs_in_the_environment_of_its_family_and_else_in_none() -> None:
    assert FAMILIES["nemo"] == "parakeet"
    assert interpreter("espeak") == ""


@pytest.mark.engine
def test_a_folder_gets_an_environment_by_its_setup(folder: Path) -> None:
    made = build(folder, PYTHON=sys.executable)
    assert made.returncode == 0, made.stderr
    assert "building engine/.venv (once)" in made.stdout
    assert Path((folder / ".venv" / "prefix").read_text().strip()).samefile(folder / ".venv")


@pytest.mark.engine
def test_one_that_was_built_from_the_same_files_is_taken_again_and_from_others_is_not(
    folder: Path, tmp_path: Path
) -> None:
    kept = str(tmp_path / "kept")
    assert "made" in build(folder, PYTHON=sys.executable, KEPT_ENVIRONMENTS=kept).stdout
    first = (folder / ".venv").resolve()
    assert first.is_relative_to(kept)
    assert build(folder, PYTHON=sys.executable, KEPT_ENVIRONMENTS=kept).stdout == ""
    (folder / "setup.sh").write_text(f"{SETUP}# another\n")
    assert "made" in build(folder, PYTHON=sys.executable, KEPT_ENVIRONMENTS=kept).stdout
    assert (folder / ".venv").resolve() != first
    assert "made" in build(folder, PYTHON=sys.executable).stdout
    assert (folder / ".venv").is_dir() and not (folder / ".venv").is_symlink()
    assert first.is_dir()


@pytest.mark.engine
def test_one_that_failed_half_way_is_built_again(folder: Path, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept")
    (folder / "setup.sh").write_text("exit 3\n")
    assert build(folder, PYTHON=sys.executable, KEPT_ENVIRONMENTS=kept).returncode == 3
    assert build(folder, PYTHON=sys.executable, KEPT_ENVIRONMENTS=kept).returncode == 3


def test_without_a_python_it_says_what_is_missing(folder: Path) -> None:
    made = build(folder, PYTHON="")
    assert made.returncode != 0
    assert "no Python 3.11 or 3.12 found" in made.stderr


@pytest.mark.engine
def test_make_hands_the_folder_on_and_takes_the_same_one_again(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("Makefile", "sidecars/environment.sh"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).symlink_to(ROOT / name)
    (checkout / "sidecars" / "kokoro").mkdir()
    (checkout / "sidecars" / "kokoro" / "setup.sh").write_text(SETUP)
    command = ["make", "sidecars/kokoro/.venv/run.stamp", f"PYTHON={sys.executable}"]
    environ = {**os.environ, "KEPT_ENVIRONMENTS": str(tmp_path / "kept")}
    made = subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (kept,) = (tmp_path / "kept").iterdir()
    assert (checkout / "sidecars" / "kokoro" / ".venv").resolve() == kept
    assert (kept / "run.stamp").exists()


@pytest.mark.parametrize(
    ("engine", "error", "told"),
    [
        ("nemo", ModuleNotFoundError("No module named 'nemo'"), "No module named 'nemo'; make parakeet installs it"),
        ("espeak", ModuleNotFoundError("No module named 'x'"), "No module named 'x'"),
        ("nemo", ValueError("bad"), "ValueError: bad"),
    ],
)
def test_an_engine_whose_packages_are_missing_says_what_installs_them(engine: str, error: Exception, told: str) -> None:
    assert why_not_loaded(engine, error).endswith(told)
