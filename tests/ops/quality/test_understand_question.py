"""The state of a conversation after a question, and how an answer is judged."""

from __future__ import annotations

import pytest

from ops.quality.understand_question import Unasked, Verdict, expected, judged, question
from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.state import Asked
from phone_daemon.dialplan.dialplan import Dialplan
from tests.agent.transcript import shipped

CLINIC = shipped("dental_clinic")
PARCELS = shipped("parcel_line")


def verdict(plan: Dialplan, want: str, said: str, value: str = "", expects: str = "") -> tuple[str, str]:
    found = judged(plan, question(plan, want, expects), want, value, CallerTurn(said))
    return found.verdict, found.taken


@pytest.mark.parametrize(
    ("plan", "want", "expects", "told"),
    [
        (CLINIC, "hours", "", ""),
        (CLINIC, "", "", ""),
        (CLINIC, "day", "", "day"),
        (CLINIC, "time", "", "time"),
        (CLINIC, "yes", "", "yes_no"),
        (CLINIC, "no", "yes_no", "yes_no"),
        (CLINIC, "hours", "day", "day"),
        (PARCELS, "number", "", "digits_8_8"),
        (PARCELS, "number", "digits_8_8", "digits_8_8"),
        (PARCELS, "", "choice_place", "choice_place"),
    ],
)
def test_the_question_that_was_asked_is_open(plan: Dialplan, want: str, expects: str, told: str) -> None:
    state = question(plan, want, expects)
    assert expected(plan, state) == told
    assert (state.asked is Asked.NOTHING) == (not told)
    assert state.said


def test_a_confirmation_is_asked_with_values_that_may_be() -> None:
    state = question(CLINIC, "yes", "")
    assert state.asked is Asked.CONFIRM
    assert all(CLINIC.script.slots[name].kind.allows(value) for name, value in state.values.items())
    assert set(state.values) == set(CLINIC.script.intents[state.intent].slots)


@pytest.mark.parametrize(
    ("plan", "want", "expects", "why"),
    [
        (CLINIC, "bok", "", 'want "bok" is neither an intent of dental_clinic nor one of day, time, number, yes, no'),
        (CLINIC, "number", "", 'dental_clinic never asks for "number"'),
        (CLINIC, "day", "dya", 'expects "dya": dental_clinic asks no such thing'),
        (PARCELS, "time", "", 'parcel_line never asks for "time"'),
    ],
)
def test_what_a_dialplan_never_asks_is_refused(plan: Dialplan, want: str, expects: str, why: str) -> None:
    with pytest.raises(Unasked) as caught:
        question(plan, want, expects)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("plan", "want", "said", "value", "found"),
    [
        (CLINIC, "hours", "when are you open", "", ("right", "hours")),
        (CLINIC, "hours", "cancel my appointment", "", ("wrong", "cancel")),
        (CLINIC, "hours", "seven green bottles", "", ("unclear", "unclear")),
        (CLINIC, "book", "book an appointment on tuesday", "tuesday", ("right", "book")),
        (CLINIC, "book", "book an appointment on tuesday", "friday", ("wrong", "book")),
        (CLINIC, "hours", "", "", ("unclear", "nothing heard")),
        (CLINIC, "day", "on tuesday please", "", ("right", "day")),
        (CLINIC, "day", "on tuesday please", "tuesday", ("right", "day")),
        (CLINIC, "day", "on tuesday please", "friday", ("wrong", "another day")),
        (CLINIC, "day", "on sunday", "sunday", ("right", "refused day")),
        (CLINIC, "day", "on sunday", "monday", ("wrong", "refused day")),
        (CLINIC, "day", "what are your opening hours", "monday", ("wrong", "hours")),
        (CLINIC, "day", "green bottles", "monday", ("unclear", "unclear")),
        (CLINIC, "time", "At 2:30.", "half past two", ("right", "time")),
        (CLINIC, "yes", "that's right", "", ("right", "yes")),
        (CLINIC, "yes", "no", "", ("wrong", "no")),
        (CLINIC, "yes", "green bottles", "", ("unclear", "unclear")),
        (CLINIC, "no", "that's not right", "", ("right", "no")),
        (CLINIC, "no", "no on friday", "", ("right", "no")),
        (CLINIC, "no", "yes", "", ("wrong", "yes")),
        (PARCELS, "number", "double three oh six four seven one nine", "33064719", ("right", "number")),
        (PARCELS, "number", "double three oh six four seven one nine", "33064718", ("wrong", "another number")),
        (PARCELS, "number", "double three oh six", "33064719", ("unclear", "unclear")),
    ],
)
def test_an_answer_is_right_unclear_or_wrong(
    plan: Dialplan, want: str, said: str, value: str, found: tuple[str, str]
) -> None:
    assert verdict(plan, want, said, value) == found


def test_a_choice_is_judged_by_its_value() -> None:
    state = question(PARCELS, "redelivery", "choice_place")
    assert judged(PARCELS, state, "redelivery", "shop", CallerTurn("pick it up")).verdict is Verdict.RIGHT
    assert judged(PARCELS, state, "redelivery", "door", CallerTurn("pick it up")).verdict is Verdict.WRONG
