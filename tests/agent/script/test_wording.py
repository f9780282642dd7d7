"""Texts of a dialplan put together to an answer."""

from pathlib import Path

import pytest

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.events import Token

PLAN = """
called = ["*"]
greeting = "Hello"
[intents.hours]
caller_says = ["when are you open"]
say = ["SAY"]
"""


@pytest.mark.parametrize(
    ("say", "said"),
    [
        ("from 9 to 5", "From 9 to 5. Is there anything else?"),
        ("From nine to five!", "From nine to five! Is there anything else?"),
        ("From nine to five,", "From nine to five, Is there anything else?"),
    ],
)
async def test_a_text_without_its_period_does_not_run_into_the_next(tmp_path: Path, say: str, said: str) -> None:
    (tmp_path / "p.toml").write_text(PLAN.replace("SAY", say))
    [plan] = Dialplans.load([tmp_path / "p.toml"])
    agent = ScriptedAgent(plan)
    assert [event.text async for event in agent.greet() if isinstance(event, Token)] == ["Hello"]
    reply = agent.reply(CallerTurn("when are you open"), ())
    assert "".join([event.text async for event in reply if isinstance(event, Token)]) == said
