"""A daemon to call, and a caller's voice."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ops.live.daemon_process import DaemonProcess

BOOKING = Path(__file__).parents[2] / "fixtures/calls/books_an_appointment"


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    async with DaemonProcess(tmp_path / "var") as daemon:
        yield daemon


@pytest.fixture
def booking() -> bytes:
    """A caller who asks for an appointment: the first utterance of a recorded call, 8 kHz 16-bit mono."""
    first = min(BOOKING.glob("*.wav"))
    with wave.open(str(first)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        return bytes(file.readframes(file.getnframes()))


def silence(seconds: float) -> bytes:
    return bytes(2 * round(8000 * seconds))
