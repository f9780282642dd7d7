"""Requests that pjsip cannot parse are answered, and harm nobody."""

from __future__ import annotations

import asyncio
import socket

import pytest

from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.line_card.message import parse
from phone_daemon.wire.sip import LineCard
from tests.wire.calls import PATIENCE_S, call, card

INVITE = (
    "INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKa\r\nMax-Forwards: 70\r\n"
    "From: <sip:5@127.0.0.1>;tag=t1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: unreadable\r\nCSeq: 7 INVITE\r\n"
    "Contact: <sip:5@127.0.0.1:{port}>\r\n{more}Content-Length: 0\r\n\r\n"
)


def ask(port: int, more: str = "", **changed: str) -> int:
    """The status that a malformed INVITE gets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.settimeout(5)
        end.bind(("127.0.0.1", 0))
        text = INVITE.format(port=end.getsockname()[1], more=more)
        for old, new in changed.items():
            assert old in text
            text = text.replace(old, new)
        end.sendto(text.encode(), ("127.0.0.1", port))
        answer = parse(end.recv(4000).decode())
        assert (answer.header("call-id"), answer.cseq, answer.from_tag) == ("unreadable", 7, "t1")
        return answer.code


@pytest.mark.parametrize(
    "more",
    ["Session-Expires: soon\r\n", "Expires: x\r\n", "Replaces: ;;;\r\n", "Authorization: zzz\r\n", "Route: here\r\n"],
)
async def test_a_header_that_cannot_be_read_is_a_bad_request(more: str) -> None:
    async with card() as ours, call(ours) as (_, other):
        assert ask(ours.port, more) == 400
        await other.ticks(5)


async def test_a_number_that_is_none_is_a_bad_request() -> None:
    async with card() as ours:
        assert ask(ours.port, **{"Max-Forwards: 70": "Max-Forwards: many"}) == 400
        assert ask(ours.port, **{"INVITE sip:": "INVITE http:"}) == 400


async def test_another_version_of_sip_is_505() -> None:
    async with card() as ours:
        assert ask(ours.port, **{"127.0.0.1 SIP/2.0": "127.0.0.1 SIP/3.0"}) == 505


async def test_a_stranger_learns_nothing_by_it() -> None:
    guarded = await LineCard.start(SipSettings(port=0), extra=("--guarded",))
    try:
        assert ask(guarded.port, "Expires: x\r\n") == 403
    finally:
        await guarded.close()


@pytest.mark.parametrize("size", [7, 10_000])
async def test_by_tcp_it_is_answered_on_the_connection_which_goes_on(size: int) -> None:
    """Whatever pieces it comes in."""
    async with card() as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        bad = INVITE.format(port=9, more="Expires: x\r\n").replace("/UDP", "/TCP")
        good = bad.replace("INVITE", "OPTIONS").replace("Expires: x\r\n", "").replace("unreadable", "good")
        try:
            sent = (bad + good).encode()
            for at in range(0, len(sent), size):
                writer.write(sent[at : at + size])
                await asyncio.sleep(0.005)
            async with asyncio.timeout(PATIENCE_S):
                heads = [parse((await reader.readuntil(b"\r\n\r\n")).decode()) for _ in range(2)]
        finally:
            writer.close()
        assert {head.header("call-id"): head.code for head in heads} == {"unreadable": 400, "good": 200}


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "BYE", "INFO", "MESSAGE"])
async def test_a_cseq_of_another_method_is_a_bad_request(method: str) -> None:
    async with card() as ours:
        assert ask(ours.port, **{"INVITE sip:": f"{method} sip:", "7 INVITE": "7 UPDATE"}) == 400
