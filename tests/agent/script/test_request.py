"""Requests to the dental clinic, as transcripts: what is asked, corrected, confirmed, and done."""

import pytest

from tests.agent.transcript import CLOSED, holds, play, shipped

CLINIC = shipped("dental_clinic")
CLINIC_AT_NIGHT = shipped("dental_clinic", CLOSED)


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


@pytest.mark.parametrize("said", ["thank you", "what about it"])
async def test_a_confirmation_is_not_broken_off_by_words_that_hardly_say_so(said: str) -> None:
    happened = await play(CLINIC, f"caller: book an appointment on tuesday at ten\ncaller: {said}")
    assert happened[4] == "means: unclear"
    assert "yes" in happened[5]


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


async def test_of_two_requests_in_one_breath_the_second_comes_when_the_first_is_done() -> None:
    await holds(
        CLINIC,
        """
        caller: I need to cancel my appointment on Friday and then make a new one for Tuesday.
        means: cancel booked_day=friday
        agent: Your appointment on Friday: shall I cancel it?
        caller: yes please
        means: cancel booked_day=friday
        agent: Your appointment on Friday is cancelled. And at what time?
        caller: at ten
        means: book day=tuesday time=10:00
        agent: On Tuesday at ten o'clock, is that right?
        caller: that's what I want
        agent: You are booked on Tuesday at ten o'clock. Is there anything else I can do for you?
        """,
    )


async def test_the_second_of_two_requests_is_forgotten_if_the_first_is_given_up() -> None:
    await holds(
        CLINIC,
        """
        caller: I'd like to book an appointment, and also, what are your opening hours?
        means: book
        agent: Which day would suit you?
        caller: Oh, forget it.
        means: dropped
        agent: All right. What can I do for you?
        caller: I'd like to leave a message
        agent: Please tell me your name and your message.
        """,
    )


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("I can't come on Friday and I need another day.", "change"),
        ("I have a checkup on Friday and I won't be able to come.", "cancel"),
        ("My tooth broke and it hurts a lot and I need to see someone.", "emergency"),
    ],
)
async def test_what_belongs_together_is_one_request(said: str, means: str) -> None:
    assert f"means: {means}" in " | ".join(await play(CLINIC, f"caller: {said}"))


async def test_a_caller_who_thinks_better_of_it_is_let_go() -> None:
    for said in ("Never mind.", "I've changed my mind.", "Scrap that, I don't need it.", "I don't want to any more."):
        happened = await play(CLINIC, f"caller: book an appointment\ncaller: {said}")
        assert happened[-2:] == ["means: dropped", "agent: All right. What can I do for you?"]


async def test_an_offered_request_is_chosen_by_its_place() -> None:
    await holds(
        CLINIC,
        """
        caller: Is there someone in on Friday afternoons?
        means: unclear
        agent: Sorry, would you like to book an appointment, or to hear our opening hours?
        caller: The first one, please.
        means: book
        agent: Which day would suit you?
        """,
    )


async def test_what_is_denied_and_what_is_around_it_change_nothing() -> None:
    for said, means in (
        ("I don't want to book, I want to cancel.", "cancel"),
        ("I've got a slot on Friday but I don't need it.", "cancel booked_day=friday"),
        ("I don't want to cancel anything, I want to make a new booking.", "book"),
        ("I don't need an appointment, I only want to know when you're there.", "hours"),
        ("Hi, sorry, my wife told me to call, she was with you last week, I'd like to book a check-up.", "book"),
    ):
        assert f"means: {means}" in (await play(CLINIC, f"caller: {said}")), said


async def test_a_day_that_is_corrected_in_the_same_breath_is_the_last_one_said() -> None:
    for said, day in (
        ("Tuesday, no, Wednesday.", "wednesday"),
        ("I was thinking Tuesday but actually Wednesday's better.", "wednesday"),
        ("Not Tuesday, Friday.", "friday"),
    ):
        happened = await play(CLINIC, f"caller: book an appointment\ncaller: {said}")
        assert f"means: book day={day}" in happened, said
