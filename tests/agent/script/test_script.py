"""Calls to the dental clinic, as transcripts."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from phone_daemon.agent.agent import Agent, CallerTurn, Message, Parties
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.events import Action, ActionKind, AgentEvent, Token, Understood
from tests.agent.transcript import CLOSED, holds, play, shipped

CLINIC = shipped("dental_clinic")
CLINIC_AT_NIGHT = shipped("dental_clinic", CLOSED)
PARCELS = shipped("parcel_line")


async def test_a_plain_booking() -> None:
    await holds(
        CLINIC,
        """
        caller: Hello, I'd like to book an appointment, please.
        means: book
        agent: Which day would suit you?
        caller: next tuesday
        means: book day=next tuesday
        agent: And at what time?
        caller: half past ten
        means: book day=next tuesday time=10:30
        agent: Next Tuesday at ten thirty, is that right?
        caller: yes please
        means: book day=next tuesday time=10:30
        agent: You are booked next Tuesday at ten thirty. Is there anything else I can do for you?
        caller: no that's all
        means: goodbye
        agent: Thank you for calling Riverside Dental. Goodbye.
        does: hang_up
        """,
    )


async def test_a_booking_said_in_one_breath_and_corrected_twice() -> None:
    await holds(
        CLINIC,
        """
        caller: i need an appointment on tuesday at ten
        agent: On Tuesday at ten o'clock, is that right?
        caller: no wednesday
        means: book day=wednesday time=10:00
        agent: So that is on Wednesday at ten o'clock. Is that correct?
        caller: at half past two
        means: book day=wednesday time=14:30
        agent: On Wednesday at two thirty, is that right?
        caller: that's right
        agent: You are booked on Wednesday at two thirty. Is there anything else I can do for you?
        """,
    )


async def test_a_correction_while_another_question_is_open_keeps_that_question_open() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment on tuesday
        agent: And at what time?
        caller: no wednesday
        means: book day=wednesday
        agent: What time would you like?
        caller: ten
        agent: On Wednesday at ten o'clock, is that right?
        """,
    )


async def test_no_without_a_correction_asks_what_to_change() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment on tuesday at ten
        agent: On Tuesday at ten o'clock, is that right?
        caller: no that's wrong
        agent: Sorry about that. Which day and time would you like?
        caller: thursday
        agent: So that is on Thursday at ten o'clock. Is that correct?
        """,
    )


async def test_what_was_settled_can_still_be_corrected() -> None:
    await holds(
        CLINIC,
        """
        caller: book an appointment on tuesday at ten
        agent: On Tuesday at ten o'clock, is that right?
        caller: yes
        agent: You are booked on Tuesday -- at ten o'clock. Is there anything else I can do for you?
        caller: no wait make it thursday
        means: book day=thursday time=10:00
        agent: So that is on Thursday at ten o'clock. Is that correct?
        """,
    )


async def test_closed_days_and_hours_are_refused() -> None:
    await holds(
        CLINIC,
        """
        caller: i'd like an appointment on sunday
        means: book
        agent: I am afraid we are closed on Sunday. Which other day would suit you?
        caller: monday then
        means: book day=monday
        agent: And at what time?
        caller: eleven in the evening
        means: book day=monday
        agent: I am afraid we are closed at eleven o'clock. What other time would you like?
        caller: eleven in the morning
        agent: On Monday at eleven o'clock, is that right?
        """,
    )


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


async def test_an_emergency_goes_to_a_person_at_any_hour_and_other_people_keep_office_hours() -> None:
    emergency = """
        caller: it's an emergency
        means: emergency
        agent: I am sorry to hear that. I am putting you through to the duty dentist now.
        does: transfer sip:duty@riverside-dental.example
    """
    await holds(CLINIC, emergency)
    await holds(CLINIC_AT_NIGHT, emergency)
    await holds(
        CLINIC,
        """
        keys: 0
        means: person
        agent: One moment please, I am putting you through to reception.
        does: transfer sip:reception@riverside-dental.example
        """,
    )
    await holds(
        CLINIC_AT_NIGHT,
        """
        caller: can i speak to somebody
        means: person
        agent: There is nobody at the desk just now. Would you like to leave a message?
        caller: yes please
        means: message
        agent: Please tell me your name and your message.
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


async def test_the_greeting_is_streamed_word_by_word() -> None:
    events = [event async for event in ScriptedAgent(CLINIC).greet()]
    assert all(isinstance(event, Token) for event in events)
    tokens = [event.text for event in events if isinstance(event, Token)]
    assert len(tokens) == len(CLINIC.greeting.split())
    assert "".join(tokens) == CLINIC.greeting
    night = [event.text async for event in ScriptedAgent(CLINIC_AT_NIGHT).greet() if isinstance(event, Token)]
    assert "".join(night) == CLINIC.closed_greeting


async def test_understanding_comes_first_and_what_ends_the_call_last() -> None:
    events = [event async for event in ScriptedAgent(CLINIC).reply(CallerTurn("goodbye"), [])]
    assert isinstance(events[0], Understood)
    assert events[-1] == Action(ActionKind.HANG_UP)
    assert all(isinstance(event, Token) for event in events[1:-1])


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


async def test_a_closed_reply_says_no_more() -> None:
    reply: AsyncGenerator[AgentEvent, None] = ScriptedAgent(CLINIC).reply(CallerTurn("when are you open"), [])
    await anext(reply)
    await anext(reply)
    await reply.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(reply)


def test_the_agent_waits_for_nothing_so_it_runs_on_counted_time() -> None:
    async def call() -> list[AgentEvent]:
        agent: Agent = ScriptedAgent(CLINIC)
        history = [Message("agent", CLINIC.greeting)]
        events = [event async for event in agent.reply(CallerTurn("book an appointment on monday"), history)]
        await agent.close()
        await agent.close()
        return events

    assert run_counted(call()) == run_counted(call())


@pytest.mark.parametrize("said", ["thank you", "what about it"])
async def test_a_confirmation_is_not_broken_off_by_words_that_hardly_say_so(said: str) -> None:
    happened = await play(CLINIC, f"caller: book an appointment on tuesday at ten\ncaller: {said}")
    assert happened[4] == "means: unclear"
    assert "yes" in happened[5]


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


GREETS = """name = "desk"
called = ["*"]
greeting = "Hello {caller_name}, you dialled {called}."
no_input = ["Still there?"]
[intents.number]
caller_says = ["what is my number"]
say = ["You call from {caller}, {caller_name}."]
then = "listen"
"""


async def test_a_dialplans_texts_may_name_who_calls_whom(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(GREETS)
    plan = next(iter(Dialplans.load((tmp_path / "desk.toml",))))
    for parties, greeting, answer in (
        (
            Parties("+442079", "Ann Lee", "100"),
            "Hello Ann Lee, you dialled one zero zero.",
            "You call from four four two zero, seven nine, Ann Lee.",
        ),
        (Parties(called="desk"), "Hello, you dialled desk.", "You call from , ."),
    ):
        agent = ScriptedAgent(plan, parties)
        events = [event async for event in agent.greet()]
        events += [event async for event in agent.reply(CallerTurn("what is my number"), [])]
        assert "".join(event.text for event in events if isinstance(event, Token)) == greeting + answer


async def test_whom_a_caller_is_put_through_to_is_told_first_what_for(tmp_path: Path) -> None:
    plan = GREETS.replace(
        'say = ["You call from {caller}, {caller_name}."]\nthen = "listen"',
        """say = ["One moment."]
then = "transfer"
transfer_to = "sip:desk@192.0.2.1"
brief = ["{caller_name} asks about {topic}."]
slots = ["topic"]
[slots.topic]
type = "choice"
values = { bills = "a bill" }
ask = ["What about?"]""",
    ).replace('["what is my number"]', '["it is about {topic}"]')
    (tmp_path / "desk.toml").write_text(plan)
    agent = ScriptedAgent(next(iter(Dialplans.load((tmp_path / "desk.toml",)))), Parties("1", "Ann Lee"))
    events = [event async for event in agent.reply(CallerTurn("it is about a bill"), [])]
    assert events[-1] == Action(ActionKind.TRANSFER, "sip:desk@192.0.2.1", "Ann Lee asks about bills.")


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
