"""Line cards from Redis: those of every daemon whose lease holds are in Kamailio's own list."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ops.edge.discover import Discovery, Leases
from ops.edge.plan import Card, plan_of
from ops.edge.render import render
from ops.edge.rpc import NoAnswer
from ops.edge.status import ask
from ops.edge.supervisor import Supervisor
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
from tests.foreign.programs import need
from tests.ops.edge.front import written


async def daemon(folder: Path, cards: str) -> State:
    state = State.open(StateSettings(directory=folder, lease_s=2))
    state.shown["cards"] = cards
    return state


async def test_cards_come_with_a_daemon_and_go_with_it(tmp_path: Path) -> None:
    need("kamailio")
    need("rtpengine")
    folder = tmp_path / "state"
    _, settings = written(tmp_path, cards=1, discover=True, state={"directory": str(folder)})
    plan = plan_of(settings)

    async def listed() -> set[str]:
        return {card.uri for card in (await ask(plan)).cards}

    async def until(wanted: set[str]) -> None:
        async with asyncio.timeout(15):
            while await listed() != wanted:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)

    own = plan.cards[0].uri
    render(plan)
    async with Supervisor(plan), await daemon(folder, "127.0.0.1:6001 127.0.0.1:6002"), Discovery(settings) as found:
        following = asyncio.create_task(found.follow(plan))
        await until({own, "sip:127.0.0.1:6001", "sip:127.0.0.1:6002"})
        async with await daemon(folder, "127.0.0.1:6011"):
            await until({own, "sip:127.0.0.1:6001", "sip:127.0.0.1:6002", "sip:127.0.0.1:6011"})
        await until({own, "sip:127.0.0.1:6001", "sip:127.0.0.1:6002"})
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_without_redis_the_known_cards_stay_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    _, settings = written(tmp_path, cards=1, discover=True, state={"directory": str(tmp_path / "nobody")})
    async with Discovery(settings) as found:
        with pytest.raises(NoAnswer, match="embedded Redis on"):
            await found.cards([Card("127.0.0.1", 5060)])
    _, settings = written(tmp_path, cards=1)
    async with Discovery(settings) as none:
        assert await none.cards([Card("127.0.0.1", 5060)]) == (Card("127.0.0.1", 5060),)


def test_a_lease_that_the_clock_has_ended_is_waited_for_until_it_would_have_been_renewed() -> None:
    leases = Leases(renewed_s=5)
    assert leases.kept({"a": "h:1 h:2", "b": "h:3"}, 100) == ["h:1", "h:2", "h:3"]
    # `a` has signed off, and `b`'s lease has expired.
    assert leases.kept({"b": ""}, 104) == ["h:3"]
    assert leases.kept({"b": "h:4"}, 105) == ["h:4"]
    assert leases.kept({"b": ""}, 110) == ["h:4"]
    assert leases.kept({"b": ""}, 110.5) == []
