"""A call by aiortc, which is not a browser, to a real daemon: greeted, interrupted, answered, by voice and by key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from ops.witness.browser import browser, loud
from phone_daemon.events import WIDE_RATE
from tests.web.page.daemon import TOKEN, a_daemon
from tests.web.webrtc.speech import caller

pytestmark = pytest.mark.long

FRAME = 640
HEADERS = {"authorization": f"Bearer {TOKEN}", "content-type": "application/sdp"}
BOOKING = "fixtures/calls/books_an_appointment/booking.wav"


@pytest.mark.timeout(180)
async def test_the_agent_falls_silent_and_answers(tmp_path: Path) -> None:
    async with (
        a_daemon(tmp_path) as (daemon, link),
        browser(rate=WIDE_RATE) as here,
        aiohttp.ClientSession(headers=HEADERS) as http,
    ):
        address = link.split("/?")[0]
        async with http.post(f"{address}/v1/webrtc", data=await here.offer()) as answer:
            assert answer.status == 201
            call = answer.headers["location"]
            await here.answered(await answer.text())
        await here.sound(30)
        await asyncio.sleep(1.0)
        spectrum = np.abs(np.fft.rfft(np.frombuffer(bytes(here.heard), "<i2")))
        assert spectrum[round(0.6 * len(spectrum)) :].sum() > 0.02 * spectrum.sum(), (
            "a voice with more than a telephone's"
        )
        here.heard.clear()
        here.microphone.say(caller(BOOKING))
        cut = await here.note("barge_in", 30)
        assert cut["data"]["source"] == "speech" and cut["data"]["legs_ms"]["rtp_silent"] < 1000
        assert (await here.note("final", 30))["data"]["text"]
        here.events.send('{"digit": "3"}')
        assert (await here.note("digit", 30))["data"]["digit"] == "3"
        async with http.delete(f"{address}{call}") as gone:
            assert gone.status == 200
        assert (await here.note("closed", 30))["data"]["reason"] == "caller_hung_up"
        await daemon.idle()
        heard = [loud(here.heard[at : at + FRAME], 100) for at in range(0, len(here.heard), FRAME)]
        assert True in heard and max(map(len, "".join("x" if each else " " for each in heard).split("x"))) >= 10
