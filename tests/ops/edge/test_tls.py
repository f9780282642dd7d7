"""TLS and SRTP from end to end: baresip (third-party) calls the edge, and the daemon behind it answers."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import wave
from pathlib import Path

import pytest

from ops.edge.certificate import problems
from ops.live.daemon_process import DaemonProcess
from ops.live.ports import free_block, free_port, rtp_ports
from ops.witness.probe import until
from phone_daemon.events import PlayoutDone
from tests.foreign.audio import has_speech, read, share_in_order
from tests.foreign.conftest import booking, silence
from tests.foreign.programs import need
from tests.foreign.test_baresip import modules
from tests.ops.edge.certificates import authority, certificate
from tests.ops.edge.front import HERE, front
from tests.wire.calls import Ear, strength, tone

__all__ = ["booking"]
FOLDER = Path(__file__).parent
NUMBER = "+442079460100"


async def test_a_softphone_calls_by_tls_with_srtp_and_is_heard_and_hears(tmp_path: Path, booking: bytes) -> None:
    program = need("baresip")
    need("kamailio")
    need("rtpengine")
    ca = authority(tmp_path)
    chain, key = certificate(tmp_path, "127.0.0.1")
    first = free_block(4)
    tls = free_port()
    sections = {
        "trunk": [HERE],
        "edge": {
            "bind": "127.0.0.1",
            "port": first,
            "inner_port": first + 1,
            "control_port": first + 2,
            "redis_port": first + 3,
            "rtp_ports": rtp_ports(),
            "tls_port": tls,
            "name": "127.0.0.1",
            "certificate": str(chain),
            "key": str(key),
            "directory": str(tmp_path / "edge"),
        },
    }
    async with DaemonProcess(tmp_path / "var", sections) as daemon:
        edge = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ops", "edge", "start", "-v", "-c", str(daemon.directory / "settings.toml"),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=(tmp_path / "edge.log").open("wb"),
        )  # fmt: skip
        try:
            assert edge.stdout is not None
            async with asyncio.timeout(20):
                assert b"the edge answers" in await edge.stdout.readline(), (tmp_path / "edge.log").read_text()
            folder = tmp_path / "baresip"
            folder.mkdir()
            with wave.open(str(folder / "caller.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(silence(1) + booking + silence(3))
            (folder / "config").write_text(
                (FOLDER / "baresip.config")
                .read_text()
                .format(port=free_port(), folder=folder, modules=modules(program), ca=ca)
            )
            (folder / "accounts").write_text(
                "<sip:foreign@127.0.0.1;transport=tls>;regint=0;audio_codecs=pcmu/8000/1;mediaenc=srtp-mand\n"
            )
            (folder / "contacts").touch()
            phone = await asyncio.create_subprocess_exec(
                program, "-f", str(folder), "-e", f"/dial sip:100@127.0.0.1:{tls};transport=tls", "-t", "8",
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            try:
                async with asyncio.timeout(25):
                    told = (await phone.communicate())[0].decode(errors="replace")
            finally:
                if phone.returncode is None:
                    phone.kill()
                    await phone.wait()
            assert "Call established" in told, told + (tmp_path / "edge.log").read_text() + daemon.log()
            assert "SRTP is Enabled (cryptosuite=AES_CM_128_HMAC_SHA1_80)" in told, told
            await until(lambda: "call.ended" in daemon.log())
        finally:
            if edge.returncode is None:
                edge.terminate()
                async with asyncio.timeout(10):
                    await edge.wait()
        (heard,) = folder.glob("dump-*-dec.wav")
        (ear,) = read(heard)
        (call,) = daemon.calls()
        _, agent = read(call / "call.wav")
        turns = [json.loads(line) for line in (call / "turns.jsonl").read_text().splitlines()]
    assert has_speech(ear)
    assert share_in_order(ear, agent) > 0.8
    # By its words, not by its waveform: this client sends from a thread that a busy machine delays.
    assert any("appointment" in turn["caller"] for turn in turns), turns


@pytest.mark.parametrize("srtp", ["auto", "off"])
async def test_a_call_out_to_a_trunk_with_tls_leaves_with_srtp_unless_that_is_off(tmp_path: Path, srtp: str) -> None:
    program = need("baresip")
    ca = authority(tmp_path)
    chain, key = certificate(tmp_path, "127.0.0.1")
    port = free_block(2)  # baresip uses TLS one port above the one that it is told.
    folder = tmp_path / "baresip"
    folder.mkdir()
    with wave.open(str(folder / "caller.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(440, 8.0))
    (folder / "both.pem").write_text(chain.read_text() + key.read_text())
    (folder / "config").write_text(
        (FOLDER / "baresip.config").read_text().format(port=port, folder=folder, modules=modules(program), ca=ca)
        + f"sip_certificate {folder}/both.pem\n"
    )
    media = "srtp-mand" if srtp == "auto" else ""
    (folder / "accounts").write_text(
        f"<sip:{NUMBER}@127.0.0.1;transport=tls>;regint=0;answermode=auto;audio_codecs=pcmu/8000/1;mediaenc={media}\n"
    )
    (folder / "contacts").touch()
    carrier = {"name": "carrier", "addresses": ["127.0.0.1/32"], "proxy": f"127.0.0.1:{port + 1}", "allow": ["+4420*"]}
    trunks = [{**carrier, "transport": "tls", "srtp": srtp}]
    files = {"name": "127.0.0.1", "certificate": str(chain), "key": str(key), "ca": str(ca)}

    def pcm() -> bytes:
        """What the carrier heard; written when the call is over."""
        [file] = folder.glob("dump-*-dec.wav")
        return file.read_bytes()[44:]

    phone = await asyncio.create_subprocess_exec(
        program, "-f", str(folder), "-s", stdin=asyncio.subprocess.DEVNULL,
        stdout=(folder / "log").open("wb"), stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with front(tmp_path, cards=1, trunks=trunks, **files) as made:
            [trunk] = made.trunks
            line = await made.cards.place(made.trunks.uri(trunk, NUMBER), made.trunks.caller(trunk), "carrier")
            ear = Ear(line)
            line.play(1, tone(1000, 2))
            line.finish(1)
            await ear.until(lambda: strength(ear.heard[-4000:], 440) > 4000)
            await ear.event(PlayoutDone)
            line.hang_up()
            await ear.closed()
            await until(pcm)
    finally:
        phone.terminate()
        async with asyncio.timeout(10):
            await phone.wait()
        told = (folder / "log").read_text(errors="replace")
    offer = re.findall(r"^INVITE .*?^(m=audio.*?)\n\x1b", told.replace("\r", ""), re.MULTILINE | re.DOTALL)[0]
    assert offer.split()[2] == ("RTP/SAVP" if srtp == "auto" else "RTP/AVP"), told
    suites = ["AES_CM_128_HMAC_SHA1_80"] if srtp == "auto" else []
    assert re.findall(r"a=crypto:\d+ (\S+) inline:", offer) == suites, offer
    assert "fingerprint" not in offer
    assert ("SRTP is Enabled" in told) is (srtp == "auto"), told
    assert "User-Agent: phone-daemon" not in told
    # Part of what it heard was silence.
    assert strength(pcm(), 1000) > 1000


@pytest.mark.parametrize(
    ("made", "days", "asked", "said"),
    [
        ("sip.example.com", 30, "sip.example.com", ""),
        ("sip.example.com", -1, "sip.example.com", "expired on"),
        ("sip.example.com", 3, "sip.example.com", "renew it soon"),
        ("sip.example.com", 30, "sip.example.org", 'is for sip.example.com, not for name = "sip.example.org"'),
        ("sip.example.com", 30, "", "name is not set"),
    ],
)
def test_a_certificate_that_trunks_would_refuse_is_one_line(
    tmp_path: Path, made: str, days: int, asked: str, said: str
) -> None:
    authority(tmp_path)
    chain, key = certificate(tmp_path, made, days)
    found = problems(chain, key, asked)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_a_key_that_is_not_the_certificate_s_or_open_to_others_is_said(tmp_path: Path) -> None:
    authority(tmp_path)
    chain, _ = certificate(tmp_path, "a.example.com")
    _, other = certificate(tmp_path, "b.example.com")
    assert "is not the certificate's" in problems(chain, other, "a.example.com")[0]
    other.chmod(0o644)
    assert "chmod 600" in problems(chain, other, "a.example.com")[-1]
    assert "no such file" in problems(tmp_path / "none", other, "a.example.com")[0]
    (tmp_path / "junk").write_text("junk")
    assert "is not a PEM certificate" in problems(tmp_path / "junk", other, "a.example.com")[0]
