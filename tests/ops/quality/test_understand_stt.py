"""Recordings recognized as in a call, by the embedded engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ops.quality import understand_stt
from ops.quality.score import normalized
from ops.quality.transcribe import started
from phone_daemon.call.caller_side import PendingTurn
from phone_daemon.clock import run_counted
from phone_daemon.settings.settings import Settings
from sidecars.local.inline import InlineHost
from tests.ops.natural import said

QUIET = bytes(2 * 8000)
"""A second."""


@pytest.fixture(scope="module")
def host() -> Iterator[InlineHost]:
    host = InlineHost("stt", "moonshine", {})
    asyncio.run(host.start())
    yield host
    asyncio.run(host.close())


def heard(host: InlineHost, pcm: bytes) -> PendingTurn:
    return run_counted(understand_stt.hear(host, Settings(), "", "", pcm))


@pytest.mark.long
def test_a_recording_is_heard_once_however_often(host: InlineHost) -> None:
    pcm = said("What are your opening hours?")
    one, other = heard(host, pcm), heard(host, pcm)
    assert normalized(one.text) == "what are your opening hours"
    assert 0 < one.confidence <= 1
    assert (one.text, one.confidence) == (other.text, other.confidence)


@pytest.mark.long
def test_who_pauses_goes_on_with_the_same_turn(host: InlineHost) -> None:
    turn = heard(host, said("I would like an appointment.") + QUIET + said("On Tuesday morning."))
    assert len(turn.said) == 2
    assert normalized(turn.text) == "i would like an appointment on tuesday morning"


def test_where_nobody_speaks_nothing_is_heard(host: InlineHost) -> None:
    assert heard(host, 2 * QUIET).text == ""
    assert heard(host, b"").text == ""


@pytest.mark.long
def test_an_engine_that_is_started_by_the_command_is_closed_by_it() -> None:
    async def twice() -> str:
        own = InlineHost("stt", "moonshine", {})
        async with started(own):
            await understand_stt.hear(own, Settings(), "", "", said("Yes."))
        return own.problem

    assert run_counted(twice()) == "its engine does not run"
