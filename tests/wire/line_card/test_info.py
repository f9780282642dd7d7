"""Digits in SIP INFO."""

from __future__ import annotations

import pytest

from phone_daemon.wire.line_card.info import dtmf_digit


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        *(("5", "5"), ("5\r\n", "5"), ("d", "D"), ("10", "*"), ("11\r\n", "#"), ("15", "D")),
        *(("Signal=8\r\nDuration=160\r\n", "8"), ("signal = *", "*"), ("Signal=5", "5"), ("Signal=5\nDuration=", "5")),
        *(("Duration=250\r\nSignal=5\r\n", "5"), ("Signal=5;Duration=250", "5"), ("Signal=#\r\n\r\n", "#")),
        *(
            ('Signal="3"\r\nDuration=160', "3"),
            ("Signal: 2\r\nDuration: 160", "2"),
            ("Signal=1\0\r\n", "1"),
            ("'9'", "9"),
        ),
        *(("p=Digit-Collection\r\ny=Digits\r\nd=Digits=4\r\n", "4"), ("d=#", "#"), ("Signal=7\xff\r\n", "7")),
        *(
            ("Signal=star\r\n", "*"),
            ("Signal=Pound", "#"),
            ("Signal=%23\r\n", "#"),
            ("Signal=05\r\n", "5"),
            ("00", "0"),
        ),
        *(("Digits=5", "5"), ("Digit=%2a\r\n", "*"), ("hash", "#")),
        *(("Signal=11\r\nDuration=160\r\n", "#"), ("Signal=5\r\nDuration=99999999999\r\n", "5")),
    ],
)
def test_every_spelling_of_a_key_is_read(body: str, digit: str) -> None:
    assert dtmf_digit(body) == digit


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "x",
        "16",
        "123",
        "Signal=",
        "Signal",
        "Signal=\r\n",
        "Signal=16",
        "<xml/>",
        "Signal=hf",
        "Signal=1234",
        "Signal=006",
        "Signal=starry",
        "Digits",
        "016",
    ],
)
def test_what_is_no_digit_is_none(body: str) -> None:
    assert dtmf_digit(body) == ""
