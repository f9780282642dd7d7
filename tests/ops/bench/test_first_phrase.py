"""Where a first phrase could be spoken, and where it is."""

from ops.bench.first_phrase import REPLIES, late


def test_no_first_phrase_is_late_or_in_the_wrong_place() -> None:
    assert {reply: late(reply) for reply in REPLIES if late(reply) not in (0, 1)} == {}


def test_a_phrase_in_another_place_is_told() -> None:
    assert late("Yes, of course. Which day| would suit you?") < 0
    assert late("Yes,| of course. Which day would suit you?") > 1
