"""A colleague's call that takes over a live one: who may request it, and what the daemon learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.witness.probe import Probe
from phone_daemon.settings.settings import SipSettings
from phone_daemon.web.voice_frames import Type, json_frame
from phone_daemon.wire.sip import LineCard
from tests.web.served import frame_of, served, settings_in

LIVE = "20260101T100000.000000Z-aaaa"


@pytest.mark.long
async def test_it_names_the_live_call_and_is_told_what_happens_where_it_asks_for_that(tmp_path: Path) -> None:
    async with served(settings_in(tmp_path)) as web, web.socket() as socket:
        await socket.send(json_frame(Type.AUDIO_START, {"join": LIVE, "notes": True}).pack())
        incoming = await web.rung()
        assert incoming.join == LIVE
        line = incoming.answer()
        web.tell(line.id, "joined")
        await frame_of(socket, Type.READY)
        web.tell(line.id, "state", state="LISTENING")
        while (note := json.loads((await frame_of(socket, Type.NOTE))[2:]))["kind"] != "state":
            pass
        assert note["data"] == {"state": "LISTENING"}
        line.hang_up()
    audited = [json.loads(each) for each in (tmp_path / "calls" / "audit.jsonl").read_text().splitlines()]
    assert [(each["what"], each["call"]) for each in audited] == [("take_over", LIVE)]


@pytest.mark.long
async def test_one_that_cannot_be_taken_over_says_why(tmp_path: Path) -> None:
    async with served(settings_in(tmp_path)) as web:
        for code, why in ((481, "this call is over"), (491, "a colleague has taken it over")):
            async with web.socket() as socket:
                await socket.send(json_frame(Type.AUDIO_START, {"join": LIVE}).pack())
                (await web.rung()).refuse(code)
                assert why in (await frame_of(socket, Type.ERROR))[2:].decode()


@pytest.mark.long
async def test_who_may_only_watch_may_not(tmp_path: Path) -> None:
    async with served(settings_in(tmp_path)) as web, web.client("watch") as client:
        headers = {"content-type": "application/sdp"}
        answer = await client.post(f"/v1/webrtc?join={LIVE}", content=b"v=0", headers=headers)
        assert answer.status_code == 403


async def test_a_telephone_cannot_take_a_call_over_by_a_header() -> None:
    """RFC 3911's Join is accepted only from our own web process."""
    card = await LineCard.start(SipSettings(port=0))
    try:
        async with Probe(f"sip:100@127.0.0.1:{card.port}", extra=f"Join: {LIVE}\r\n") as probe:
            incoming = await card.incoming.get()
            assert incoming.join == ""
            incoming.answer()
            await probe.answered()
    finally:
        await card.close()
