"""Calls that we place, to somebody whose answer has no codec that we have."""

from __future__ import annotations

import asyncio

import pytest

from ops.witness.probe import until
from phone_daemon.wire.dialing import Result, result_of
from phone_daemon.wire.sip_line import CallRefused
from tests.wire.calls import PATIENCE_S, card
from tests.wire.line_card.test_next_hop import PLAIN, Callee, callee


class Other(Callee):
    """Answers with `meant` in place of `said` in the session description."""

    said, meant = "", ""

    def again(self) -> None:
        head, blank, body = self._answer.decode().partition("\r\n\r\n")
        changed = body.replace(self.said, self.meant)
        head = head.replace(f"Content-Length: {len(body)}", f"Content-Length: {len(changed)}")
        self.transport.sendto(f"{head}{blank}{changed}".encode(), self._asked)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("AVP 0 101\r\na=rtpmap:0 PCMU/8000", "AVP 18\r\na=rtpmap:18 G729/8000"),
        ("AVP 0 101\r\na=rtpmap:0 PCMU/8000", "AVP 97\r\na=rtpmap:97 opus/48000/2"),
        ("AVP 0 101", "AVP 101"),
        ("m=audio 40000", "m=audio 0"),
    ],
)
async def test_it_is_acknowledged_and_ended_and_not_taken_for_an_answer(said: str, meant: str) -> None:
    kind = type("Answers", (Other,), {"said": said, "meant": meant})
    async with card() as ours, callee(PLAIN, kind) as other, asyncio.timeout(PATIENCE_S):
        with pytest.raises(CallRefused, match="488 no common codec") as refused:
            await ours.place(f"sip:9@127.0.0.1:{other.port}")
        assert result_of(refused.value.code, rang=refused.value.rang) is Result.REJECTED
        await until(lambda: len(other.got) == 3)
        assert sorted(other.got) == ["ACK", "BYE", "INVITE"]
        while (await ours.stats()).calls:
            pass
