"""`phone-ops edge` from an operator's point of view."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import main
from ops.edge.check import mistakes, passing
from ops.edge.command import MISTAKES
from ops.edge.plan import plan_of
from phone_daemon.wire.sip import LineCards
from tests.foreign.programs import need
from tests.ops.edge.front import written


async def test_it_starts_tells_how_it_is_and_ends_on_a_signal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("kamailio")
    need("rtpengine")
    file, settings = written(tmp_path, cards=2)
    words = ["edge", "status", "-c", str(file)]
    assert await asyncio.to_thread(main, words) == 1
    assert "no edge is running with its files in" in capsys.readouterr().err
    async with LineCards(settings.sip):
        edge = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ops", "edge", "start", "-c", str(file),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert edge.stdout is not None
            async with asyncio.timeout(20):
                assert f"127.0.0.1:{settings.edge.port}".encode() in await edge.stdout.readline()
            capsys.readouterr()
            assert await asyncio.to_thread(main, words) == 0
            assert "2 of 2 line cards up, 0 calls, media relay answers" in capsys.readouterr().out
            assert await asyncio.to_thread(main, [*words, "--json"]) == 0
            told = json.loads(capsys.readouterr().out)
            assert told["ready"]
            assert {card["uri"] for card in told["cards"]} == {
                f"sip:127.0.0.1:{settings.sip.port + at}" for at in (0, 1)
            }
        finally:
            edge.terminate()
            async with asyncio.timeout(15):
                code = await edge.wait()
    assert code == 0
    assert await asyncio.to_thread(main, words) == 1


@pytest.mark.parametrize(
    ("edge", "said"),
    [
        ({"bind": "192.0.2.7"}, ['[edge] bind: "192.0.2.7" is not an address of this machine']),
        ({"bind": "nowhere", "rtp_ports": "30000-30003"}, ["is not an IP address", "is too few for 2 line cards"]),
    ],
)
def test_nothing_starts_with_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], edge: dict[str, Any], said: list[str]
) -> None:
    need("kamailio")
    need("rtpengine")
    file, _ = written(tmp_path, **edge)
    assert main(["edge", "start", "-c", str(file)]) == MISTAKES
    lines = capsys.readouterr().err.splitlines()
    assert all(any(part in line for line in lines) for part in said)
    assert lines[-1] == "phone-ops edge: nothing was started"
    assert "edge.started" not in " ".join(lines)


def test_a_port_that_is_in_use_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("kamailio")
    need("rtpengine")
    file, settings = written(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rival:
        rival.bind(("127.0.0.1", settings.edge.port))
        assert main(["edge", "start", "-c", str(file)]) == MISTAKES
    [line, last] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"[edge] port: 127.0.0.1:{settings.edge.port}/udp is in use")
    assert last == "phone-ops edge: nothing was started"


def test_a_name_that_is_not_known_yet_prevents_no_start(tmp_path: Path) -> None:
    _, settings = written(tmp_path, trunks=[{"name": "carrier", "addresses": ["carrier.invalid"]}])
    plan = plan_of(settings)
    assert mistakes(plan, settings.sip.trusted, rendered=False) == []
    assert "carrier.invalid cannot be looked up" in passing(plan)[0]


def test_settings_without_an_edge_are_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text("")
    assert main(["edge", "check", "-c", str(tmp_path / "s.toml")]) == 2
    assert capsys.readouterr().err.startswith("phone-ops edge: [edge] bind is not set; write the address")


def test_check_prints_a_line_for_each_problem_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, _ = written(tmp_path, rtp_ports="30000-30003")
    assert main(["edge", "check", "-c", str(file)]) == 1
    assert "rtp_ports" in capsys.readouterr().err
    file, _ = written(tmp_path)
    need("kamailio")
    need("rtpengine")
    assert main(["edge", "check", "-c", str(file)]) == 0
    assert "no problems found: 2 line cards, 1 trunk, files in" in capsys.readouterr().out
