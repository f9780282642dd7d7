"""How a transfer ends, by what the caller's side tells of it."""

from __future__ import annotations

import pytest

from ops.witness.probe import until
from phone_daemon.events import TransferFailed
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
