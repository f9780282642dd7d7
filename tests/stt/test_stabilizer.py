"""Committed parts of partial transcripts are never taken back, and a final that contradicts them says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.stt.stabilizer import Stabilizer

WORDS = st.lists(st.sampled_from(["i", "would", "like", "to", "two", "Book", "book,"]), max_size=6)
PARTIALS = st.lists(st.tuples(WORDS, st.integers(0, 1000)), max_size=12)
"""Each partial with the samples that have passed since the previous one."""
WINDOWS = st.integers(0, 1200)


def fed(window: int, partials: list[tuple[list[str], int]]) -> tuple[Stabilizer, list[str]]:
    """A stabilizer, and the words that it has committed, in order."""
    stabilizer = Stabilizer(window)
    out: list[str] = []
    position = 0
    for words, later in partials:
        position += later
        before = stabilizer.stable
        out += stabilizer.feed(" ".join(words), position).split()
        assert stabilizer.stable.startswith(before)
        assert stabilizer.stable == " ".join(out)
    return stabilizer, out


@given(WINDOWS, PARTIALS)
def test_what_was_committed_only_grows(window: int, partials: list[tuple[list[str], int]]) -> None:
    fed(window, partials)


@given(WINDOWS, PARTIALS, WORDS)
def test_a_final_that_goes_on_from_what_is_committed_keeps_it(
    window: int, partials: list[tuple[list[str], int]], more: list[str]
) -> None:
    stabilizer, out = fed(window, partials)
    assert stabilizer.finalize(" ".join(out + more)) == ""


@given(WINDOWS, PARTIALS, WORDS)
def test_a_contradiction_is_never_hidden(window: int, partials: list[tuple[list[str], int]], final: list[str]) -> None:
    stabilizer, out = fed(window, partials)
    contradicted = stabilizer.finalize(" ".join(final))
    plain = [word.strip(",").lower() for word in final]
    keeps = plain[: len(out)] == [word.strip(",").lower() for word in out]
    assert contradicted == ("" if keeps else " ".join(out))


@given(st.integers(1, 1200), PARTIALS)
def test_nothing_is_committed_that_has_not_stood_for_the_window(
    window: int, partials: list[tuple[list[str], int]]
) -> None:
    """Every commitment was the beginning of every partial since `window` samples ago."""
    stabilizer = Stabilizer(window)
    told: list[tuple[int, list[str]]] = []
    position = 0
    for words, later in partials:
        position += later
        told.append((position, words))
        if not stabilizer.feed(" ".join(words), position):
            continue
        out = [word.strip(",").lower() for word in stabilizer.stable.split()]
        stood_at = max(n for n, (at, _) in enumerate(told) if at <= position - window)
        for _, said in told[stood_at:]:
            assert [word.strip(",").lower() for word in said][: len(out)] == out


def test_a_call_as_it_goes() -> None:
    words = Stabilizer(800)
    assert words.feed("i would", 0) == ""
    assert words.feed("i would", 400) == ""
    assert words.feed("i would like two", 800) == "i would"
    assert words.feed("i would like to book", 1000) == ""
    assert words.feed("i would like to book", 1600) == "like"
    assert words.feed("i would like to book", 1800) == "to book"
    assert words.finalize("i would like to book a table") == ""


def test_while_a_partial_contradicts_what_was_committed_nothing_more_is() -> None:
    words = Stabilizer(0)
    assert words.feed("on Tuesday", 0) == "on Tuesday"
    assert words.feed("in choose day at ten", 800) == ""
    assert words.stable == "on Tuesday"
    assert words.feed("on tuesday, at ten", 1600) == "at ten"
    assert words.finalize("in choose day at ten") == "on Tuesday at ten"


def test_an_utterance_ends_once() -> None:
    words = Stabilizer(0)
    words.finalize("yes")
    with pytest.raises(AssertionError):
        words.finalize("yes")
    with pytest.raises(AssertionError):
        words.feed("yes please", 0)
