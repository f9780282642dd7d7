"""What is printed when the daemon has started."""

from dataclasses import replace

from phone_daemon.welcome import number, things_to_say
from tests.agent.transcript import shipped


def test_three_things_to_say_that_this_dialplan_understands():
    plan = shipped("dental_clinic")
    assert things_to_say(plan) == [
        "I have a question about your opening hours",
        "I would like to book an appointment please",
        "I would like to cancel my appointment please",
    ]


def test_the_number_to_dial_is_one_that_the_dialplan_answers():
    plan = shipped("dental_clinic")
    assert number(plan) == "reception"
    assert number(replace(plan, called=("/^4.2$/", "+4420*", "parcels"))) == "parcels"
