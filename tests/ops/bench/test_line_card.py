"""What a line card costs, measured on real cards."""

import asyncio

import pytest

from ops.bench import line_card


@pytest.mark.long
async def test_both_kinds_of_card_carry_their_calls_and_the_calls_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_card, "SETTLE_S", 0.2)
    monkeypatch.setattr(line_card, "FLUSH_S", 1.0)
    async with asyncio.timeout(60):
        found = await line_card.measure(0.5)
    assert float(str(found["ratio"])) > 0
    flushes = found["flush_to_silence_ms"]
    assert isinstance(flushes, dict) and flushes["count"] > line_card.CALLS
