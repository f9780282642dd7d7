"""Faults of overload and malformed input: INVITEs beyond capacity, and messages that are almost SIP."""

from __future__ import annotations

import asyncio
import random
import secrets
from contextlib import AsyncExitStack
from typing import Any

import numpy as np

from ops.chaos.fault import Fault, Seen
from ops.chaos.world import DAEMONS, World, gap_ms
from ops.edge.plan import CALLS_A_CARD
from ops.edge.status import ask
from ops.witness.probe import Probe, Refused, offer

RATE = 500
CALM_S = 5.0
ASKED_S = 120.0
"""The edge checks during calls whether both ends are alive: the remains of half a call are gone by then."""
ANSWER_MS, GAP_MS = 200.0, 30.0
EDGE_MUTANTS_A_SECOND, CARD_MUTANTS_A_SECOND = 1000, 500
FREE_S = 30.0
"""A line card gives up a call that nobody acknowledges after five seconds, and its daemon may be busy."""
INVITE_EVERY = 40
"""Of the messages that go straight to a line card, only so many ask for a call: it takes 20 of them a second."""
METHODS = ("OPTIONS", "BYE", "INFO", "MESSAGE", "REFER", "NOTIFY", "SUBSCRIBE", "UPDATE", "PRACK", "CANCEL", "ACK")
TALK_S = 8.0
PLACES = DAEMONS * CALLS_A_CARD


class _Flood(asyncio.DatagramProtocol):
    """Sends INVITEs at a given rate, and records when each was refused, and with what."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._sent: dict[str, float] = {}
        self.took: dict[str, float] = {}
        self.codes: dict[int, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._port = transport.get_extra_info("sockname")[1]

    def invite(self, call: str) -> bytes:
        body = offer(9)
        return (
            f"INVITE sip:100@{self._target[0]}:{self._target[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};rport;branch=z9hG4bK{call}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:flood@127.0.0.1>;tag={call}\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: {call}\r\n"
            f"CSeq: 1 INVITE\r\nContact: <sip:flood@127.0.0.1:{self._port}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def send(self) -> None:
        call = secrets.token_hex(8)
        self._sent[call] = asyncio.get_running_loop().time()
        self._transport.sendto(self.invite(call), self._target)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head = data.decode(errors="replace")
        code = int(head[8:11]) if head.startswith("SIP/2.0 ") and head[8:11].isdigit() else 0
        call = head.partition("Call-ID: ")[2].partition("\r\n")[0]
        if code < 200 or call not in self._sent or call in self.took:
            return
        self.took[call] = asyncio.get_running_loop().time() - self._sent[call]
        self.codes[code] = self.codes.get(code, 0) + 1
        to = head.partition("To: ")[2].partition("\r\n")[0]
        ack = self.invite(call).partition(b"\r\n\r\n")[0].decode().replace("INVITE sip", "ACK sip", 1)
        lines = [line for line in ack.replace("1 INVITE", "1 ACK").split("\r\n") if not line.startswith("Content")]
        lines = [f"To: {to}" if line.startswith("To:") else line for line in lines]
        self._transport.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), self._target)

    @property
    def unanswered(self) -> int:
        return len(self._sent) - len(self.took)


async def _talk(world: World, live: list[Probe]) -> None:
    """Says something every now and then, because the agent hangs up on callers who never do."""
    while True:
        for probe in live:
            probe.rtp.play(world.said)
        await asyncio.sleep(TALK_S)


async def _gap(live: list[Probe], seconds: float) -> float:
    """The RTP gap of the worst call over the next seconds, p99.9 in ms."""
    marks = [len(probe.rtp.packets) for probe in live]
    await asyncio.sleep(seconds)
    return max(gap_ms(probe.rtp.packets[mark:]) for probe, mark in zip(live, marks, strict=True))


async def _over_capacity(world: World) -> Seen:
    """Calls take every slot; the flood comes on top."""
    loop = asyncio.get_running_loop()
    target = ("127.0.0.1", world.plan.edge.port)
    async with AsyncExitStack() as stack:
        live: list[Probe] = []
        for _ in range(PLACES):
            live.append(await stack.enter_async_context(world.probe()))
            await live[-1].answered()
        transport, flood = await loop.create_datagram_endpoint(lambda: _Flood(target), local_addr=("127.0.0.1", 0))
        stack.callback(transport.close)
        talking = asyncio.create_task(_talk(world, live))
        stack.callback(talking.cancel)
        calm = await _gap(live, CALM_S)
        measured = asyncio.create_task(_gap(live, world.size.flood_s))
        began = loop.time()
        for at in range(round(RATE * world.size.flood_s)):
            flood.send()
            await asyncio.sleep(max(0.0, began + (at + 1) / RATE - loop.time()))
        await asyncio.sleep(1.0)
        gap = await measured
        alive = sum(probe.live for probe in live)
    slow = 1000 * float(np.max(list(flood.took.values()))) if flood.took else float("inf")
    p99 = 1000 * float(np.quantile(list(flood.took.values()), 0.99)) if flood.took else float("inf")
    what = (
        f"{flood.codes}, {flood.unanswered} unanswered, p99 {p99:.0f} ms, latest {slow:.0f} ms; "
        f"{alive} of {len(live)} calls live, RTP gap p99.9 {gap:.0f} ms ({calm:.0f} ms before)"
    )
    held = set(flood.codes) == {503} and not flood.unanswered and p99 <= ANSWER_MS and alive == len(live)
    return Seen(held and gap <= GAP_MS and await world.healthy(), what)


def mutant(text: bytes, chance: random.Random) -> bytes:
    """`text` with up to five bytes changed, left out, or doubled."""
    changed = bytearray(text)
    for _ in range(chance.randrange(1, 6)):
        where = chance.randrange(len(changed))
        match chance.randrange(3):
            case 0:
                changed[where] = chance.randrange(256)
            case 1:
                del changed[where : where + chance.randrange(1, 20)]
            case _:
                changed[where:where] = changed[where : where + 30]
    return bytes(changed)


async def _through_edge(world: World) -> Seen:
    return await _mutants(
        world, [("127.0.0.1", world.plan.edge.port)], world.size.edge_mutants, EDGE_MUTANTS_A_SECOND, 1
    )


async def _at_cards(world: World) -> Seen:
    cards = [(card.host, card.port) for card in world.plan.cards]
    return await _mutants(world, cards, world.size.card_mutants, CARD_MUTANTS_A_SECOND, INVITE_EVERY)


async def _mutants(
    world: World, targets: list[tuple[str, int]], count: int, per_second: float, invite_every: int
) -> Seen:
    """Malformed messages, of which one in `invite_every` was an INVITE; a live call continues, and the next one is
    answered.
    """
    chance = random.Random(4475)
    loop = asyncio.get_running_loop()
    pids = dict(world.edge.pids)
    cards = world.pids("line_card")
    async with world.probe() as live:
        await live.answered()
        transport, flood = await loop.create_datagram_endpoint(lambda: _Flood(targets[0]), local_addr=("127.0.0.1", 0))
        began = loop.time()
        talking = asyncio.create_task(_talk(world, [live]))
        try:
            for at in range(count):
                text = flood.invite(f"{at:016x}")
                if at % invite_every:
                    text = text.replace(b"INVITE", chance.choice(METHODS).encode())
                transport.sendto(mutant(text, chance), targets[at % len(targets)])
                await asyncio.sleep(max(0.0, began + at / per_second - loop.time()))
        finally:
            talking.cancel()
            transport.close()
        lived = live.live
    # Anything answered as a call ends by itself, because nobody acknowledged it.
    try:
        async with asyncio.timeout(ASKED_S):
            while left := (await ask(world.plan)).calls:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.5)
    except TimeoutError:
        left = (await ask(world.plan)).calls
    # Every slot is free again, whatever the edge has counted; what was answered directly is given up soon.
    until, after = loop.time() + FREE_S, await _free(world)
    while after < PLACES and loop.time() < until:
        after = await _free(world)
    died = [name for name, pid in world.edge.pids.items() if pids[name] != pid]
    died += ["line card"] * (cards != world.pids("line_card"))
    went = "went on" if lived else "ENDED"
    what = (
        f"{count} sent: died {died or 'none'}, the live call {went}, "
        f"{left} calls left behind, {after} of {PLACES} places free"
    )
    return Seen(lived and after == PLACES and not died and not left, what)


async def _free(world: World) -> int:
    """How many calls are answered at the same time."""
    async with AsyncExitStack() as stack:
        for count in range(PLACES):
            probe = await stack.enter_async_context(world.probe())
            try:
                await probe.answered()
            except (Refused, TimeoutError):
                return count
    return PLACES


FAULTS = (
    Fault(
        "invite-flood",
        f"{RATE}/s: each gets 503, p99 ≤ {ANSWER_MS:g} ms; live calls' RTP gap p99.9 ≤ {GAP_MS:g} ms",
        _over_capacity,
    ),
    Fault("mutants", "nothing dies, a live call continues, every slot is free again", _through_edge),
    Fault("mutants-card", "the same, straight to the line cards", _at_cards),
)
