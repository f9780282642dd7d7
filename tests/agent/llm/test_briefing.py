"""A dialplan's script in the form in which a language model gets it."""

from __future__ import annotations

from dataclasses import replace

from phone_daemon.agent.agent import Message
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.agent.llm.briefing import brief, tools
from tests.agent.asking import ASKED, CLINIC, MODEL, NO_SCRIPT, events, plan, valid
from tests.sse_server import SseServer


def test_a_model_is_told_what_the_script_would_answer_and_do() -> None:
    told = brief(CLINIC.script, is_open=True).splitlines()
    lines = {line.partition(":")[0]: line for line in told[1:]}
    assert lines["Hear our opening hours"].startswith('Hear our opening hours: say "We are open from half past eight')
    assert lines["Book an appointment"] == (
        'Book an appointment: ask "Which day would suit you?" and "And at what time?", repeat it and have it confirmed,'
        ' then say "You are booked {day} {time}."'
    )
    assert lines["Speak to a person"].endswith('and call transfer with to = "person".')
    assert lines["Leave a message"].endswith("and call take_message.")
    assert lines["Goodbye"].endswith("and call hang_up.")
    assert not lines.keys() & {"Wait", "Repeat", "Hello"}


def test_outside_opening_hours_it_is_told_what_is_said_then() -> None:
    (person,) = (line for line in brief(CLINIC.script, is_open=False).splitlines() if line.startswith("Speak to"))
    assert "nobody at the desk" in person and "transfer" not in person


def test_it_may_do_what_the_script_would_do() -> None:
    assert tools(CLINIC.script)["transfer"].to == {
        "emergency": "sip:duty@riverside-dental.example",
        "person": "sip:reception@riverside-dental.example",
    }
    assert tools(CLINIC.script).keys() == {"transfer", "hang_up", "take_message"}
    assert (brief(NO_SCRIPT, True), tools(NO_SCRIPT)) == ("", {})


async def test_a_prompt_of_its_own_takes_the_place_of_the_script(server: SseServer, factory: AgentFactory) -> None:
    for model, told in ((MODEL, True), (type(MODEL)("test", prompt="You are Ada."), False)):
        found = replace(plan(model, script=CLINIC.script), tools={})
        await events(factory.agent(found), ASKED, Message("agent", CLINIC.opening))
        request = server.requests[-1]
        valid(request["messages"])
        assert ("Book an appointment" in request["messages"][0]["content"]) is told
        assert ("tools" in request) is told
