"""Messages that callers leave with the script, as transcripts."""

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.events import Action, Token, Understood
from tests.agent.transcript import holds, shipped

CLINIC = shipped("dental_clinic")


async def test_a_retracted_message_is_taken_once_in_its_longer_form() -> None:
    await holds(
        CLINIC,
        """
        caller: leave a message
        agent: Please tell me your name and your message.
        caller: this is jane
        agent: I have noted that. Is there anything to add?
        does: take_message this is jane
        forgotten
        caller: this is jane call me back
        means: message message=(given)
        agent: I have noted that. Is there anything to add?
        does: take_message this is jane call me back
        """,
    )


async def test_a_message_is_taken_in_pieces_and_never_shown() -> None:
    await holds(
        CLINIC,
        """
        caller: can i leave a message
        agent: Please tell me your name and your message.
        caller: I want to cancel my appointment, it hurts.
        means: message message=(given)
        agent: I have noted that. Is there anything to add?
        does: take_message I want to cancel my appointment, it hurts.
        caller: yes
        agent: Go ahead, I am listening.
        caller: My number is 020 7946 0100.
        means: message message=(given)
        agent: I have noted that. Is there anything to add?
        does: take_message I want to cancel my appointment, it hurts. My number is 020 7946 0100.
        caller: no that's all
        means: message message=(given)
        agent: Thank you, I have passed your message on. Is there anything else I can do for you?
        """,
    )


async def test_a_second_message_comes_on_a_line_of_its_own() -> None:
    agent = ScriptedAgent(CLINIC)
    taken = []
    for text in ("leave a message", "first", "no", "leave a message", "second"):
        taken += [event.argument async for event in agent.reply(CallerTurn(text), []) if isinstance(event, Action)]
    assert taken == ["first", "first\nsecond"]


async def test_a_message_is_taken_before_a_word_of_the_reply_so_that_no_interruption_loses_it() -> None:
    agent = ScriptedAgent(CLINIC)
    _ = [event async for event in agent.reply(CallerTurn("leave a message"), [])]
    events = [event async for event in agent.reply(CallerTurn("call me"), [])]
    assert [type(event) for event in events[:3]] == [Understood, Action, Token]


async def test_silence_after_a_message_settles_it() -> None:
    await holds(
        CLINIC,
        """
        caller: leave a message
        agent: Please tell me your name and your message.
        caller: call me back
        agent: I have noted that. Is there anything to add?
        does: take_message call me back
        silence: 1
        means: silence
        agent: Thank you, I have passed your message on. Is there anything else I can do for you?
        """,
    )


async def test_goodbye_in_place_of_a_message_is_goodbye() -> None:
    await holds(
        CLINIC,
        """
        caller: leave a message
        agent: Please tell me your name and your message.
        caller: goodbye
        means: goodbye
        agent: Thank you for calling Riverside Dental. Goodbye.
        does: hang_up
        """,
    )
