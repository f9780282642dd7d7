"""Digits in SIP INFO."""

from __future__ import annotations

import pytest

from phone_daemon.wire.line_card.info import dtmf_digit


def info(body: str, kind: str = "application/dtmf") -> str:
    return f"INFO sip:1@h SIP/2.0\r\nVia: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        *(("5", "5"), ("5\r\n", "5"), ("Signal=8\r\nDuration=160\r\n", "8"), ("signal = *", "*"), ("d", "D")),
        *(("10", "*"), ("11\r\n", "#"), ("15", "D")),
    ],
)
def test_the_body_is_the_digit_or_a_signal_line(body: str, digit: str) -> None:
    assert dtmf_digit(info(body)) == digit


@pytest.mark.parametrize("body", ["", "x", "16", "123", "Signal=", "<xml/>"])
def test_what_is_no_digit_is_none(body: str) -> None:
    assert dtmf_digit(info(body)) == ""


def test_other_types_are_left_to_others() -> None:
    assert dtmf_digit(info("5", "application/dtmf-relay")) == ""
    assert dtmf_digit(info("5", "text/plain")) == ""
    assert dtmf_digit("no message") == ""
