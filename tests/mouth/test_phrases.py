from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phone_daemon.mouth.phrases import (
    FIRST_CLAUSE,
    FIRST_LENGTH,
    FIRST_PATIENCE_S,
    LENGTH,
    LONGEST,
    PATIENCE_S,
    PhraseChunker,
    pause_s,
)


def phrases(*tokens: str) -> list[str]:
    chunker = PhraseChunker()
    return [phrase for token in tokens for phrase in chunker.feed(token)] + chunker.flush()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you?", ["Hello. ", "How are you?"]),
        ("Really?! Yes. “Quite.” (Sure.) Fine", ["Really?! ", "Yes. ", "“Quite.” ", "(Sure.) ", "Fine"]),
        ("**Done.** Next one.", ["**Done.** ", "Next one."]),
        ("Dr. Smith and Mrs. Jones are in. Who else?", ["Dr. Smith and Mrs. Jones are in. ", "Who else?"]),
        ("Ask J. R. Brown about it. He knows.", ["Ask J. R. Brown about it. ", "He knows."]),
        ("Bring a card e.g. a pass. Thanks.", ["Bring a card e.g. a pass. ", "Thanks."]),
        ("We open at 9 a.m. on Monday. Come by.", ["We open at 9 a.m. on Monday. ", "Come by."]),
        ("We close at 5 p.m. Then we go home.", ["We close at 5 p.m. ", "Then we go home."]),
        ("It leaves on Jan. 5 from the U.S. border. Bye.", ["It leaves on Jan. 5 from the U.S. border. ", "Bye."]),
        ("Pens, paper etc. are here. Good.", ["Pens, paper etc. are here. ", "Good."]),
        ("No. I cannot. No. 5 is free.", ["No. ", "I cannot. ", "No. 5 is free."]),
        ("It was I. Sorry.", ["It was I. ", "Sorry."]),
        ("It costs $5.50 or 3.14 at 10:30. Fine?", ["It costs $5.50 or 3.14 at 10:30. ", "Fine?"]),
        (
            "Mail jo.doe@x.co.uk or see www.x.org/a.b?c=d. Yes.",
            ["Mail jo.doe@x.co.uk or see www.x.org/a.b?c=d. ", "Yes."],
        ),
        ("Well... let me see. So... That is it.", ["Well... let me see. ", "So... ", "That is it."]),
        ("1. Brush.\n2. Floss.\n\nDone", ["1. Brush.\n", "2. Floss.\n\n", "Done"]),
        ("Things to bring\n- a card\n- a pen", ["Things to bring\n", "- a card\n", "- a pen"]),
        ("Of course,\nwe can do that.", ["Of course,\nwe can do that."]),
        ("はい。わかりました。", ["はい。", "わかりました。"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert phrases(text) == expected
    assert [phrase.strip() for phrase in phrases(*text)] == [phrase.strip() for phrase in expected]


def test_the_first_phrase_may_leave_at_a_clause_and_later_ones_wait_for_their_sentence() -> None:
    text = "Good morning, this is the clinic. If you want to book, to cancel, or to move a visit, tell me."
    assert phrases(*re.split(r"(?<=\w)(?=\W)", text)) == [
        "Good morning, ",
        "this is the clinic. ",
        "If you want to book, to cancel, or to move a visit, tell me.",
    ]
    assert phrases(text)[0] == "Good morning, this is the clinic. ", "all there already: nobody waits for a clause"


def test_a_number_with_a_comma_or_a_range_is_not_parted() -> None:
    assert phrases("Your balance is 1,234,567 points and rising")[0] == "Your balance is 1,234,567 points and rising"
    assert phrases("It is open from 9–17 and 18:30–20:00 today") == ["It is open from 9–17 and 18:30–20:00 today"]


def test_a_later_sentence_that_goes_on_and_on_is_cut_at_a_clause() -> None:
    long = "we look at every tooth that you have and write down what we find there in a very careful way, " * 2
    got = phrases("Yes. " + long)
    assert got[1].endswith("careful way, ")
    assert len(got) == 3


def test_a_sentence_without_clauses_is_cut_at_a_space_and_never_after_a_title() -> None:
    got = phrases("word " * 100)
    assert len(got[0]) <= FIRST_LENGTH
    assert all(len(phrase) <= LENGTH for phrase in got)
    assert all(phrase.endswith("word ") for phrase in got)
    assert all(not re.search(r"Dr\.\s*$", phrase) for phrase in phrases("Dr. Mo and " * 60)[:-1])


@pytest.mark.parametrize("text", ["x" * 1500, " " * 1500, "Dr. " * 400, "." * 1500, "No. " * 400, "\n" * 1500])
def test_no_text_makes_it_hold_back_without_end(text: str) -> None:
    chunker, held = PhraseChunker(), 0
    for char in text:
        held += 1 - sum(map(len, chunker.feed(char)))
        assert held <= LONGEST + 1


@pytest.mark.parametrize(
    ("tokens", "at"),
    [
        (["Hello", ".", " How", " are", " you", "?"], 2),
        (["Good", " morning", ",", " you", " have"], 3),
        (["It", " is", " 9", " a.m", ".", " Then", " we"], 5),
        (["Is", " it", "?", " Yes"], 3),
        (["Is it? ", "Yes"], 0),
        ([*[" word"] * 30], 18),
    ],
)
def test_the_first_phrase_leaves_with_the_token_that_makes_it_whole(tokens: list[str], at: int) -> None:
    chunker = PhraseChunker()
    given = [bool(chunker.feed(token)) for token in tokens]
    assert given.index(True) == at


def test_a_late_token_lets_the_whole_words_go() -> None:
    chunker = PhraseChunker()
    assert chunker.patience_s() is None
    assert chunker.feed("I can off") == []
    assert chunker.patience_s() == FIRST_PATIENCE_S
    assert chunker.expire() == ["I can "]
    assert chunker.patience_s() is None
    assert chunker.expire() == []
    assert chunker.feed("er you ten") == []
    assert chunker.patience_s() == PATIENCE_S
    assert chunker.expire() == ["offer you "]
    assert chunker.flush() == ["ten"]


def test_a_late_token_after_a_full_stop_lets_everything_go_but_never_a_title() -> None:
    chunker = PhraseChunker()
    chunker.feed("That is all.")
    assert chunker.expire() == ["That is all."]
    chunker.feed(" Ask Dr.")
    assert chunker.expire() == [" Ask "]
    assert chunker.patience_s() is None


def test_after_a_flush_another_reply_may_begin_early_again() -> None:
    chunker = PhraseChunker()
    for _ in range(2):
        assert chunker.feed("Good morning, you are") == ["Good morning, "]
        assert chunker.flush() == ["you are"]


SENTENCES = st.lists(
    st.sampled_from(
        ["Hello.", "Dr.", "Smith,", "at", "10:30", "a.m.", "No.", "5", "e.g.", "$3.50", "well...", "…", "a@b.org",
         "—", "-", "\n", "\n\n", "1.", "**bold**", "😀", "“Yes?”",
         "word", "U.S.", "really?!", ";", "x" * 120, " ", "J.", "。"]
    ),
    max_size=60,
).map(" ".join)  # fmt: skip


@given(st.one_of(SENTENCES, st.text(max_size=400)), st.lists(st.integers(1, 40), min_size=1, max_size=20), st.data())
@example("Hello.   ", [1], None)
def test_however_a_text_is_cut_its_phrases_are_the_text(
    text: str, sizes: list[int], data: st.DataObject | None
) -> None:
    chunker, got, at, n = PhraseChunker(), [], 0, 0
    while at < len(text):
        size = sizes[n % len(sizes)]
        got += chunker.feed(text[at : at + size])
        at, n = at + size, n + 1
        if data is not None and data.draw(st.booleans(), label="late"):
            got += chunker.expire()
    got += chunker.flush()
    assert "".join(got) == text
    assert all(0 < len(phrase) <= LONGEST or phrase is got[-1] for phrase in got)


@given(SENTENCES)
def test_what_a_clear_sentence_end_completes_is_given_out_at_once(text: str) -> None:
    chunker, whole = PhraseChunker(), ""
    for char in text + " Certainly! ":
        whole = char if chunker.feed(char) else whole + char
    assert len(whole) == 1, "the chunker still holds what ended with '! '"


@pytest.mark.parametrize(
    ("phrase", "seconds"),
    [
        ("Hello. ", 0.30), ("Hello?” ", 0.30), ("Hello! ", 0.30), ("item\n", 0.30), ("Well, ", 0.14), ("so: ", 0.22),
        ("well… ", 0.22), ("cut ", 0.0), ("Hello.", 0.0), ("", 0.0), (" ", 0.0), ("**Done.** ", 0.30),
    ],
)  # fmt: skip
def test_a_pause_follows_a_phrase_only_where_another_follows(phrase: str, seconds: float) -> None:
    assert pause_s(phrase) == seconds


def test_a_first_clause_is_long_enough_to_be_worth_it() -> None:
    assert phrases("Yes, of course you can do that") == ["Yes, of course you can do that"]
    assert len("Yes,") < FIRST_CLAUSE
