"""`sip.rtp_ports`: the ports that a firewall lets through, a block of its own for each line card. Pure."""

from __future__ import annotations

import re

PORTS_A_CARD = 8
"""RTP and RTCP of four calls."""
_RANGE = re.compile(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", re.ASCII)


def blocks(ports: str, cards: int) -> tuple[range, ...]:
    """The ports of each card in `ports` ("41000-41063"). Raises `ValueError`, which says how to fix it."""
    found = _RANGE.fullmatch(ports)
    if not found:
        raise ValueError(f'is "{ports}"; write the first and the last port, such as "41000-41063"')
    first, last = int(found[1]), int(found[2])
    if not 1024 <= first < last <= 65535:
        raise ValueError(f'is "{ports}"; write two ports from 1024 to 65535, the lower one first')
    start = first + first % 2  # RTP takes the even one of two (RFC 3550 section 11).
    each = (last + 1 - start) // cards // 2 * 2
    if each < PORTS_A_CARD:
        need = PORTS_A_CARD * cards
        raise ValueError(
            f"{last - first + 1} ports are too few: {cards} line cards of 4 calls need {need}, two a call from an "
            f'even one on; write "{start}-{start + need - 1}" or more, or set fewer sip.cards'
        )
    return tuple(range(start + at * each, start + (at + 1) * each) for at in range(cards))
