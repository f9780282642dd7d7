"""`daemons = N`: the settings of each of several daemons on one machine, every one with ports of its own. Pure."""

from __future__ import annotations

from dataclasses import replace

from phone_daemon.settings.rtp_ports import blocks
from phone_daemon.settings.settings import Settings

RTP_PORTS = 16
"""RTP ports of each card where `[sip] rtp_port` names the first alone: two a call, and as many again at hand."""


def one_of(settings: Settings, at: int) -> Settings:
    """What daemon `at` of `settings.daemons` runs with: the next cards' ports, and the next health port.

    The first alone has the accounts of trunks and the web: a number rings in one place.
    """
    sip, cards = settings.sip, settings.sip.cards
    rtp_ports = sip.rtp_ports
    if rtp_ports and settings.daemons > 1:
        mine = blocks(rtp_ports, cards * settings.daemons)[at * cards : (at + 1) * cards]
        rtp_ports = f"{mine[0].start}-{mine[-1].stop - 1}"
    return replace(
        settings,
        daemons=1,
        health_port=settings.health_port and settings.health_port + at,
        sip=replace(
            sip,
            port=sip.port + at * cards,
            rtp_ports=rtp_ports,
            rtp_port=sip.rtp_port and sip.rtp_port + at * cards * RTP_PORTS,
        ),
        web=settings.web if at == 0 else replace(settings.web, on=False),
        trunk=settings.trunk if at == 0 else tuple(replace(each, register=None) for each in settings.trunk),
    )
