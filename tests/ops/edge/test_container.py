"""The container files, as far as they can be checked without podman: what they name exists and is spelled right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.edge.container import files
from ops.edge.plan import plan_of
from tests.ops.edge.front import written

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTRUCTIONS = {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "CMD"}
SERVICE = {
    *("image", "build", "command", "network_mode", "read_only", "tmpfs", "cap_drop", "security_opt"),
    *("stop_grace_period", "restart", "volumes"),
}
"""Keys of the Compose specification that both podman-compose and docker compose know."""


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    _, settings = written(tmp_path)
    return files(plan_of(settings))


def instructions(text: str) -> list[tuple[str, str]]:
    whole = re.sub(r"\\\n\s*", "", text)
    lines = [line for line in whole.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_every_instruction_is_one_and_stands_where_it_may(made: dict[str, str]) -> None:
    found = instructions(made["Containerfile"])
    assert {word for word, _ in found} <= INSTRUCTIONS
    assert found[0][0] == "FROM"
    # The name includes its registry, because podman would ask for one; and a release instead of the latest.
    assert re.fullmatch(r"docker\.io/library/debian:\d+-slim", found[0][1])
    assert [word for word, _ in found][-1] == "CMD"
    assert all(rest.startswith("/") for word, rest in found if word == "WORKDIR")
    users = [rest for word, rest in found if word == "USER"]
    assert users == ["phone-daemon"]
    assert any(word == "RUN" and rest.startswith("useradd ") and rest.endswith(f" {users[0]}") for word, rest in found)
    # The rest of a line with a lost backslash would begin with an unknown instruction.
    assert not re.search(r"\\[ \t]+\n", made["Containerfile"])


def test_packages_are_installed_without_asking_and_debian_has_them(made: dict[str, str]) -> None:
    [install] = [rest for word, rest in instructions(made["Containerfile"]) if "apt-get" in rest]
    update, install, clean = install.split(" && ")
    assert (update, clean) == ("apt-get update", "rm -rf /var/lib/apt/lists/*")
    words = install.split()
    assert words[:4] == ["apt-get", "install", "-y", "--no-install-recommends"]
    packages = words[4:]
    assert packages == sorted(packages)
    if shutil.which("apt-cache") is None:
        pytest.skip("not a Debian: its packages are not known here")
    known = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", *packages], check=False, capture_output=True, text=True
    )
    if not known.stdout:
        pytest.skip("no list of packages here: apt-get update")
    assert {line.split()[1] for line in known.stdout.splitlines() if line.startswith("Package: ")} == set(packages)


def test_the_project_that_is_installed_is_this_one(made: dict[str, str]) -> None:
    found = instructions(made["Containerfile"])
    [install] = [rest for word, rest in found if "pip install" in rest]
    assert (ROOT / re.findall(r"-c (\S+)", install)[0]).is_file()
    [extra] = re.findall(r"'\.\[(\w+)\]'", install)
    assert extra in PROJECT["optional-dependencies"]
    assert json.loads(found[-1][1])[0] in PROJECT["scripts"]


def test_the_services_are_what_the_compose_specification_has(made: dict[str, str]) -> None:
    compose: dict[str, Any] = yaml.safe_load(made["compose.yaml"])
    assert set(compose) == {"services", "volumes"}
    assert set(compose["services"]) == {"daemon", "edge"}
    for service in compose["services"].values():
        assert set(service) <= SERVICE
        assert service["command"][0] in PROJECT["scripts"]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert re.fullmatch(r"\d+s", service["stop_grace_period"])
        assert service["restart"] in {"no", "always", "on-failure", "unless-stopped"}
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith("/") or source in compose["volumes"]
    assert "podman build -t phone-daemon " in made["Containerfile"]
    assert {service["image"] for service in compose["services"].values()} == {"phone-daemon"}


@pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed")
def test_podman_takes_the_containerfile(made: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "Containerfile"
    file.write_text(made["Containerfile"])
    done = subprocess.run(
        ["podman", "build", "--pull=never", "--layers=false", "-f", str(file), str(ROOT)],
        check=False,
        capture_output=True,
        text=True,
    )
    # Without the image nothing can be built, but misspellings are reported before that.
    assert done.returncode == 0 or "debian" in done.stderr, done.stderr
