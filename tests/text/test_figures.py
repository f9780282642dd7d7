from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.text.figures import cardinal, clock, digits, money, number, ordinal, year


@given(st.integers(0, 10**15))
def test_a_quantity_is_said_without_figures_or_commas(quantity: int) -> None:
    for said in (cardinal(quantity), number(f"{quantity:,}"), ordinal(quantity)):
        assert not any(char.isdigit() or char == "," for char in said)


@given(st.from_regex(r"[0-9]{16,30}", fullmatch=True))
def test_what_nobody_could_follow_is_said_digit_by_digit(long: str) -> None:
    assert number(long) == digits(long)
    assert len(digits(long).split()) == len(long)


@pytest.mark.parametrize(
    ("amount", "sign", "large", "said"),
    [
        ("0", "£", "", "zero pounds"),
        ("1.00", "£", "", "one pound"),
        ("1.01", "£", "", "one pound and one penny"),
        ("4.5", "$", "", "four point five dollars"),
        ("12345.67", "€", "", "twelve thousand three hundred and forty-five euros sixty-seven"),
        ("3", "¥", "bn", "three billion yen"),
        ("1", "p", "", "one penny"),
        ("99", "¢", "", "ninety-nine cents"),
    ],
)
def test_money(amount: str, sign: str, large: str, said: str) -> None:
    assert money(amount, sign, large) == said


@pytest.mark.parametrize(
    ("hour", "minute", "half", "said"),
    [
        (9, 0, None, "nine o'clock"),
        (0, 0, None, "midnight"),
        (0, 5, None, "zero oh five"),
        (13, 0, None, "thirteen hundred"),
        (9, 5, "a", "nine oh five a.m."),
        (12, 0, "p", "twelve p.m."),
    ],
)
def test_times_of_day(hour: int, minute: int, half: str | None, said: str) -> None:
    assert clock(hour, minute, half) == said


@pytest.mark.parametrize(
    ("written", "said"), [("1905", "nineteen oh-five"), ("2000", "two thousand"), ("2026", "twenty twenty-six")]
)
def test_years(written: str, said: str) -> None:
    assert year(written) == said
