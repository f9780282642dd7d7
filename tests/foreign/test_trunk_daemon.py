"""A whole daemon with an account at a third-party provider: three lines of settings, and the first call."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from ops.live.daemon_process import DaemonProcess
from ops.witness.probe import until
from tests.foreign.kamailio import PASSWORD, USER, Kamailio
from tests.foreign.sipp import asking, calling, sipp

GREETING = """
called = "+442079460100"
greeting = "Good morning, this is the front desk of the provider's customer."
[intents.bye]
caller_says = ["goodbye"]
say = "Goodbye."
"""


async def ops(daemon: DaemonProcess, *words: str) -> tuple[int, str, str]:
    """`phone-ops` in a shell without the account's password."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops", *words, "-c", str(daemon.directory / "settings.toml"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.foreign
async def test_from_an_accounts_name_and_password_to_the_first_answered_call(tmp_path: Path) -> None:
    (tmp_path / "front_desk.toml").write_text(GREETING)
    async with Kamailio(tmp_path) as provider:
        register = {"registrar": f"127.0.0.1:{provider.port}", "user": USER, "password_env": "TRUNK_PASSWORD"}
        settings = {
            "trunk": [{"name": "provider", "register": register, "dialplans": ["front_desk"]}],
            "dialplans": [str(tmp_path / "front_desk.toml")],
            "sip": {"bind": "127.0.0.1"},
        }
        daemon = DaemonProcess(tmp_path / "var", settings, environ={"TRUNK_PASSWORD": PASSWORD})
        async with daemon:
            await until(lambda: "trunk.registered trunk=provider" in daemon.log())
            assert f"provider: call {USER} at 127.0.0.1:{provider.port}" in daemon.log()
            # No dialplan has the account's number: its caller still reaches the trunk's dialplan.
            await sipp(tmp_path, provider.port, calling(hold_ms=2500), USER)
            await until(lambda: "call.ended" in daemon.log())
            assert "dialplan=front_desk trunk=provider" in daemon.log()
            (call,) = daemon.calls()
            assert "front desk" in (call / "turns.jsonl").read_text()
            code, out, _ = await ops(daemon, "trunks")
            assert code == 0
            assert "registered" in out
            # A caller from no trunk gets nothing, on either transport.
            await sipp(tmp_path, daemon.port, calling(403), "+442079460100")
            await sipp(tmp_path, daemon.port, asking(403))
            ready = await daemon.readiness()
            assert ready["parts"]["trunks"] == {"status": "ok", "detail": ""}
        assert "trunk.unregistered trunk=provider" in daemon.log()
        last = provider.asked("REGISTER")[-1]
        assert last["expires"] == "0"
        everything = [path.read_bytes() for path in daemon.directory.rglob("*") if path.is_file()]
        assert all(PASSWORD.encode() not in text for text in everything)


@pytest.mark.foreign
async def test_a_refused_account_shows_in_readyz_and_in_phone_ops(tmp_path: Path) -> None:
    async with Kamailio(tmp_path) as provider:
        (tmp_path / "secret").write_text("not-the-password\n")
        register = {"registrar": f"127.0.0.1:{provider.port}", "user": USER, "password_file": str(tmp_path / "secret")}
        settings = {"trunk": [{"name": "provider", "register": register}], "sip": {"bind": "127.0.0.1"}}
        async with DaemonProcess(tmp_path / "var", settings) as daemon:
            await until(lambda: "trunk.failed" in daemon.log())
            ready = await daemon.readiness()
            said = f"127.0.0.1:{provider.port}: 401 Unauthorized"
            assert ready["status"] == "degraded"
            assert ready["parts"]["trunks"]["detail"] == f"provider: {said}"
            code, out, _ = await ops(daemon, "trunks", "--json")
            (trunk,) = json.loads(out)
            assert (code, trunk["state"], trunk["detail"]) == (1, "refused", said)
            assert "not-the-password" not in daemon.log() + out


@pytest.mark.foreign
async def test_a_trunk_has_its_most_calls_and_another_is_told_to_wait(tmp_path: Path) -> None:
    settings = {
        "trunk": [{"name": "carrier", "addresses": ["127.0.0.1"], "max_calls": 1}],
        "sip": {"bind": "127.0.0.1"},
    }
    async with DaemonProcess(tmp_path / "var", settings) as daemon:
        first = asyncio.create_task(sipp(tmp_path, daemon.port, calling(hold_ms=3000)))
        await until(lambda: "call.answered" in daemon.log())
        await sipp(tmp_path, daemon.port, calling(503))
        await first
        await until(lambda: "call.ended" in daemon.log())
        await sipp(tmp_path, daemon.port, calling(hold_ms=200))
        assert 'status=503 reason="the trunk has its most calls"' in daemon.log()


async def test_check_names_a_dialplan_that_a_trunk_names_and_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "front_desk.toml").write_text(GREETING)
    file = tmp_path / "s.toml"
    file.write_text(
        'dialplans = ["front_desk.toml"]\n[[trunk]]\nname = "a"\naddresses = "192.0.2.7"\ndialplans = ["frontdesk"]\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phone_daemon", "check", "-c", str(file), stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (
        1, '[[trunk]] "a": dialplans: there is no dialplan "frontdesk"; did you mean "front_desk"?\n'
    )  # fmt: skip
