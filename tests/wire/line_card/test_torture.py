"""Messages that were written to break SIP stacks, and mutants of them, sent to a line card that carries a call.

`torture/` holds the messages of RFC 4475 and RFC 5118 as published by their authors, byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ops.witness.probe import Probe, offer
from phone_daemon.wire.sip import LineCard
from tests.wire.calls import Ear, card, gapless, rung

pytestmark = pytest.mark.long

TORTURE = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "torture").glob("*.dat"))}
MUTANTS = 1500
PAUSE_S = 0.002
"""Interval between two messages: below the card's limit for new calls, whatever a mutant has become."""


@contextlib.asynccontextmanager
async def busy_card() -> AsyncIterator[tuple[LineCard, Ear, Probe]]:
    """A card with a call on it; anything else that comes in is refused as by a daemon."""
    async with card() as ours, Probe(f"sip:1@127.0.0.1:{ours.port}") as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        refusing = asyncio.create_task(_refuse(ours))
        try:
            yield ours, ear, probe
        finally:
            refusing.cancel()
            await asyncio.gather(refusing, return_exceptions=True)


async def _refuse(ours: LineCard) -> None:
    while True:
        (await ours.incoming.get()).refuse(486)


async def unharmed(ours: LineCard, ear: Ear, probe: Probe) -> None:
    """The call continues without interruption, and others are answered."""
    before, packets = len(ear.frames), len(probe.rtp.packets)
    await ear.ticks(25)
    assert ours.alive
    assert gapless(ear.frames)
    assert len(ear.frames) > before and len(probe.rtp.packets) > packets + 15
    assert (await probe.ask("OPTIONS")).code == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_no_message_of_the_torture_tests_harms_a_call(transport: str) -> None:
    assert len(TORTURE) == 61
    async with busy_card() as (ours, ear, probe):
        for message in TORTURE.values():
            if transport == "udp":
                probe._send(message, probe.target)
            else:
                _, writer = await asyncio.open_connection("127.0.0.1", ours.port)
                writer.write(message)
                await writer.drain()
                writer.close()
            await asyncio.sleep(0.06)  # 20 a second are accepted; some of these are calls.
        await unharmed(ours, ear, probe)


def mutate(message: bytes, chance: random.Random) -> bytes:
    """One or a few small edits, like the messages of broken telephones and scanners."""
    edits: list[Callable[[bytes], bytes]] = [
        lambda text: text[: chance.randrange(len(text))],
        lambda text: text.replace(b"\r\n", chance.choice([b"\n", b"\r", b"", b"\r\n\r\n"]), chance.randrange(1, 9)),
        lambda text: _at(text, chance, bytes([chance.randrange(256)])),
        lambda text: _at(
            text, chance, chance.choice([b"%", b"\0", b'"', b"<", b"\xff\xfe", b";tag=", b"4294967296", b"-1"])
        ),
        lambda text: _at(
            text, chance, chance.choice([b"A", b"9", b" ", b";a", b",<sip:x>"]) * chance.randrange(1, 600)
        ),
        lambda text: b"\r\n".join(_shuffled(text.split(b"\r\n"), chance)),
        lambda text: text.replace(b"INVITE", chance.choice([b"INFO", b"UPDATE", b"NOTIFY", b"REFER", b"PRACK", b"X"])),
        lambda text: text.replace(
            b"application/sdp", chance.choice([b"multipart/mixed;boundary=b", b"message/sipfrag", b"/"])
        ),
        lambda text: text + text[chance.randrange(len(text)) :],
    ]
    for _ in range(chance.randrange(1, 4)):
        message = chance.choice(edits)(message) or b"\r\n"
    return message


def _at(text: bytes, chance: random.Random, put: bytes) -> bytes:
    start = chance.randrange(len(text))
    return text[:start] + put + text[start + chance.randrange(4) :]


def _shuffled(lines: list[bytes], chance: random.Random) -> list[bytes]:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return lines


async def test_no_mutant_of_a_message_harms_a_call() -> None:
    """Deterministic: a failure can be repeated by its number."""
    chance = random.Random(13)
    async with busy_card() as (ours, ear, probe):
        within = [
            probe._request(method, "z9hG4bKm", body, kind).replace(b"\r\nTo:", b"\r\nX: y\r\nTo:")
            for method, body, kind in (
                ("INVITE", offer(probe.rtp.port), "application/sdp"),
                ("INFO", "Signal=5\r\nDuration=160\r\n", "application/dtmf-relay"),
                ("NOTIFY", "SIP/2.0 200 OK\r\n", "message/sipfrag"),
            )
        ]
        seeds = [*within, *TORTURE.values()]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(MUTANTS):
                mutant = mutate(chance.choice(seeds), chance)
                # Its own call continues: no mutant may be a valid BYE or hold for it.
                if b"BYE" not in mutant and b"CANCEL" not in mutant:
                    sender.sendto(mutant[:60_000], ("127.0.0.1", ours.port))
                await asyncio.sleep(PAUSE_S)
        await ear.ticks(10)
        assert ours.alive
        assert gapless(ear.frames)
        assert (await probe.ask("OPTIONS")).code in (200, 481, 400)
