"""The agent of a scene."""

from __future__ import annotations

from pathlib import Path

from ops.bench.turn_taking.play import REPLY, Teller
from ops.bench.turn_taking.scene import Scene
from phone_daemon.agent.agent import CallerTurn
from phone_daemon.events import Token


async def said(teller: Teller) -> str:
    reply = teller.reply(CallerTurn("What are your opening hours?"), ())
    return "".join([each.text async for each in reply if isinstance(each, Token)]).strip()


async def test_a_reply_that_was_begun_early_and_dropped_is_given_again() -> None:
    teller = Teller(Scene("x", "remark", "tune", "reply", "go on", Path()))
    assert await said(teller) == REPLY
    teller.retract()
    assert await said(teller) == REPLY
    assert await said(teller) == "All right."
    teller.retract()
    assert await said(teller) == "All right."
