"""Bursts of barge-ins: the verdict, and a small burst against a live daemon."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from ops.bench.model_server import ModelServer
from ops.bench.plans import model_plan
from ops.live.burst import Tally, Verdict, add_arguments, burst, number, run, sections, stale
from ops.live.daemon_process import DaemonProcess
from ops.usage import WrongUse
from ops.witness.rtp import SILENT_FRAME, Packet
from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.settings.settings import Settings
from phone_daemon.telemetry.turn_record import LEGS


def tally(total: float, count: int = 3, stale: int = 0, missed: int = 0) -> Tally:
    return Tally(count, {leg: [total] * count for leg in (*LEGS, "total")}, [total] * count, stale, missed)


def test_a_burst_within_floor_and_gate_passes() -> None:
    verdict = Verdict(tally(total=404.9), wanted=3, floor_ms=5.0)
    assert verdict.limit_ms == 405.0
    assert verdict.passed


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (tally(total=405.1), 3),
        (tally(total=20, stale=1), 3),
        (tally(total=20, missed=1), 3),
        (tally(total=20), 4),
        (Tally(), 1),
    ],
    ids=["too slow", "stale audio", "a leg missed", "too few", "none"],
)
def test_a_burst_fails(seen: Tally, wanted: int) -> None:
    assert not Verdict(seen, wanted, floor_ms=5.0).passed


def test_json_has_the_promised_keys() -> None:
    told = Verdict(tally(total=20.1234), wanted=3, floor_ms=0.5).as_json()
    assert told == json.loads(json.dumps(told))
    assert list(told) == ["count", "legs", "llm_cancel_floor_ms", "gate", "stale_frames"]
    legs = told["legs"]
    assert isinstance(legs, dict)
    assert set(legs) == {*LEGS, "total"}
    assert legs["total"] == {"p50": 20.123, "p95": 20.123, "p99": 20.123, "max": 20.123}
    assert told["gate"] == {"limit_ms": 400.5, "p95_ms": 20.123, "passed": True}


@pytest.mark.parametrize(("last_sound_ms", "frames"), [(80, 0), (100, 0), (120, 0), (140, 1), (200, 4)])
def test_sound_after_the_card_says_it_is_silent_is_stale(last_sound_ms: int, frames: int) -> None:
    """A frame on its way when the card fell silent, at 100 ms, is not stale; any later one is."""
    packets = [
        Packet(at * 1_000_000, at // 20, at * 8, 1, 0, False, sound, ("127.0.0.1", 1))
        for at in range(0, 400, 20)
        for sound in [bytes(160) if at <= last_sound_ms else SILENT_FRAME]
    ]
    assert stale(packets, 100_000_000) == frames


@pytest.mark.long
async def test_every_barge_in_of_a_live_daemon_is_recorded(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path) as daemon:
        found = await burst(daemon.uri(), daemon.state, count=4, calls=2)
    assert not found.problems
    assert found.count == len(found.wire) == 4
    assert {leg: len(took) for leg, took in found.legs.items()} == dict.fromkeys((*LEGS, "total"), 4)
    assert found.stale_frames == 0


@pytest.mark.long
async def test_a_daemon_that_is_not_there_is_told_and_fails(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path, {"sip": {"codecs": ["G722"]}}) as daemon:  # nothing in common with the probe
        found = await burst(daemon.uri(), daemon.state, count=2, calls=1)
    assert found.count == 0
    assert found.problems
    assert all("488" in problem for problem in found.problems)
    assert not Verdict(found, 2, 1.0).passed


def test_a_settings_file_is_taken_along_without_its_ports_and_folders(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        "dialplans = ['a.toml']\nhealth_port = 1\n[sip]\nport = 2\ncodecs = ['PCMU']\n[state]\ndirectory = 'x'\n"
        "[[trunk]]\nname = 'a'"
    )
    assert sections(file) == {"dialplans": [str(tmp_path / "a.toml")], "sip": {"codecs": ["PCMU"]}, "state": {}}


@pytest.mark.parametrize("words", [["--count", "0"], ["--calls", "0"], ["--to", "sip:100@192.0.2.1", "--count", "1"]])
def test_wrong_use_is_told(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(WrongUse):
        run(parser.parse_args(words))


@pytest.mark.timeout(120, func_only=True)
def test_a_language_model_is_interrupted_in_what_it_says_itself(
    tmp_path: Path,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run as an operator types it: the floor is the same server's, and no barge-in hits a greeting."""
    monkeypatch.setattr("ops.live.floor.SERVED", 5)
    plan = model_plan(tmp_path, model_server.base_url, model_server.model, max_tokens=20)
    file = tmp_path / "settings.toml"
    file.write_text(f"dialplans = ['{plan}']")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    code = run(parser.parse_args(["--count", "4", "--calls", "2", "-c", str(file), "--json"]))
    told = json.loads(capsys.readouterr().out)
    assert (told["count"], told["stale_frames"]) == (4, 0)
    assert told["llm_cancel_floor_ms"] > 0
    assert told["gate"]["limit_ms"] == pytest.approx(told["llm_cancel_floor_ms"] + 400, abs=0.01)
    assert "llm_closed" in told["legs"]
    assert code == (0 if told["gate"]["passed"] else 1)


async def test_a_burst_calls_a_number_that_the_dialplan_answers(tmp_path: Path) -> None:
    plan = tmp_path / "office.toml"
    text = (SHIPPED / "dental_clinic.toml").read_text()
    plan.write_text(text.replace('called = ["*"]', 'called = ["/^9/", "+4420*", "+442079460100"]'))
    assert number(Settings(dialplans=(plan,))) == "+4420"
    assert number(Settings()) == "100"
