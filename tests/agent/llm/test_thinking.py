"""A reasoning model's thoughts are never spoken, and nothing else is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.agent.llm.thinking import CLOSE, OPEN, Thinking


def spoken(*pieces: str, thinking: bool = False) -> str:
    filter_ = Thinking(thinking)
    return "".join([*(filter_.feed(piece) for piece in pieces), filter_.flush()])


TEXT = f"Well, <b>{OPEN}the caller <wants> to know{CLOSE} we are < open {OPEN}{CLOSE}today.{OPEN}hm"


def test_thoughts_are_removed_wherever_one_cut_falls() -> None:
    for cut in range(len(TEXT) + 1):
        assert spoken(TEXT[:cut], TEXT[cut:]) == "Well, <b> we are < open today."


def test_thoughts_are_removed_when_every_character_is_a_token() -> None:
    assert spoken(*TEXT) == "Well, <b> we are < open today."


def test_a_thought_that_the_chat_template_opened_ends_at_its_closing_tag() -> None:
    assert spoken("hm", "</th", "ink>", "Yes.", thinking=True) == "Yes."
    assert spoken("Yes", CLOSE, ".") == "Yes."


def test_what_cannot_be_a_tag_any_more_is_given_out_at_once() -> None:
    filter_ = Thinking()
    assert [filter_.feed(piece) for piece in ("five <", " six", "<th", "ree", "<")] == [
        "five ",
        "< six",
        "",
        "<three",
        "",
    ]
    assert filter_.flush() == "<"


outside = st.text(alphabet="<>/thinkab ", max_size=12).filter(lambda text: OPEN not in text and CLOSE not in text)
"""Full of text that looks like tags but is not."""


@given(st.lists(st.tuples(outside, outside)), st.randoms(use_true_random=False))
def test_any_text_in_any_pieces_loses_its_thoughts_and_nothing_else(
    parts: list[tuple[str, str]], random: object
) -> None:
    # A space keeps the end of one part and the beginning of the next from forming a tag.
    text = "".join(f"{said} {OPEN}{thought} {CLOSE} " for said, thought in parts)
    pieces, rest = [], text
    while rest:
        size = random.randint(1, 9)  # type: ignore[attr-defined]
        pieces.append(rest[:size])
        rest = rest[size:]
    assert spoken(*pieces) == "".join(f"{said}  " for said, _ in parts)
