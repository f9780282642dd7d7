from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.text.markdown import plain
from phone_daemon.tts.phrases import PhraseChunker


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Your visit is **on Monday**, _not_ `today`.", "Your visit is on Monday , not today ."),
        ("***Very*** important, ~~not~~ __now__", "Very important, not now"),
        ("# Hours\n> nine to five\n- a card\n* a pen\n+ a key", "Hours nine to five a card a pen a key"),
        ("### Hours\n> - nested\n- [x] done\n- [ ] open", "Hours nested done open"),
        ("1. Brush\n2. Floss", "1. Brush 2. Floss"),
        ("See [our site](https://x.org/a_b) or ![map](m.png).", "See our site or map ."),
        ('[it](https://x.org/a_(b) "The title") and [that][1].', "it and that ."),
        ("[1]: https://x.org/a 'A'\nYes[^1].", "Yes ."),
        ("Ask <https://x.org> or <a@x.org>.", "Ask https://x.org or a@x.org ."),
        ("One<br>two<br/><b>three</b> <!-- four -->", "One two three"),
        ("```python\nprint(1)\n```\nDone", "print(1) Done"),
        ("before\n\n---\n\nafter\n* * *\nend", "before after end"),
        ("| Day | Hours |\n|:----|------:|\n| Mon | 9-5 |", "Day , Hours Mon , 9-5"),
        (r"\*not bold\* and 5 \* 3", "*not bold* and 5 * 3"),
        ("Press * to go back, or *.", "Press * to go back, or *."),
        ("Great 😀👩‍👩‍👧 to ❤️ you ✅ 5️⃣", "Great to you 5"),
        ("Mail first_name@x.org, it is (25°C) at no. #5", "Mail first_name@x.org, it is (25°C) at no. #5"),
        ("a - b, x-ray, [sic] and (so on), 5 < 6", "a - b, x-ray, [sic] and (so on), 5 < 6"),
        ("bell\x07 and \ud800 surrogate", "bell and surrogate"),
        ("naïve café – “quoted” 日本", "naïve café – “quoted” 日本"),
    ],
)
def test_only_what_has_a_sound_is_left(text: str, spoken: str) -> None:
    assert plain(text).split() == spoken.split()


@given(st.one_of(st.text(), st.text("*_`~#>|-[]()!\\<a1 \n", max_size=80)))
def test_a_word_keeps_its_place(text: str) -> None:
    left = plain(text)
    assert len(left) == len(text)
    assert all(
        new in (old, " ", ",") or new in (text[max(at - 1, 0)], text[min(at + 1, len(text) - 1)])
        for at, (old, new) in enumerate(zip(text, left, strict=True))
    )
    left.encode()


MARKED = (
    "## Opening hours\n\nWe are **open every day**, except *Sunday*. See [our full list of hours](https://x.org/hours "
    '"All our hours. Really") for more!\n\n- **Monday to Friday**: nine to five\n- `Saturday`: ten to two\n\n'
    "| Day | Open |\n|-----|------|\n| Holidays | never |\n\n> Please note this.\n\n```text\nThank you\n```\n"
)
SAID = (
    "Opening hours We are open every day , except Sunday . See our full list of hours for more! Monday to Friday : "
    "nine to five Saturday : ten to two Day , Open Holidays , never Please note this. Thank you"
)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_nothing_of_it_is_spoken_however_it_arrives_and_is_cut(sizes: list[int]) -> None:
    chunker, phrases, at, n = PhraseChunker(), [], 0, 0
    while at < len(MARKED):
        size = sizes[n % len(sizes)]
        phrases += chunker.feed(MARKED[at : at + size])
        at, n = at + size, n + 1
    phrases += chunker.flush()
    assert " ".join(plain(phrase) for phrase in phrases).split() == SAID.split()


@given(st.sets(st.integers(0, len(MARKED))))
def test_nothing_of_it_is_spoken_when_the_agent_stalls_in_the_middle_of_it(stalls: set[int]) -> None:
    chunker, phrases = PhraseChunker(), []
    for at, char in enumerate(MARKED):
        phrases += chunker.feed(char)
        if at in stalls:
            phrases += chunker.expire()
    phrases += chunker.flush()
    said = " ".join(plain(phrase) for phrase in phrases)
    assert not set(said) & set("*`|#[]_~>")
    assert "http" not in said
    assert [word for word in said.split() if word.isalpha()] == [word for word in SAID.split() if word.isalpha()]
