"""An IPv6 trunk in front of IPv4 line cards: SIPp calls, hears, is heard, and holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.foreign.sipp import calling, sipp
from tests.ops.edge.front import front
from tests.wire.calls import rms


@pytest.mark.foreign
async def test_a_call_by_ipv6_is_answered_and_has_sound_both_ways(tmp_path: Path) -> None:
    trunks = [{"name": "six", "addresses": ["::1/128"]}]
    async with front(tmp_path, cards=1, trunks=trunks, bind="::1") as made:
        for transport in ("u1", "t1"):
            log = tmp_path / transport
            more = ("-rtp_echo", "-trace_msg", "-message_file", str(log))
            await sipp(tmp_path, made.plan.edge.port, calling(hold_ms=1500), "100", transport, "[::1]", more)
            messages = log.read_text()
            assert "c=IN IP6 ::1" in messages.partition("SIP/2.0 200 ")[2], transport
            assert "127.0.0.1" not in messages
            call, ear = made.calls.pop(), made.ears.pop()
            assert call.trunk == "six"
            # It sends back what it hears, which is the tone that answered it.
            assert rms(ear.heard) > 1000
            assert not made.calls
