"""The written files: the programs accept them, nobody else can read them, and secrets and lists are in place."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.edge.check import problems
from ops.edge.plan import plan_of
from ops.edge.render import render
from tests.foreign.programs import need
from tests.ops.edge.certificates import authority, certificate
from tests.ops.edge.front import written

ACCOUNT: dict[str, Any] = {
    "name": "account",
    "register": {"registrar": ["127.0.0.1:5999"], "user": "alice", "password_env": "SECRET", "realm": "example.com"},
}


def test_the_programs_take_everything_that_can_be_set(tmp_path: Path) -> None:
    for program in ("kamailio", "rtpengine", "haproxy"):
        need(program)
    ca = authority(tmp_path)
    chain, key = certificate(tmp_path, "sip.example.com")
    more: dict[str, Any] = {
        "name": "sip.example.com", "certificate": str(chain), "key": str(key), "client_ca": str(ca), "ca": str(ca),
        "public_address": "192.0.2.7", "rtp_source": "moving",
        "stt_servers": ["10.0.0.5:8765", "10.0.0.6:8765"], "tts_servers": ["10.0.0.7:8880"],
    }  # fmt: skip
    trunks: list[dict[str, Any]] = [
        ACCOUNT,
        {"name": "carrier", "addresses": ["192.0.2.0/24", "2001:db8::/32"], "trust": True},
    ]
    _, settings = written(tmp_path, trunks=trunks, edge_cards=["10.0.0.2:5060-5063"], **more)
    plan = plan_of(settings, environ={"SECRET": "pa:ss"})
    paths = render(plan)
    assert problems(plan, settings.sip.trusted, rendered=True) == []
    texts = {path.relative_to(plan.folder).as_posix(): path.read_text() for path in paths}
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)
    assert [name for name, text in texts.items() if "pa\\:ss" in text] == ["accounts/uacreg"]
    assert "1 192.0.2.0 24 0 trusted:carrier\n1 [2001:db8::] 32 0 trusted:carrier\n" in texts["address.list"]
    assert texts["dispatcher.list"].count("duid=") == 6
    assert "!192.0.2.7;inner/127.0.0.1" in texts["rtpengine.conf"]
    assert "media-handover" in texts["kamailio.cfg"]
    assert render(plan) == paths


def test_kamailio_s_own_complaint_is_one_line(tmp_path: Path) -> None:
    need("kamailio")
    need("rtpengine")
    _, settings = written(tmp_path)
    plan = plan_of(settings)
    render(plan)
    config = plan.folder / "kamailio.cfg"
    config.write_text(config.read_text().replace("route(BUSY);", "nonsense();", 1))
    [line] = problems(plan, settings.sip.trusted, rendered=True)
    assert line.startswith("kamailio: ")
    assert "\n" not in line


def test_what_would_not_work_is_said_before_anything_starts(tmp_path: Path) -> None:
    _, settings = written(
        tmp_path, bind="192.0.2.7", inner="127.0.0.2", rtp_ports="30000-30003", stt_servers=["nonsense"], trunks=[]
    )
    said = "\n".join(problems(plan_of(settings), ("127.0.0.1/32",), rendered=False))
    for part in (
        '[edge] bind: "192.0.2.7" is not an address of this machine',
        "is too few for 2 line cards: 32 are needed",
        '[sip] trusted lacks 127.0.0.2, from which the edge names callers; add "127.0.0.2/32"',
        '[edge] stt_servers: "nonsense" is not an address',
        "there is no [[trunk]] table, so everybody gets 403",
    ):
        assert part in said


def test_a_program_that_is_missing_is_one_line_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.edge.supervisor.PLACES", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    _, settings = written(tmp_path)
    said = problems(plan_of(settings), settings.sip.trusted, rendered=True)
    assert said[0].startswith("kamailio is not installed: apt-get install kamailio kamailio-tls-modules")
    assert said[1] == "rtpengine is not installed: apt-get install rtpengine-daemon"


def test_units_are_what_systemd_takes(tmp_path: Path) -> None:
    analyze = need("systemd-analyze")
    _, settings = written(tmp_path, stt_servers=["10.0.0.5:8765"])
    units = [path for path in render(plan_of(settings)) if path.suffix == ".service"]
    assert len(units) == 4
    done = subprocess.run([analyze, "verify", *map(str, units)], capture_output=True, text=True, check=False)
    wrong = [line for line in done.stderr.splitlines() if "phone-edge" in line and "is not executable" not in line]
    assert not wrong
