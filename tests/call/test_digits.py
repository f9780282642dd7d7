from __future__ import annotations

from phone_daemon.call.digits import PAUSE_S, DigitCollector
from phone_daemon.events import samples


def typed(keys: str) -> DigitCollector:
    collector = DigitCollector()
    for key in keys:
        collector.press(key, 0)
    return collector


def test_a_menu_choice_is_one_key() -> None:
    assert typed("3").take(1, 0) == "3"


def test_a_number_ends_with_as_many_keys_as_were_wanted() -> None:
    collector = typed("1234567")
    assert collector.take(8, 0) == ""
    collector.press("8", 0)
    assert collector.take(8, 0) == "12345678"
    assert not collector


def test_a_number_ends_with_the_hash_key_which_is_not_part_of_it() -> None:
    assert typed("4711#").take(8, 0) == "4711"


def test_a_number_ends_when_the_caller_pauses() -> None:
    collector = typed("4711")
    assert collector.take(0, samples(PAUSE_S) - 1) == ""
    assert collector.take(0, samples(PAUSE_S)) == "4711"


def test_a_lone_hash_is_no_number_and_is_forgotten() -> None:
    collector = typed("#")
    assert collector.take(0, 0) == ""
    assert not collector
