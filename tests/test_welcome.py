"""What is printed when the daemon has started."""

from __future__ import annotations

from dataclasses import replace

from phone_daemon.daemon import number_of
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.welcome import things_to_say
from tests.agent.transcript import shipped


def test_three_things_to_say_that_this_dialplan_understands() -> None:
    plan = shipped("dental_clinic")
    assert things_to_say(plan) == [
        "I have a question about your opening hours",
        "I would like to book an appointment please",
        "I would like to cancel my appointment please",
    ]


def test_the_number_to_dial_is_one_that_the_dialplan_answers() -> None:
    plan = shipped("dental_clinic")
    assert number_of(plan) == "reception"
    assert number_of(replace(plan, called=("/^4.2$/", "+4420*", "parcels"))) == "parcels"


def test_the_dialplan_to_begin_with_has_whole_sentences_to_say() -> None:
    [plan] = Dialplans.load([SHIPPED / "start" / "reception.toml"])
    assert things_to_say(plan) == ["I'd like to book a table", "Are you open on Sunday", "I want to speak to a person"]
