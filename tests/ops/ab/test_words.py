"""Which words were recognized, and which of them are lost in a call."""

from __future__ import annotations

from ops.ab.words import lost, words


def test_case_and_punctuation_do_not_count() -> None:
    assert words("That’s right: Half past TEN.") == ["that's", "right", "half", "past", "ten"]


def test_what_the_engine_does_not_hear_anyway_is_not_lost() -> None:
    assert lost("i need an appointment", "i need a appointment", "need appointment") == (1, 3)


def test_what_only_the_call_heard_is_no_loss() -> None:
    """With known expectations, the daemon may recognize more than the engine does from the recording alone."""
    assert lost("on tuesday at ten", "on day at ten", "on tuesday at ten") == (0, 3)
