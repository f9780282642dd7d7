"""The range of RTP ports, divided among the cards."""

from __future__ import annotations

import pytest

from phone_daemon.settings.rtp_ports import PORTS_A_CARD, blocks


@pytest.mark.parametrize(
    ("ports", "cards"), [("41000-41063", 1), ("41000-41063", 8), ("41001-41064", 7), ("5000-5008", 1)]
)
def test_every_card_has_a_block_of_its_own_within_the_range(ports: str, cards: int) -> None:
    first, last = map(int, ports.split("-"))
    shares = blocks(ports, cards)
    assert len(shares) == cards
    assert all(share[0] % 2 == 0 and len(share) >= PORTS_A_CARD for share in shares)
    every = [port for share in shares for port in share]
    assert len(set(every)) == len(every)
    assert first <= min(every) < max(every) <= last


def test_a_range_that_is_too_small_says_how_many_ports_are_needed() -> None:
    with pytest.raises(
        ValueError, match=r'8 ports are too few: 2 line cards of 4 calls need 16.*"41000-41015" or more'
    ):
        blocks("41000-41007", 2)
    with pytest.raises(ValueError, match="too few"):
        blocks("41001-41008", 1)


@pytest.mark.parametrize("ports", ["", "41000", "x-y", "41063-41000", "80-200", "65000-70000", "-1-5", "41000-"])
def test_what_is_no_range_says_how_to_write_one(ports: str) -> None:
    with pytest.raises(ValueError, match="write "):
        blocks(ports, 1)
