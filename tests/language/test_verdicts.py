"""What is called right and what wrong."""

import pytest

from phone_daemon.language.verdicts import Verdict, verdicts


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("lovely", [Verdict("yes", 0, 1, False)]),
        ("that is lovely", [Verdict("yes", 0, 3, True)]),
        ("that is not lovely", [Verdict("no", 0, 4, True)]),
        ("no problem", [Verdict("yes", 0, 2, True)]),
        ("there is a problem", [Verdict("no", 3, 4, True)]),
        ("no wrong", [Verdict("no", 1, 2, True)]),
        ("i'm not sure", [Verdict("", 0, 3, True)]),
        ("sure", []),
        ("wrong it's right", [Verdict("no", 0, 1, True), Verdict("yes", 1, 3, True)]),
        ("not on monday lovely", [Verdict("yes", 3, 4, False)]),
        ("", []),
    ],
)
def test_verdicts(sentence: str, found: list[Verdict]) -> None:
    assert verdicts(sentence.split()) == found
