"""Interpreters and processes for each place."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from ops.ab.places import _BOTH, CannotRun, Engine, client, run, settings, sidecar
from sidecars.remote.listen_client import ListenHost


@pytest.fixture
def other(tmp_path: Path) -> str:
    """An environment with its own version of a package that the daemon has, too."""
    folder = tmp_path / "other"
    venv.create(folder, with_pip=False)
    package = next((folder / "lib").glob("python*")) / "site-packages" / "soxr"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("mine = True")
    return str(folder / "bin" / "python")


def asked(python: str, environ: dict[str, str], code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", code], env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )


def test_a_shared_process_has_the_engine_s_packages_and_then_the_daemon_s(other: str, tmp_path: Path) -> None:
    python, environ = client("inprocess", Engine("anything", {}, other), tmp_path)
    assert python == other
    both = asked(python, environ, "import soxr, numpy, phone_daemon; print(soxr.mine, numpy.__name__)")
    assert both.stdout == "True numpy\n", both.stderr


def test_other_places_have_the_daemon_under_its_own_interpreter(other: str, tmp_path: Path) -> None:
    for place in ("listen", "subprocess", "per_call"):
        assert client(place, Engine("anything", {}, other), tmp_path) == (sys.executable, {})
    assert client("inprocess", Engine("moonshine", {}), tmp_path) == (sys.executable, {})


def test_another_version_of_python_cannot_be_shared(other: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_BOTH.format(version=(2, 7), packages="/nowhere"))
    shared = asked(other, {"PYTHONPATH": str(tmp_path)}, "print('ran')")
    assert shared.returncode
    assert shared.stdout == ""
    assert "the daemon's 2.7" in shared.stderr


async def test_the_last_line_of_a_program_that_fails_is_why(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"^ValueError: not like this$"):
        await run(sys.executable, {}, ["-c", "raise ValueError('not like this')"], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("place", ["listen", "listen_unix"])
async def test_the_sidecar_is_reached_where_it_says_and_ends_with_the_block(place: str, tmp_path: Path) -> None:
    async with sidecar(place, Engine("moonshine", {}), tmp_path) as server:
        assert server is not None
        assert server.url.startswith("unix://" if place == "listen_unix" else "ws://127.0.0.1:")
        host = ListenHost(server.url)
        await host.start()
        await host.close()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


async def test_a_sidecar_that_cannot_load_its_engine_says_why(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="weight 77: expected a number"):
        async with sidecar("listen", Engine("moonshine", {"weight": 77}), tmp_path):
            pass


async def test_other_places_have_no_server(tmp_path: Path) -> None:
    async with sidecar("subprocess", Engine("moonshine", {}), tmp_path) as server:
        assert server is None


def test_no_fallback_hides_what_fails() -> None:
    engine = Engine("nemo", {"model": "m"}, told={"phrases": {}})
    for place in ("listen", "subprocess", "inprocess", "per_call"):
        assert settings(place, engine, "ws://127.0.0.1:1/v1/listen")["fallback"] == ""
    assert settings("per_call", engine)["options"] == {"model": "m"}
