"""What clients may ask of the speech server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecars.serve.tts.request import MAX_INPUT, Complaint, SpeechRequest, parse

VOICES = ("en-us", "de")


def asked(**fields: Any) -> SpeechRequest:
    body = {"model": "espeak", "input": "Hello.", "voice": "de", **fields}
    return parse(json.dumps(body).encode(), "espeak", VOICES)


def test_a_request_says_text_voice_and_format() -> None:
    assert asked(response_format="pcm") == SpeechRequest("Hello.", {"voice": "de"}, wav=False)
    assert asked().wav, "what a client does not ask for can be played by anything"


def test_a_speed_is_the_engines_rate() -> None:
    assert asked(speed=1.5).options == {"voice": "de", "rate": 1.5}
    assert asked(speed=1.0).options == {"voice": "de"}


@pytest.mark.parametrize("voice", ["alloy", "nova", "", None])
def test_the_names_that_clients_have_built_in_are_the_default_voice(voice: object) -> None:
    assert asked(voice=voice, model="tts-1").options == {}


def test_a_voice_that_is_not_listed_is_left_to_the_engine() -> None:
    assert asked(voice="en-us+f3").options == {"voice": "en-us+f3"}


def test_the_longest_text_fits_into_the_longest_body() -> None:
    assert len(asked(input="\U0001f600" * MAX_INPUT).text) == MAX_INPUT


@pytest.mark.parametrize(
    ("fields", "status", "param", "says"),
    [
        ({"input": ""}, 400, "input", "not empty"),
        ({"input": " \n"}, 400, "input", "not empty"),
        ({"input": 7}, 400, "input", "not empty"),
        ({"input": "x" * (MAX_INPUT + 1)}, 400, "input", f"{MAX_INPUT} is the most"),
        ({"model": "gtp"}, 404, "model", "'espeak'"),
        ({"response_format": "mp3"}, 400, "response_format", "'pcm' and 'wav'"),
        ({"response_format": ["pcm"]}, 400, "response_format", "'pcm' and 'wav'"),
        ({"stream_format": "sse"}, 400, "stream_format", "audio"),
        ({"voice": {"id": "x"}}, 400, "voice", "a name"),
        ({"speed": "fast"}, 400, "speed", "0.25"),
        ({"speed": True}, 400, "speed", "0.25"),
        ({"speed": 9}, 400, "speed", "0.25"),
    ],
)
def test_what_cannot_be_done_is_named(fields: dict[str, Any], status: int, param: str, says: str) -> None:
    with pytest.raises(Complaint, match=says) as caught:
        asked(**fields)
    assert (caught.value.status, caught.value.param) == (status, param)
    assert caught.value.body()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]", b'"text"', b'{"model": "espeak"}'])
def test_a_body_that_is_no_request_is_complained_of(body: bytes) -> None:
    with pytest.raises(Complaint) as caught:
        parse(body, "espeak", VOICES)
    assert caught.value.status == 400
