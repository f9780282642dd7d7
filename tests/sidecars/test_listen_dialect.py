"""Deepgram's dialect, as values."""

from __future__ import annotations

from typing import Any

import pytest

from sidecars.listen_dialect import (
    ENDPOINTING_S,
    LEAST_ENDPOINTING_S,
    BadRequest,
    Request,
    parse_control,
    parse_query,
    results,
)

PLAIN = {"encoding": "linear16", "sample_rate": "8000"}


def asked(**more: str) -> Request:
    return parse_query((PLAIN | more).items())


def test_what_a_client_asks_for_and_what_is_left_for_the_engine() -> None:
    request = parse_query(
        [*PLAIN.items(), ("interim_results", "true"), ("keyterm", "a"), ("keyterm", "b"), ("model", "x")]
    )
    assert request == Request(8000, True, ENDPOINTING_S, {"keyterm": ["a", "b"], "model": "x"})
    assert not asked().interim_results


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("false", None), ("true", ENDPOINTING_S), ("10", LEAST_ENDPOINTING_S), ("800", 0.8)],
)
def test_a_pause_is_as_long_as_the_client_says(said: str, seconds: float) -> None:
    assert asked(endpointing=said).endpointing_s == seconds


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({"encoding": "opus"}, "encoding=opus: must be linear16"),
        ({"encoding": ""}, "must be linear16"),
        ({"sample_rate": "7999"}, "sample_rate=7999: must be one of 8000, 16000"),
        ({"sample_rate": ""}, "must be one of"),
        ({"channels": "2"}, "channels=2: must be 1"),
        ({"endpointing": "soon"}, "endpointing=soon: must be milliseconds"),
        ({"endpointing": "99999999"}, "must be milliseconds"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(query: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint) as caught:
        asked(**query)
    assert "\n" not in str(caught.value)


def test_a_parameter_given_twice_is_not_taken_for_one() -> None:
    with pytest.raises(BadRequest):
        parse_query([*PLAIN.items(), ("sample_rate", "16000")])


@pytest.mark.parametrize("text", ["hello", "[]", "1", "null", '{"type": 3}', '{"type": "Sing"}', "{}", "[" * 100_000])
def test_text_that_is_no_message_is_told_so(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_control(text)


def test_a_control_is_known_by_its_type() -> None:
    assert parse_control('{"type": "Finalize", "channel": 0}') == "Finalize"


def test_words_stand_where_they_were_said_in_the_connections_audio() -> None:
    heard = {"text": "yes please", "confidence": 1.2, "words": [["yes", 0.5, 0.75, 2.0], ["please", 0.75, 1.0, 0.5]]}
    told = results(heard, request_id="r", model="m", start=10.0, duration=1.5, final=True)
    (best,) = told["channel"]["alternatives"]
    assert (best["transcript"], best["confidence"]) == ("yes please", 1.0)
    assert [(word["word"], word["start"], word["end"], word["confidence"]) for word in best["words"]] == [
        ("yes", 10.5, 10.75, 1.0),
        ("please", 10.75, 11.0, 0.5),
    ]
    assert (told["start"], told["duration"], told["is_final"], told["speech_final"]) == (10.0, 1.5, True, False)
    assert told["metadata"]["request_id"] == "r"
    assert "released" not in told
