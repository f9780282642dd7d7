"""The tiny model of our own: how it is trained, and what the shipped one understands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.sidecars.family import BUILD_S, ROOT, python_of

pytestmark = pytest.mark.timeout(BUILD_S)

SHIPPED = ROOT / "sidecars" / "parakeet" / "tiny.nemo"


def test_inside(tmp_path: Path) -> None:
    """The tests of `tiny_inside.py`, run by the environment's own Python."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "PYTEST_"))}
    flags = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "--import-mode=importlib", "-q"]
    ran = subprocess.run(
        [
            python_of("parakeet"),
            "-W",
            "ignore",
            "-m",
            "pytest",
            *flags,
            str(Path(__file__).with_name("tiny_inside.py")),
        ],
        env={**mine, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_shipped_is_small() -> None:
    assert SHIPPED.stat().st_size < 30e6


def test_the_training_program_says_what_is_missing(tmp_path: Path) -> None:
    """Without the voices' programs it ends with one line, and makes nothing."""
    home = tmp_path / "home"  # NeMo's dependencies leave folders there
    home.mkdir()
    ran = subprocess.run(
        [python_of("parakeet"), "-W", "ignore", "-m", "sidecars.parakeet.train_tiny", str(tmp_path / "out.nemo")],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "HOME": str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "train_tiny: espeak-ng and flite not found; apt-get install espeak-ng flite" in ran.stderr
    assert list(tmp_path.iterdir()) == [home]
