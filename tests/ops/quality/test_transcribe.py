"""Recordings given to an engine: the transcripts, and the report when there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from ops.quality.transcribe import NotHeard, hear, started
from sidecars.host.host import Host
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.clinic import OPTIONS, SAID, WITHOUT_A_PAUSE
from tests.sidecars.speech import caller, line, spoken, wide, words

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[Host]:
    async with started(SubprocessHost("stt", "moonshine", OPTIONS)) as host:
        yield host


async def test_a_recording_is_understood_to_its_last_word(host: Host) -> None:
    assert [words(await hear(host, wide(caller(text)), {"grammar": "clinic"})) for text in SAID[:3]] == list(SAID[:3])


@pytest.mark.long
async def test_what_is_longer_than_a_host_keeps_waiting_is_heard_all_the_same(host: Host) -> None:
    minute = wide(line(np.concatenate([spoken(piece) for piece in WITHOUT_A_PAUSE] * 3)))
    assert len(minute) > 2 * 16000 * 60
    assert words(await hear(host, minute, {"grammar": "clinic"})).count("what time you close on friday") == 3


@pytest.mark.long
async def test_an_utterance_that_the_engine_refuses_says_why(host: Host) -> None:
    with pytest.raises(NotHeard, match="3 bytes are not whole 16-bit samples"):
        await hear(host, b"odd", {"grammar": "clinic"})


@pytest.mark.long
async def test_an_engine_that_is_gone_says_so() -> None:
    async with started(SubprocessHost("stt", "moonshine", OPTIONS)) as host:
        pass
    with pytest.raises(NotHeard, match="does not run"):
        await hear(host, b"", {})
