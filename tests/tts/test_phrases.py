from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phone_daemon.tts.phrases import (
    FIRST_CLAUSE,
    FIRST_LENGTH,
    FIRST_PATIENCE_S,
    LENGTH,
    LONGEST,
    PATIENCE_S,
    PhraseChunker,
    is_unfinished,
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
        ("1. Brush.\n2. Floss.\n\nDone", ["1. Brush.\n", "2. Floss.\n", "\nDone"]),
        ("Things to bring\n- a card\n- a pen", ["Things to bring\n", "- a card\n", "- a pen"]),
        ("Of course,\nwe can do that.", ["Of course,\nwe can do that."]),
        ("はい。わかりました。", ["はい。", "わかりました。"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert phrases(text) == expected
    assert [phrase.strip() for phrase in phrases(*text)] == [phrase.strip() for phrase in expected]


READ_BY_A_PERSON = (
    "Yes, of course.‖ Which day would suit you?‖ Dr. Smith or Dr. Jones?",
    "Good morning,‖ you have reached Mr. and Mrs. J. K. Smith, of St. Mary's Rd. in Leeds.‖ Hello!",
    "We open at 9 a.m. Monday to Friday and close at 5 p.m. Then we go home.".replace("p.m. T", "p.m.‖ T"),
    "It opens at 8.30 a.m. on weekdays.‖ On Saturday it is 10:30 a.m. – 4 p.m. only.‖ Fine?",
    "It costs £4.50 or $1,299.99 in all.‖ That is 3.14 per cent of 1,000.‖ Shall I go on?",
    "Write to jo.doe@mail.example.co.uk or see https://www.example.com/a.b?c=d,e.‖ They know.",
    "No.‖ I cannot, No. 5 is taken.‖ No. 6 is free though.",
    "Well... let me see.‖ So…‖ That is it then.",
    "He asked “Really?” and left.‖ “Quite so.”‖ (She laughed.)‖ Then they went.",
    "Bring a card e.g. a pass,‖ i.e. one with a photo, etc. to the desk.‖ Thanks.",
    "Bring pens, paper,‖ etc.‖ We have the rest.",
    "It is on 5 March, 2026 at 10.‖ See you on Mar. 5 or Fri. 6 then.",
    "Please come by on March 5, 2026 at nine.‖ That is a Friday.",
    "The U.S. office of Acme Inc. is closed.‖ It moved to Washington D.C.¦ You can write there.",
    "He lives on Main St.¦ You cannot miss it.‖ It is near Mt. Pleasant Ave.¦ Is that all?",
    "That was plan B.¦ We have a plan C. Smith wrote it.",
    "Call 020 7946 0018, 9-5, 10 – 4,‖ Mon – Fri.‖ Bye!",
    "He is 6 ft. tall.‖ Come in.‖ It takes 10 min. or so.‖ Fine.",
    "Really?!‖ Yes!!‖ Wow...‖ Good.",
    "はい、そうです。‖「本当？」‖ええ！‖わかりました。‖では。",
    "क्या आप आएंगे।‖ हाँ।‖ ठीक है।",
    "You pay 5 %.‖ Version 2.0.1 is out.‖ In 2024. It was 3.‖ Ok.".replace("2024. ", "2024.‖ "),
    '## Our hours\n‖We are open.‖ See [us, here](https://x.org/a,b "A title. Or two") soon.‖ Bye.',
    "1. Brush your teeth.\n‖2. Floss.\n‖\n‖Done",
    "Things to bring:\n‖- a card\n¦- a pen, and paper",
    "| Day | Open |\n‖|-----|------|\n‖| Mon | 9-5 |\n‖Good",
)
"""`‖` where a phrase may end: after a sentence, a row, or an item, and for the first one at a clause; `¦` where only
the whole next word decides.
"""


def marked(text: str) -> tuple[str, dict[int, int]]:
    """The text, and where it may be cut (before white space), with the maximum delay in tokens."""
    cuts, plain = {}, ""
    for part, mark in re.findall(r"([^‖¦]+)([‖¦]?)", text):
        plain += part
        cuts[len(plain.rstrip())] = 2 if mark == "¦" else 1
    return plain, cuts


TOKENISERS = {
    "words": r"\s*\S+|\s+",
    "pieces": r"\s?\w{1,4}|\s?[^\w\s]|\s+",
    "letters": r"(?s).",
}


@pytest.mark.parametrize("kind", TOKENISERS)
@pytest.mark.parametrize("text", READ_BY_A_PERSON)
def test_a_text_is_cut_where_a_person_would_and_within_a_token_of_it(text: str, kind: str) -> None:
    text, cuts = marked(text)
    tokens = re.findall(TOKENISERS[kind], text)
    chunker, got, at, ended, made = PhraseChunker(), "", 0, dict[int, int](), {len(text)}
    for n, token in enumerate(tokens):
        at += len(token)
        ended |= {cut: n for cut in cuts if cut <= at and cut not in ended}
        for phrase in chunker.feed(token):
            got += phrase
            end = len(got.rstrip())
            assert not phrase.strip() or end in cuts, got
            made.add(end)
            # White space is a token here, but not for a model; a word that arrives letter by letter takes its time.
            spent = sum(not each.isspace() for each in tokens[ended.get(end, n) + 1 : n + 1])
            assert kind != "words" or spent <= cuts.get(end, 0), got
    assert got + chunker.flush()[0] == text
    assert made == set(cuts)


def test_the_first_phrase_may_leave_at_a_clause_and_later_ones_wait_for_their_sentence() -> None:
    text = "Good morning, this is the clinic. If you want to book, to cancel, or to move a visit, tell me."
    assert phrases(text) == [
        "Good morning, ",
        "this is the clinic. ",
        "If you want to book, to cancel, or to move a visit, tell me.",
    ]


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


@given(st.one_of(SENTENCES, st.text(max_size=400)), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_where_it_is_cut_does_not_depend_on_the_tokens(text: str, sizes: list[int]) -> None:
    tokens, at, n = [], 0, 0
    while at < len(text):
        size = sizes[n % len(sizes)]
        tokens.append(text[at : at + size])
        at, n = at + size, n + 1
    assert phrases(*tokens) == phrases(text) == phrases(*text)


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


@pytest.mark.parametrize(
    ("phrase", "unfinished"),
    [("Well, ", True), ("so: ", True), ("cut ", True), ("Hello. ", False), ("item\n", False), ("Well,", False)],
)
def test_a_sentence_goes_on_after_a_clause_that_another_follows(phrase: str, unfinished: bool) -> None:
    assert is_unfinished(phrase) is unfinished


def test_a_first_clause_is_long_enough_to_be_worth_it() -> None:
    assert phrases("Yes, of course you can do that") == ["Yes, of course you can do that"]
    assert len("Yes,") < FIRST_CLAUSE


@pytest.mark.parametrize("dash", [" — ", " – "])
def test_a_clause_ends_at_a_dash_between_words(dash: str) -> None:
    first, rest = f"We can see you on Tuesday morning{dash}", "or would Friday at noon be better?"
    assert phrases(first + rest) == [first, rest]


def test_white_space_before_half_a_word_is_no_phrase() -> None:
    chunker = PhraseChunker()
    assert chunker.feed("  hel") == []
    assert chunker.patience_s() is None
    assert chunker.expire() == []
    assert chunker.feed("lo there. ") + chunker.flush() == ["  hello there. "]
