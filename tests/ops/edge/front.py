"""A real edge in front of real line cards, on free loopback ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.edge.plan import Plan, plan_of
from ops.edge.render import render
from ops.edge.status import ask
from ops.edge.supervisor import Supervisor
from ops.live.daemon_process import to_toml
from ops.live.ports import free_block, free_port, rtp_ports
from ops.witness.probe import Probe
from phone_daemon.settings.load import load_settings
from phone_daemon.settings.settings import Settings
from phone_daemon.wire.sip import IncomingCall, LineCards
from phone_daemon.wire.trunks import Trunks, edge_address
from tests.foreign.programs import need
from tests.wire.calls import Ear, tone

PATIENCE_S = 15.0
HERE: dict[str, Any] = {"name": "here", "addresses": ["127.0.0.1/32"]}


@dataclass
class Front:
    """The edge, the line cards behind it, and the calls that came through."""

    settings: Settings
    plan: Plan
    edge: Supervisor
    cards: LineCards
    trunks: Trunks
    calls: list[IncomingCall] = field(default_factory=list)
    ears: list[Ear] = field(default_factory=list)
    """What was heard in each of them."""

    def call(self, number: str = "100", **options: Any) -> Probe:
        """A caller of the edge."""
        return Probe(f"sip:{number}@127.0.0.1:{self.plan.edge.port}", **options)

    async def answer(self) -> None:
        """Answers every call with an endless tone."""
        async for incoming in self.cards.incoming():
            self.calls.append(incoming)
            line = incoming.answer()
            line.play(1, tone(440, 10))
            self.ears.append(Ear(line))

    async def up(self, count: int) -> None:
        """Waits until the edge considers this many line cards available. Raises `TimeoutError`."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(card.up for card in (await ask(self.plan)).cards) != count:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)

    async def free(self) -> None:
        """Waits until the edge has no calls. Raises `TimeoutError`."""
        async with asyncio.timeout(PATIENCE_S):
            while (await ask(self.plan)).calls:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)


def written(
    folder: Path,
    cards: int = 2,
    trunks: list[dict[str, Any]] | None = None,
    edge_cards: list[str] | None = None,
    state: dict[str, Any] | None = None,
    **edge: Any,
) -> tuple[Path, Settings]:
    """Settings of an edge in front of `cards` line cards, and the file that contains them."""
    first = free_block(cards + 4)
    sections = {
        "health_port": 0,
        "trunk": [HERE] if trunks is None else trunks,
        "sip": {"port": first, "cards": cards},
        "state": state or {},
        "edge": {
            "bind": "127.0.0.1",
            "port": first + cards,
            "inner_port": first + cards + 1,
            "control_port": first + cards + 2,
            "redis_port": first + cards + 3,
            "tls_port": free_port(),
            "rtp_ports": rtp_ports(),
            "directory": str(folder / "edge"),
            "cards": edge_cards or [],
            **edge,
        },
    }
    file = folder / "settings.toml"
    file.write_text(to_toml(sections))
    return file, load_settings(file, {})


@asynccontextmanager
async def front(folder: Path, cards: int = 2, **more: Any) -> AsyncIterator[Front]:
    """Skips the test if Kamailio or rtpengine is missing."""
    need("kamailio")
    need("rtpengine")
    _, settings = written(folder, cards, **more)
    plan = plan_of(settings)
    render(plan)
    inner = edge_address(plan.edge.inner, plan.edge.inner_port)
    async with (
        Trunks(settings.trunk, edge=inner) as trunks,
        LineCards(settings.sip, trunks=trunks) as behind,
        Supervisor(plan) as edge,
    ):
        made = Front(settings, plan, edge, behind, trunks)
        answering = asyncio.create_task(made.answer())
        try:
            await made.up(cards)
            yield made
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
