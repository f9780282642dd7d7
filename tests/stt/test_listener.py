"""The utterance that listens, its spare, and what they expect."""

from __future__ import annotations

import pytest_asyncio

from phone_daemon.events import SAMPLE_RATE
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.listener import Listener
from phone_daemon.stt.session import Recognizer
from phone_daemon.stt.utterance import Utterance
from sidecars.local.inline import InlineHost
from sidecars.resample import Resampler
from tests.sidecars.clinic import CLINIC
from tests.sidecars.speech import caller

SETS = {"": CLINIC, "doctor": ["my name is katherine"], "patient": ["my name is catherine"]}
"""What is said sounds the same: only what is expected can tell which it was."""


@pytest_asyncio.fixture
async def recognizer():
    host = InlineHost("stt", "moonshine", {"phrases": {"clinic": SETS}})
    await host.start()
    yield Recognizer(host, {"grammar": "clinic"})
    await host.close()


@pytest_asyncio.fixture
async def opened():
    """What was expected of each utterance that was opened."""
    return []


@pytest_asyncio.fixture
async def listener(recognizer, opened):
    def open_utterance(expected):
        opened.append(expected)
        return Utterance(recognizer, lambda rate: Resampler(SAMPLE_RATE, rate), expected)

    listener = Listener(VadSettings(), open_utterance)
    yield listener
    listener.close()


async def understood(listener):
    """How the utterance that listens writes the name."""
    utterance = listener.swap()
    utterance.feed(caller("my name is catherine"))
    return (await utterance.finalize()).text.split()[-1].strip(".")


async def test_from_the_next_utterance_on_what_is_expected_is_understood(listener):
    listener.swap().close()
    for expected in ("doctor", "patient", "", "doctor"):
        name = "Katherine" if expected == "doctor" else "Catherine"
        listener.expect(expected)
        listener.swap().close()
        assert await understood(listener) == name, expected
        assert await understood(listener) == name, expected  # and so do all that come after it


async def test_what_listens_already_keeps_what_it_expected(listener):
    listener.expect("doctor")
    listener.swap().close()
    listener.expect("patient")
    assert await understood(listener) == "Katherine"


async def test_a_spare_is_replaced_only_when_something_else_is_expected(listener, opened):
    for expected in ("", "doctor", "doctor", "patient", "patient"):
        listener.expect(expected)
    assert opened == ["", "", "doctor", "patient"]


async def test_spares_that_were_replaced_are_freed(listener, recognizer):
    for expected in ("doctor", "patient", "doctor"):
        listener.expect(expected)
    last = recognizer.open()
    await last.finalize()
    assert await last.released() == {"sessions": 2}
