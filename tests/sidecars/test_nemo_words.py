"""An utterance's words, segment by segment."""

from __future__ import annotations

from sidecars.engine import Word
from sidecars.engines.nemo_words import Transcript


def words(text: str, start: float = 0.0, confidence: float = 0.5) -> list[Word]:
    return [Word(word, start + place, start + place + 0.5, confidence) for place, word in enumerate(text.split())]


def test_what_is_settled_begins_every_later_text() -> None:
    transcript = Transcript()
    assert transcript.hypothesis(words("on")).text == "on"
    assert transcript.hypothesis(words("on tuesday")).text == "on tuesday"
    transcript.settle(words("on tuesday"), goes_on=False)
    assert transcript.hypothesis().text == "on tuesday"
    assert transcript.hypothesis(words("at nine", 5.0)).text == "on tuesday at nine"
    assert [word.start for word in transcript.hypothesis(words("at nine", 5.0)).words] == [0.0, 1.0, 5.0, 6.0]
    assert [word.text for word in transcript.settled] == ["on", "tuesday"]


def test_a_segment_that_goes_on_with_a_word_is_joined_to_it() -> None:
    transcript = Transcript(words("on tues", confidence=0.9))
    joined = transcript.hypothesis(words("day at", 3.0), goes_on=True)
    assert joined.text == "on tuesday at"
    assert joined.words[1] == Word("tuesday", 1.0, 3.5, 0.5)


def test_a_full_stop_that_comes_a_pause_later_belongs_to_the_word_before_it() -> None:
    transcript = Transcript(words("at nine"))
    assert transcript.hypothesis(words(". yes", 4.0)).text == "at nine. yes"


def test_punctuation_or_half_a_word_before_any_word_is_kept_as_it_is() -> None:
    assert Transcript().hypothesis(words("ing .", 1.0), goes_on=True).text == "ing."
    assert Transcript().hypothesis(words(".")).text == "."


def test_times_of_what_is_heard_in_another_stream_are_counted_from_where_that_began() -> None:
    transcript = Transcript(words("at nine"), offset_s=10.0)
    assert [word.start for word in transcript.hypothesis(words("yes")).words] == [0.0, 1.0, 10.0]


def test_no_word_begins_before_the_sound() -> None:
    assert Transcript(offset_s=-0.07).hypothesis([Word("yes", 0.0, 0.5)]).words == (Word("yes", 0.0, 0.43),)


def test_confidence_is_the_words_mean_and_a_share() -> None:
    transcript = Transcript(words("at", confidence=0.5))
    assert transcript.hypothesis(words("nine", confidence=1.5)).confidence == 0.75
    nothing = Transcript().hypothesis()
    assert (nothing.text, nothing.confidence, nothing.words) == ("", 0.0, ())
