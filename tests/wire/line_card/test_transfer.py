"""How a transfer ends, by what the caller's side tells of it."""

from __future__ import annotations

import pytest

from ops.witness.probe import until
from phone_daemon.events import EndReason, TransferFailed
from tests.wire.calls import call, card


@pytest.mark.parametrize("status", ["100 Trying", "180 Ringing", ""])
async def test_a_transfer_whose_end_is_not_told_gives_the_caller_back(status: str) -> None:
    async with card() as ours, call(ours) as (probe, ear):
        ear.line.transfer("sip:front-desk@127.0.0.1:9")
        await until(lambda: probe.transferred_to)
        if status:
            assert await probe.notify(status, last=True) == 200
        else:
            ended = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n"
            assert (await probe.ask("NOTIFY", extra=ended)).code == 200
        failed = await ear.event(TransferFailed)
        assert isinstance(failed, TransferFailed)
        assert (failed.code, probe.byes) == (408, 0)


async def test_a_transfer_has_succeeded_when_that_is_told_although_the_subscription_goes_on() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        ear.line.transfer("sip:front-desk@127.0.0.1:9")
        await until(lambda: probe.transferred_to)
        assert await probe.notify("202 Accepted") == 200
        assert await probe.notify("180 Ringing") == 200
        await ear.ticks(5)
        assert (probe.byes, ear.told) == (0, [])
        assert await probe.notify("200 OK") == 200
        assert (await ear.closed()).reason is EndReason.TRANSFERRED
        assert await probe.ended() == "bye"


@pytest.mark.parametrize(("kind", "body"), [("text/plain", "SIP/2.0 200 OK\r\n"), ("message/sipfrag", "done")])
async def test_an_end_that_cannot_be_read_is_none_that_was_told(kind: str, body: str) -> None:
    async with card() as ours, call(ours) as (probe, ear):
        ear.line.transfer("sip:front-desk@127.0.0.1:9")
        await until(lambda: probe.transferred_to)
        ended = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n"
        assert (await probe.ask("NOTIFY", body, kind, ended)).code == 200
        failed = await ear.event(TransferFailed)
        assert isinstance(failed, TransferFailed)
        assert (failed.code, probe.byes) == (408, 0)
