"""Recognition for many channels, with an engine that only counts: what it is asked to do, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from sidecars.engine import EngineFull, EngineLost, Hypothesis
from sidecars.local.recognition import BACKLOG_S, RecognitionServer


class Counter:
    """Its transcript is the number of samples that it got. Audio of the byte 13 makes it fail."""

    sample_rate = 16000
    max_sessions = 4

    def __init__(self) -> None:
        self.samples: dict[int, int] = {}
        self.asked: list[tuple[Any, ...]] = []

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        if len(self.samples) == 4:
            raise EngineFull("4 utterances are open already")
        if options.get("language", "en") != "en":
            raise ValueError("language: only en")
        self.samples[session] = 0

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        self.asked.append(("step", {session: len(pcm) // 2 for session, pcm in audio.items()}))
        for session, pcm in audio.items():
            if 13 in pcm:
                raise RuntimeError("bad luck")
            self.samples[session] += len(pcm) // 2
        return {session: Hypothesis(str(self.samples[session]), 0.5) for session in audio}

    def finalize(self, session: int) -> Hypothesis:
        self.asked.append(("finalize", session))
        return Hypothesis(str(self.samples.pop(session)))

    def cancel(self, session: int) -> None:
        self.asked.append(("cancel", session))
        del self.samples[session]

    def held(self) -> Mapping[str, int]:
        return {"utterances": len(self.samples)}


@pytest.fixture
def engine() -> Counter:
    return Counter()


@pytest.fixture
def server(engine: Counter) -> RecognitionServer:
    return RecognitionServer(engine)


def told(server: RecognitionServer) -> Any:
    """Everything the server says until it has nothing to do: (channel, type, the rest)."""
    said = []
    while server.busy:
        for channel, message, payload in server.step():
            assert payload == b""
            said.append((channel, message.pop("type"), message))
    return said


def opened(server: RecognitionServer, *channels: Any) -> None:
    for channel in channels:
        server.receive(channel, {"type": "Open", "options": {}})
    assert told(server) == []


def audio(server: RecognitionServer, channel: int, samples: int) -> None:
    server.receive(channel, {"type": "Audio"}, bytes(2 * samples))


def test_an_utterance_is_heard_and_ends_with_a_final_that_says_what_is_held(server: RecognitionServer) -> None:
    opened(server, 1)
    audio(server, 1, 320)
    server.receive(1, {"type": "Finalize"})
    assert told(server) == [
        (1, "Partial", {"text": "320", "confidence": 0.5, "samples": 320}),
        (1, "Final", {"text": "320", "confidence": 1.0, "held": {"utterances": 0}, "open": 0}),
    ]


def test_audio_that_has_arrived_goes_into_one_step_with_everybody_elses(
    server: RecognitionServer, engine: Counter
) -> None:
    opened(server, 1, 2)
    for _ in range(3):
        audio(server, 1, 320)
        audio(server, 2, 160)
    told(server)
    assert engine.asked == [("step", {1: 960, 2: 480})]


def test_a_backlog_is_caught_up_in_steps_of_100_ms_so_that_a_cancel_never_waits_for_all_of_it(
    server: RecognitionServer, engine: Counter
) -> None:
    opened(server, 1)
    audio(server, 1, 16000)
    server.step()
    server.receive(1, {"type": "Cancel"})
    assert told(server) == [(1, "Cancelled", {"held": {"utterances": 0}, "open": 0})]
    assert engine.asked == [("step", {1: 1600}), ("cancel", 1)]


class Chunks(Counter):
    """Transcribes half a second per step."""

    chunk_s = 0.5

    def finalize_all(self, sessions: Sequence[int]) -> Sequence[Hypothesis]:
        self.asked.append(("finalize_all", list(sessions)))
        return [Hypothesis(str(self.samples.pop(session))) for session in sessions]


def test_an_engine_of_longer_chunks_is_given_one_of_them_in_a_step() -> None:
    engine = Chunks()
    server = RecognitionServer(engine)
    opened(server, 1)
    audio(server, 1, 20000)
    told(server)
    assert [fed for _, fed in engine.asked] == [{1: 8000}, {1: 8000}, {1: 4000}]


def test_finals_that_are_due_together_are_one_piece_of_work_where_the_engine_can() -> None:
    engine = Chunks()
    server = RecognitionServer(engine)
    opened(server, 1, 2, 3)
    for channel in (1, 2, 3):
        audio(server, channel, 320)
        if channel != 2:
            server.receive(channel, {"type": "Finalize"})
    said = told(server)
    assert engine.asked == [("step", {1: 320, 2: 320, 3: 320}), ("finalize_all", [1, 3])]
    assert [(channel, kind) for channel, kind, _ in said if kind == "Final"] == [(1, "Final"), (3, "Final")]


class Slow(Counter):
    """Costs as much as on a GPU, in time that passes only in the engine: 100 ms per batch and 0.4 per stream."""

    chunk_s = 0.56

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waiting: dict[int, int] = {}

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        self.waiting[session] = 0

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        self.now += 12e-6 * len(audio)
        size = 2 * round(self.chunk_s * self.sample_rate)
        for session, pcm in audio.items():
            self.waiting[session] += len(pcm)
        while full := [session for session in audio if self.waiting[session] >= size]:
            self.now += 0.1 + 0.4e-3 * len(full)
            for session in full:
                self.waiting[session] -= size
        return {}

    def finalize_all(self, sessions: Sequence[int]) -> Sequence[Hypothesis]:
        raise NotImplementedError


@pytest.mark.parametrize("streams", [32, 127, 512])
def test_a_server_whose_steps_take_longer_than_100_ms_keeps_up(streams: int) -> None:
    engine = Slow()
    server = RecognitionServer(engine)
    for channel in range(1, streams + 1):
        server.receive(channel, {"type": "Open", "options": {}})
    server.step()
    frame_s = 0.08
    frames = sorted(
        (number * frame_s + engine.chunk_s * channel / streams, channel)
        for channel in range(1, streams + 1)
        for number in range(100)
    )
    for at, channel in frames:
        while engine.now < at:
            if server.busy:
                server.step()
            else:
                engine.now = at
        server.receive(channel, {"type": "Audio"}, bytes(2 * round(frame_s * engine.sample_rate)))
    backlog_s = server.waiting_bytes() / 2 / engine.sample_rate / streams
    assert backlog_s < engine.chunk_s


@pytest.mark.parametrize("call", ["step", "finalize"])
def test_an_engine_that_is_lost_is_no_utterances_failure(
    server: RecognitionServer, engine: Counter, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def lost(*_: object) -> None:
        raise EngineLost("CUDA failed")

    opened(server, 1)
    monkeypatch.setattr(engine, call, lost)
    audio(server, 1, 320)
    if call == "finalize":
        server.step()
        server.receive(1, {"type": "Finalize"})
    with pytest.raises(EngineLost, match="CUDA failed"):
        server.step()


def test_a_cancel_is_taken_before_audio_that_arrived_earlier(server: RecognitionServer, engine: Counter) -> None:
    opened(server, 1, 2)
    audio(server, 1, 320)
    audio(server, 2, 320)
    server.receive(1, {"type": "Cancel"})
    assert [kind for _, kind, _ in told(server)] == ["Cancelled", "Partial"]
    assert engine.asked == [("cancel", 1), ("step", {2: 320})]


def test_what_is_held_after_a_cancel_is_what_the_others_hold(server: RecognitionServer) -> None:
    opened(server, 1, 2, 3)
    server.receive(2, {"type": "Cancel"})
    assert told(server) == [(2, "Cancelled", {"held": {"utterances": 2}, "open": 2})]


@pytest.mark.parametrize("before", [[], ["Open"], ["Open", "Finalize"], ["Open", "Cancel"], ["Open", "Nonsense"]])
def test_every_cancel_is_answered_exactly_once_whatever_came_before(
    server: RecognitionServer, before: list[dict[str, Any]]
) -> None:
    for kind in before:
        server.receive(1, {"type": kind})
        told(server)
    server.receive(1, {"type": "Cancel"})
    assert [kind for _, kind, _ in told(server)] == ["Cancelled"]


def test_an_utterance_opened_and_cancelled_in_one_breath_is_never_opened(
    server: RecognitionServer, engine: Counter
) -> None:
    server.receive(1, {"type": "Open"})
    server.receive(1, {"type": "Cancel"})
    assert [kind for _, kind, _ in told(server)] == ["Cancelled"]
    assert engine.asked == []


def test_a_channel_that_nobody_reads_any_more_is_freed_without_a_word(
    server: RecognitionServer, engine: Counter
) -> None:
    opened(server, 1)
    server.receive(1, {"type": "Close"})
    assert told(server) == []
    assert engine.held() == {"utterances": 0}


def test_finals_go_before_the_audio_of_others(server: RecognitionServer, engine: Counter) -> None:
    opened(server, 1, 2)
    audio(server, 2, 16000)
    server.receive(1, {"type": "Finalize"})
    assert next(kind for _, kind, _ in told(server)) == "Final"


@pytest.mark.parametrize(
    ("message", "payload", "error"),
    [
        ({"type": "Audio"}, b"odd", "3 bytes are not whole"),
        ({"type": "Open"}, b"", "already open"),
        ({"type": "Dance"}, b"", "no such message"),
        ({"type": ["Cancel"]}, b"", "no such message"),
        ({}, b"", "no such message"),
    ],
)
def test_a_malformed_message_ends_its_own_utterance_and_no_other(
    server: RecognitionServer, engine: Counter, message: dict[str, Any], payload: bytes, error: str
) -> None:
    opened(server, 1, 2)
    server.receive(1, message, payload)
    audio(server, 2, 320)
    (channel, kind, rest), partial = told(server)
    assert (channel, kind) == (1, "Failed")
    assert error in rest["error"]
    assert partial[:2] == (2, "Partial")
    assert engine.held() == {"utterances": 1}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"type": "Audio"}, "Open must come first"),
        ({"type": "Open", "options": "en"}, "options must be a table"),
        ({"type": "Open", "options": {"language": "fr"}}, "language: only en"),
    ],
)
def test_an_utterance_that_cannot_be_opened_says_why(
    server: RecognitionServer, engine: Counter, message: dict[str, Any], error: str
) -> None:
    server.receive(1, message)
    ((_, kind, rest),) = told(server)
    assert kind == "Failed"
    assert error in rest["error"]
    assert engine.held() == {"utterances": 0}


def test_audio_after_finalize_is_refused(server: RecognitionServer) -> None:
    opened(server, 1)
    server.receive(1, {"type": "Finalize"})
    audio(server, 1, 320)
    assert [kind for _, kind, _ in told(server)] == ["Failed"]


def test_a_full_engine_refuses_the_newcomer_and_the_others_never_notice(server: RecognitionServer) -> None:
    opened(server, 1, 2, 3, 4)
    server.receive(5, {"type": "Open"})
    audio(server, 1, 320)
    assert [(channel, kind) for channel, kind, _ in told(server)] == [(5, "Failed"), (1, "Partial")]


def test_an_engine_slower_than_speech_is_told_so_before_memory_runs_out(server: RecognitionServer) -> None:
    opened(server, 1)
    for _ in range(round(BACKLOG_S) + 1):
        audio(server, 1, 16000)
    said = told(server)
    assert [kind for _, kind, _ in said] == ["Failed"]
    assert "slower than speech" in said[0][2]["error"]


def test_a_step_that_fails_ends_the_utterances_in_it_and_their_state_is_freed(
    server: RecognitionServer, engine: Counter
) -> None:
    opened(server, 1, 2)
    server.receive(1, {"type": "Audio"}, b"\x0d\x0d")
    ((channel, kind, rest),) = told(server)
    assert (channel, kind, rest["held"], rest["open"]) == (1, "Failed", {"utterances": 1}, 1)
    assert "RuntimeError: bad luck" in rest["error"]


class Busy(Counter):
    """Asks at each step whether anybody is waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.urgent: Callable[[], bool] = lambda: False
        self.waits: list[bool] = []
        self.owed = 0

    @property
    def undone(self) -> bool:
        return self.owed > 0

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        self.waits.append(self.urgent())
        self.owed -= not audio
        return super().step(audio)


@pytest.mark.parametrize(
    ("kind", "waits"), [("Finalize", True), ("Cancel", True), ("Close", True), ("Audio", False), ("Open", False)]
)
def test_an_engine_at_work_is_told_that_a_final_or_a_cancel_waits(kind: str, waits: bool) -> None:
    engine = Busy()
    arriving: list[Any] = []

    def arrive() -> None:
        if arriving:
            listening.receive(*arriving.pop())

    listening = RecognitionServer(engine, arrive)
    opened(listening, 1, 2)
    audio(listening, 1, 320)
    arriving += [(3, {"type": kind}, b"") if kind == "Open" else (2, {"type": kind}, b""), (9, {"type": "Close"}, b"")]
    listening.step()
    assert engine.waits == [waits]


def test_a_final_that_waits_for_its_last_audio_is_urgent_too() -> None:
    engine = Busy()
    server = RecognitionServer(engine)
    opened(server, 1, 2)
    audio(server, 1, 320)
    audio(server, 2, 320)
    server.receive(2, {"type": "Finalize"})
    server.step()
    assert engine.waits == [True]


def test_what_an_engine_left_undone_is_done_without_more_audio() -> None:
    engine = Busy()
    server = RecognitionServer(engine)
    opened(server, 1)
    assert not server.busy
    engine.owed = 2
    assert told(server) == []
    assert engine.asked == [("step", {}), ("step", {})]
    assert not server.busy
