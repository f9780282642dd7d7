from __future__ import annotations

from phone_daemon.events import Speech
from phone_daemon.tts.kept_speech import KeptSpeech

SECOND = (Speech(bytes(8000)), Speech(bytes(2000), wide=bytes(6000)))
"""16,000 bytes in all."""


def test_what_was_not_said_for_the_longest_time_goes_first() -> None:
    kept = KeptSpeech(most=3 * 16_000)
    one, two, three, four = (("voice", text, "") for text in ("one", "two", "three", "four"))
    for key in (one, two, three):
        kept.put(key, SECOND)
    assert kept.get(one) == SECOND
    kept.put(four, SECOND)
    assert [bool(kept.get(key)) for key in (one, two, three, four)] == [True, False, True, True]


def test_a_phrase_that_two_calls_have_made_at_once_counts_once() -> None:
    kept = KeptSpeech(most=2 * 16_000)
    kept.put(("voice", "one", ""), SECOND)
    for _ in range(5):
        kept.put(("voice", "two", ""), SECOND)
    assert kept.get(("voice", "one", "")) == SECOND


def test_speech_longer_than_all_that_may_be_kept_is_not() -> None:
    kept = KeptSpeech(most=1000)
    kept.put(("voice", "one", ""), SECOND)
    assert kept.get(("voice", "one", "")) == ()
