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
