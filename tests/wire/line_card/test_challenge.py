"""Registrars that ask for the password in a way that pjsip does not have."""

from __future__ import annotations

import asyncio

import pytest

from ops.witness.probe import until
from phone_daemon.settings.settings import SipSettings
from phone_daemon.settings.trunks import RegisterKeys, TrunkSettings
from phone_daemon.wire.line_card.challenge import OFFERED, explained
from phone_daemon.wire.sip import LineCards
from phone_daemon.wire.trunk import Standing
from phone_daemon.wire.trunks import Trunks
from tests.wire.line_card.test_plausible import Registrar

DIGEST = 'WWW-Authenticate: Digest realm="a, algorithm=x", nonce="n"'


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        *((DIGEST, ""), (f'{DIGEST}, algorithm=SHA-256, qop="auth"', ""), (f'{DIGEST},algorithm="md5"', "")),
        *((f'{DIGEST}, qop="auth-int,auth"', ""), (f"{DIGEST}, qop=auth", ""), ("Via: x", "")),
        *((f"{DIGEST}, algorithm=SHA-512-256\r\n{DIGEST}", ""), (f"{DIGEST}, algorithm=SHA-512-256", "SHA-512-256")),
        *((f'{DIGEST}, algorithm=MD5-sess, qop="auth"', "MD5-SESS"), (f"{DIGEST}, qop=auth-int", "MD5 with auth-int")),
        *((f'{DIGEST}, qop="auth-int"\r\nProxy-Authenticate: NTLM realm="x"', "MD5 with auth-int or NTLM"),),
    ],
)
def test_what_cannot_be_answered_is_named_in_the_reason(headers: str, asked: str) -> None:
    rest = f"\r\nCSeq: 1 REGISTER\r\n{headers}\r\n\r\n"
    reason = f": it asks for {asked}, {OFFERED}" if asked else ""
    assert explained(f"SIP/2.0 401 Unauthorized{rest}") == f"SIP/2.0 401 Unauthorized{reason}{rest}"
    assert explained(f"SIP/2.0 403 Forbidden{rest}") == f"SIP/2.0 403 Forbidden{rest}"
    assert explained(f"INVITE sip:1@h SIP/2.0{rest}") == f"INVITE sip:1@h SIP/2.0{rest}"


async def test_the_trunk_says_what_the_registrar_wants(caplog: pytest.LogCaptureFixture) -> None:
    registrar = Registrar("401 Unauthorized", f"{DIGEST}, algorithm=SHA-512-256")
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: registrar, local_addr=("127.0.0.1", 0))
    register = RegisterKeys(registrar=(f"127.0.0.1:{registrar.port}",), user="620", password_env="P")
    trunks = Trunks([TrunkSettings(name="a", register=register)], environ={"P": "secret"})
    async with trunks, LineCards(SipSettings(port=0), trunks=trunks):
        [trunk] = trunks
        await until(lambda: trunk.standing is Standing.REFUSED)
    assert f"401 Unauthorized: it asks for SHA-512-256, {OFFERED}" in trunk.detail
    assert "ask the provider" in caplog.text
    assert "user and password" not in caplog.text
