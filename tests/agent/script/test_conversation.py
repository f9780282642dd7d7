"""What a caller's turn means at some point of a conversation, as transcripts."""

import pytest

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.events import Understood
from tests.agent.transcript import holds, play, shipped

CLINIC = shipped("dental_clinic")
PARCELS = shipped("parcel_line")


async def test_hours_asked_twice_are_told_in_two_wordings() -> None:
    happened = await play(CLINIC, "caller: when are you open\ncaller: what are your opening hours")
    replies = [line for line in happened if line.startswith("agent: ")]
    assert [line for line in happened if line.startswith("means")] == ["means: hours"] * 2
    assert all("half past eight" in reply for reply in replies)
    assert replies[0] != replies[1]


async def test_a_question_in_between_is_answered_and_the_open_one_asked_again() -> None:
    happened = await play(CLINIC, "caller: book an appointment\ncaller: what are your opening hours\ncaller: tuesday")
    assert happened[4] == "means: hours"
    assert happened[5].endswith("On Friday we close at four. What day would you like?")
    assert happened[7:] == ["means: book day=tuesday", "agent: And at what time?"]


async def test_a_request_that_breaks_in_wins_over_the_open_question() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment
        agent: Which day would -- suit you?
        caller: i want to cancel my appointment on friday
        means: cancel booked_day=friday
        agent: Your appointment on Friday: shall I cancel it?
        caller: yes
        agent: Your appointment on Friday is cancelled. Is there anything else I can do for you?
        """,
    )
    happened = await play(CLINIC, "caller: book an appointment\nagent: Which day -- x\ncaller: when are you open")
    assert happened[-1].endswith("Is there anything else I can do for you?")


async def test_an_answer_that_breaks_in_is_an_answer() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment
        agent: Which -- day would suit you?
        caller: tomorrow at nine
        agent: Tomorrow at nine o'clock, -- is that right?
        caller: yes
        agent: You are booked tomorrow at nine o'clock. Is there anything else I can do for you?
        """,
    )


async def test_noise_that_breaks_in_costs_nothing() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment
        agent: Which day would -- suit you?
        caller: uh
        means: unclear
        agent: Go ahead, I am listening.
        caller: monday
        agent: And at what time?
        """,
    )


async def test_one_moment_leaves_the_question_open() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment
        agent: Which day would suit you?
        caller: hold on a second
        means: wait
        agent: Of course, take your time.
        caller: friday
        means: book day=friday
        agent: And at what time?
        caller: no wait monday
        means: book day=monday
        agent: What time would you like?
        """,
    )


async def test_a_retracted_turn_is_asked_again_longer_as_if_for_the_first_time() -> None:
    longer = """
        caller: book an appointment on tuesday at ten
        agent: On Tuesday at ten o'clock, is that right?
    """
    await holds(CLINIC, longer)
    await holds(
        CLINIC,
        f"""
        caller: book an appointment
        agent: Which day would suit you?
        forgotten
        {longer.strip()}
        caller: no
        agent: Sorry about that. Which day and time would you like?
        forgotten
        caller: no thursday
        agent: So that is on Thursday at ten o'clock. Is that correct?
        """,
    )


@pytest.mark.parametrize(
    ("heard", "intent"),
    [
        ("took an appointment", "book"),
        ("book an apartment", "book"),
        ("the book and appointment", "book"),
        ("i'd like to look an appointment please", "book"),
        ("council my appointment", "cancel"),
        ("i want to change my apartment", "change"),
        ("i need to cancel my a point meant", "cancel"),
        ("what are your opening ours", "hours"),
        ("what are you're opening hour", "hours"),
        ("leave a massage", "message"),
        ("leaf a message", "message"),
        ("my tooth her", "emergency"),
        ("speak to up person", "person"),
    ],
)
async def test_misheard_requests_are_still_understood(heard: str, intent: str) -> None:
    assert (await play(CLINIC, f"caller: {heard}"))[1].split()[1] == intent


@pytest.mark.parametrize(
    "noise",
    ["the", "uh", "it was a very nice film", "and then he said to her", "seven green bottles", "to the of a", "mhm"],
)
async def test_talk_about_something_else_is_not_taken_for_a_request(noise: str) -> None:
    assert (await play(CLINIC, f"caller: {noise}"))[1] == "means: unclear"


async def test_a_repeat_says_the_last_words_again_the_greeting_included() -> None:
    await holds(
        CLINIC,
        f"""
        caller: sorry what was that
        means: repeat
        agent: {CLINIC.greeting}
        caller: cancel my appointment
        agent: Which day is your appointment?
        keys: *
        means: repeat
        agent: Which day is your appointment?
        caller: friday
        agent: Your appointment on Friday: shall I cancel it?
        """,
    )


async def test_a_caller_who_says_nothing_is_asked_twice_and_then_let_go() -> None:
    await holds(
        CLINIC,
        """
        silence: 1
        means: silence
        agent: Are you still there?
        silence: 2
        means: silence
        agent: I did not hear anything.
        silence: 3
        means: silence
        agent: Thank you for calling Riverside Dental. Goodbye.
        does: hang_up
        """,
    )


async def test_silence_repeats_the_open_question() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment
        agent: Which day would suit you?
        silence: 1
        agent: Are you still there? What day would you like?
        """,
    )


async def test_what_is_expected_follows_the_question() -> None:
    agent = ScriptedAgent(CLINIC)
    known = CLINIC.phrase_sets()
    assert agent.expects() == ""
    for said, expected in (
        ("i'd like to book an appointment", "day"),
        ("on tuesday", "time"),
        ("at ten o'clock", "yes_no"),  # is that right?
        ("yes", "yes_no"),  # is there anything else?
        ("i'd like to leave a message", "text"),
        ("the tooth hurts when i bite on it", "yes_no"),  # is there anything to add?
    ):
        agent.reply(CallerTurn(said), [])
        assert agent.expects() == expected, said
        assert expected in known or expected == "text"
    agent.retract()
    assert agent.expects() == "text"
    parcels = ScriptedAgent(PARCELS)
    parcels.reply(CallerTurn("track my parcel"), [])
    assert parcels.expects() == "digits_8_8"
    assert parcels.expects() in PARCELS.phrase_sets()


CONFIRMING = """
    caller: I'd like to cancel my appointment on Monday.
    agent: Your appointment on Monday: shall I cancel it?
"""


@pytest.mark.parametrize(
    ("before", "text", "others", "understood"),
    [
        ("", "Purple elephants sing.", ("I'd like to book an appointment.",), "book"),
        (CONFIRMING, "Cheers!", ("Shore.", "Sure."), "cancel"),
        ("", "When are you open?", ("I'd like to book an appointment.",), "hours"),
        ("", "Purple elephants sing.", ("Green umbrellas float.",), "unclear"),
    ],
)
async def test_what_is_no_answer_is_taken_for_what_else_it_may_have_been(
    before: str, text: str, others: tuple[str, ...], understood: str
) -> None:
    agent = ScriptedAgent(CLINIC)
    for line in before.strip().splitlines():
        kind, _, said = line.strip().partition(": ")
        if kind == "caller":
            [event async for event in agent.reply(CallerTurn(said), [])]
    events = [event async for event in agent.reply(CallerTurn(text, others=others), [])]
    assert next(event for event in events if isinstance(event, Understood)).intent == understood
