"""Synthesis for many channels, with espeak-ng."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sidecars.engine import load
from sidecars.engines.espeak import create
from sidecars.host.host import Letter
from sidecars.local.synthesis import MAX_TEXT, MAX_WAITING, SynthesisServer

LONG = "This is a rather long sentence about nothing. " * 20


@pytest.fixture
def server() -> SynthesisServer:
    return SynthesisServer(create({}))


def speak(server: SynthesisServer, channel: int, text: str, options: dict[str, Any] | None = None) -> None:
    server.receive(channel, {"type": "Speak", "text": text, "options": options or {}})


def told(server: SynthesisServer) -> Any:
    """Everything the server says until it has nothing to do."""
    said = []
    while server.busy:
        said += server.step()
    return said


def types(letters: list[Letter]) -> Any:
    return [(channel, message["type"]) for channel, message, _ in letters]


def without_chunks(letters: list[Letter]) -> Any:
    return [(channel, message["type"]) for channel, message, _ in letters if message["type"] != "Chunk"]


def test_a_text_is_spoken_in_chunks_with_its_words_and_then_done(server: SynthesisServer) -> None:
    speak(server, 1, "Hello world.")
    *chunks, done = told(server)
    assert done == (1, {"type": "Done"}, b"")
    assert sum(len(payload) for _, _, payload in chunks) > server.engine.sample_rate  # at least half a second
    marks = [mark for _, message, _ in chunks for mark in message["marks"]]
    assert [(start, end) for _, start, end in marks] == [(0, 5), (6, 12)]


def test_an_engine_is_told_what_was_before_only_where_it_goes_on_from_there(server: SynthesisServer) -> None:
    texts = {}
    for name in ("espeak", "hibari"):
        server = SynthesisServer(load(name, {}))
        for before in ("", "We are open in the morning,"):
            server.receive(1, {"type": "Speak", "text": "and at night.", "options": {}, "before": before})
            texts[name, before] = b"".join(payload for _, _, payload in told(server))
    assert all(texts.values())
    assert len({said for (name, _), said in texts.items() if name == "hibari"}) == 2


def test_texts_of_one_channel_are_spoken_in_order(server: SynthesisServer) -> None:
    speak(server, 1, "First.")
    speak(server, 1, "Second.")
    assert without_chunks(told(server)) == [(1, "Done"), (1, "Done")]


def test_channels_take_turns_text_by_text(server: SynthesisServer) -> None:
    for text in ("One.", "Two.", "Three."):
        speak(server, 1, text)
    speak(server, 2, "Me too.")
    assert without_chunks(told(server)) == [(1, "Done"), (2, "Done"), (1, "Done"), (1, "Done")]


def test_a_cancel_stops_between_chunks_and_drops_what_waits(server: SynthesisServer) -> None:
    speak(server, 1, LONG)
    speak(server, 1, "Never said.")
    assert types(server.step()) == [(1, "Chunk")]
    server.receive(1, {"type": "Cancel"})
    assert types(told(server)) == [(1, "Cancelled")]


def test_a_cancel_that_arrives_while_the_engine_works_is_seen_in_the_middle_of_a_text() -> None:
    """The engine asks whether to stop; `poll` is how the server finds out."""
    asked: list[Any] = []

    def poll() -> None:
        asked.append(None)
        if len(asked) == 5:
            speaking.receive(1, {"type": "Cancel"})

    speaking = SynthesisServer(create({}), poll)
    speak(speaking, 1, LONG)
    assert types(told(speaking)) == [(1, "Cancelled")]


def test_what_is_sent_after_a_cancel_is_spoken(server: SynthesisServer) -> None:
    speak(server, 1, "Old.")
    server.receive(1, {"type": "Cancel"})
    speak(server, 1, "New.")
    letters = told(server)
    assert without_chunks(letters) == [(1, "Cancelled"), (1, "Done")]
    assert types(letters)[0] == (1, "Cancelled")


def test_a_cancel_of_one_channel_does_not_touch_another(server: SynthesisServer) -> None:
    speak(server, 1, LONG)
    speak(server, 2, "Still here.")
    server.step()
    server.receive(1, {"type": "Cancel"})
    assert without_chunks(told(server)) == [(1, "Cancelled"), (2, "Done")]


def test_a_closed_channel_is_silent_at_once(server: SynthesisServer) -> None:
    speak(server, 1, LONG)
    server.step()
    server.receive(1, {"type": "Close"})
    assert told(server) == []


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"type": "Sing"}, "no such message"),
        ({"type": "Speak"}, "text must be a string"),
        ({"type": "Speak", "text": 7}, "text must be a string"),
        ({"type": "Speak", "text": "x" * (MAX_TEXT + 1)}, f"{MAX_TEXT} is the most"),
        ({"type": "Speak", "text": "Hi.", "options": []}, "options must be a table"),
        ({"type": "Speak", "text": "Hi.", "options": {"voice": "nobody"}}, "nobody"),
    ],
)
def test_a_text_that_cannot_be_spoken_says_why_and_the_next_one_is_spoken(
    server: SynthesisServer, message: dict[str, Any], error: str
) -> None:
    server.receive(1, message)
    speak(server, 1, "Next.")
    letters = told(server)
    assert without_chunks(letters) == [(1, "Failed"), (1, "Done")]
    assert error in letters[0][1]["error"]


def test_a_channel_that_asks_without_end_is_refused(server: SynthesisServer) -> None:
    for _ in range(MAX_WAITING + 1):
        speak(server, 1, "Again.")
    letters = server.step()
    assert types(letters)[0] == (1, "Failed")
    assert "already waiting" in letters[0][1]["error"]


def test_an_engine_that_refuses_a_text_at_once_fails_that_text_alone(
    server: SynthesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_well = server.engine.speak

    def speak_or_raise(text: str, options: Mapping[str, Any], stop: Any) -> Any:
        if text == "Cursed.":
            raise RuntimeError("no such voice any more")
        return speak_well(text, options, stop)

    monkeypatch.setattr(server.engine, "speak", speak_or_raise)
    speak(server, 1, "Cursed.")
    speak(server, 1, "Blessed.")
    assert without_chunks(told(server)) == [(1, "Failed"), (1, "Done")]
