"""What a scripted agent asks when it has not understood, as transcripts."""

import pytest

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.events import Action, ActionKind, Token, Understood
from tests.agent.transcript import holds, shipped

CLINIC = shipped("dental_clinic")


async def test_two_misses_in_a_row_offer_the_choices() -> None:
    await holds(
        CLINIC,
        """
        caller: seven green bottles
        means: unclear
        agent: Sorry, I did not understand that. Could you say it another way?
        caller: it was a very nice film
        means: unclear
        agent: Let me tell you what I can do. To book an appointment, press 1. To cancel an appointment, press 2. \
To hear our opening hours, press 3. To leave a message, press 4. To move an appointment, press 5. \
For an emergency, press 9. To speak to a person, press 0.
        keys: 2
        means: cancel
        agent: Which day is your appointment?
        """.replace("\\\n", ""),
    )


async def test_a_half_understood_request_is_asked_back() -> None:
    await holds(
        CLINIC,
        """
        caller: appointment
        means: unclear
        agent: Sorry, would you like to book an appointment?
        caller: cancel
        means: cancel
        agent: Which day is your appointment?
        """,
    )
    await holds(
        CLINIC,
        """
        caller: appointment
        agent: Sorry, would you like to book an appointment?
        caller: yes
        means: book
        agent: Which day would suit you?
        """,
    )
    await holds(
        CLINIC,
        """
        caller: can so my appointment
        means: unclear
        agent: Sorry, would you like to book an appointment, or to cancel an appointment?
        caller: no
        means: dropped
        agent: All right. What can I do for you?
        """,
    )


@pytest.mark.parametrize(
    ("said", "asked", "then"),
    [
        ("goodbye", "Is there anything else I can do for you?", "goodbye"),
        ("i want to talk to a person", "Sorry, would you like to speak to a person?", "person"),
    ],
)
async def test_what_cannot_be_taken_back_is_asked_about_when_it_was_hardly_heard(
    said: str, asked: str, then: str
) -> None:
    agent = ScriptedAgent(CLINIC)
    unsure = [event async for event in agent.reply(CallerTurn(said, confidence=0.2), [])]
    assert unsure[0] == Understood("unclear")
    assert "".join(event.text for event in unsure if isinstance(event, Token)) == asked
    assert not any(isinstance(event, Action) for event in unsure)
    answer = CallerTurn("no" if then == "goodbye" else "yes", confidence=0.2)
    assert (await anext(agent.reply(answer, []))) == Understood(then)


async def test_what_was_clearly_heard_is_done_at_once() -> None:
    events = [event async for event in ScriptedAgent(CLINIC).reply(CallerTurn("goodbye", confidence=0.6), [])]
    assert events[-1] == Action(ActionKind.HANG_UP)


async def test_a_few_words_that_half_match_another_request_are_a_misheard_answer() -> None:
    await holds(
        CLINIC,
        """
        caller: i'd like to book an appointment on tuesday
        agent: And at what time?
        caller: i'm around here
        means: unclear
        agent: Sorry, at what time? You can say ten o'clock, or half past two.
        caller: at ten
        agent: On Tuesday at ten o'clock, is that right?
        caller: we're close
        means: unclear
        agent: Sorry, is that a yes or a no? You can also press 1 for yes, or 2 for no.
        """,
    )
