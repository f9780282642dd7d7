"""What one call receives by RTP: from whom, whether anything comes at all, and the keys in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pjsua2 as pj

from phone_daemon.events import SourceChanged
from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.guarded import log
from phone_daemon.wire.line_card.out_of_order import Reordering, end_probation, hold_back
from phone_daemon.wire.line_card.regular_rtp import G722, PCMA, PCMU, RegularRtp
from phone_daemon.wire.line_card.rtp_port import last_packet
from phone_daemon.wire.line_card.rtp_source import RtpSource
from phone_daemon.wire.line_card.rtp_tap import RtpTap, sender_of
from phone_daemon.wire.protocol import InBandKeys
from phone_daemon.wire.rtp_packet import payload_type
from phone_daemon.wire.telephone_event import KeyPresses, is_event, parse

_PAYLOAD_TYPES = {"PCMU": PCMU, "PCMA": PCMA, "G722": G722}
_NO_AUDIO = frozenset((-1, 13, 19, *range(64, 96)))
"""Payload types that say nothing: comfort noise by its new and old number, and RTCP among RTP (RFC 5761)."""


class RtpInput:
    """`call` is pjsua2's. `tell` gets each change of the trusted source, and of how keys come in."""

    def __init__(self, call: Any, timeout_s: float, tell: Callable[[SourceChanged | InBandKeys], None]) -> None:
        self.stream = 0
        """Address of pjmedia's stream; 0 while there is no stream."""
        self.heard = False
        """Whether RTP has come in this call."""
        self._call = call
        self._timeout_s = timeout_s
        self._tell = tell
        self._source = RtpSource(self._source_changed)
        self._tap = RtpTap(self._receive)
        self._regular = RegularRtp(PCMU)
        self._told = False
        self._events = 0
        """The negotiated payload type of telephone-events; 0: none."""
        self._in_band = False
        """Whether keys come as tones in the audio."""
        self._presses = KeyPresses()
        self._pressed: deque[str] = deque()
        self._reordering = Reordering(self._hold_back)
        self._media = -1
        self._port = 0
        self._packets = self._rejected = 0
        self._ssrc = 0
        self._last_packet: float | None = None
        self._due = float("inf")

    @property
    def trusted(self) -> bool:
        """Whether what is heard comes from the caller."""
        return self._source.trusted

    @property
    def known(self) -> bool:
        """Whether a packet from the caller has been seen since the last SDP."""
        return self._source.known

    def connect(self, media: int) -> None:
        """A session description was agreed on; `media` is its audio stream."""
        self._media = media
        info = self._call.getStreamInfo(media)
        self._source.expect(info.remoteRtpAddress)
        self._port = _port(self._call.getMedTransportInfo(media).localRtpName)
        self._events = info.audRxEventPt if 0 < info.audRxEventPt < 128 else 0
        self._expect_tones(not self._events)
        self._regular = RegularRtp(_PAYLOAD_TYPES.get(info.codecName, -1), info.rxPt)

    def expect(self, now: float) -> None:
        """Counts the time without RTP from `now`."""
        self._due = now + self._timeout_s

    def is_lost(self, now: float, *, paused: bool) -> bool:
        """Whether nothing has come for too long, unless `paused`, when nothing is expected. Call this several times a
        second."""
        try:
            # Kept while its parts are read, because they belong to it.
            stat = self._call.getStreamStat(self._media)
            received = stat.rtcp.rxStat
            packets, rejected = received.pkt, received.discard
            missing, late = stat.jbuf.lost + stat.jbuf.empty, stat.jbuf.discard
            transport = self._call.getMedTransportInfo(self._media)
        except pj.Error:
            return False
        self._reordering.look(packets, missing, late)
        if rejected > self._rejected:
            end_probation(self.stream)
        self._rejected = rejected
        grew, self._packets = packets != self._packets, packets
        if grew:
            self._last_packet = None
        if grew or paused or self._is_alive(transport, now):
            self.expect(now)
        elif now >= self._due:
            return True
        if packets:
            self.heard = True
            self._ssrc = native.sender_ssrc(self.stream, packets)
            self._source.look(transport.srcRtpName, self._port, fresh=grew, ssrc=self._ssrc, now=now)
        return False

    def _source_changed(self, changed: SourceChanged) -> None:
        self._tell(changed)
        what = "as expected again" if changed.trusted else "not the caller: not used"
        log("WARNING", f"RTP from {changed.address}, {what}")

    def _hold_back(self, delay_ms: int) -> None:
        if hold_back(self.stream, delay_ms):
            log("INFO", f"RTP comes out of order: delayed by {delay_ms} ms")

    def _is_alive(self, transport: Any, now: float) -> bool:
        """Whether anything came that is not audio: RTCP, or comfort noise (RFC 3389) from a caller who is muted."""
        if now < self._due - self._timeout_s / 2:
            return False  # too early to matter
        last = max(last_packet(self._port), last_packet(_port(transport.localRtcpName)))
        known, self._last_packet = self._last_packet, last
        return known not in (None, last)  # from the wall clock, which may be set back

    # ------------------------------------------------------------------------------------------------ keys

    def tap(self, transport: int) -> None:
        """Reads the packets of the pjmedia_transport at that address before pjmedia does."""
        if not self._tap.attach(transport):
            log("WARNING", "RTP cannot be read before pjmedia reads it: some senders are not heard, and some keys")

    @property
    def reads_keys(self) -> bool:
        """Whether keys are read here and not by pjmedia."""
        return self._tap.active

    def _receive(self, packet: bytes, sender: int) -> Iterable[bytes]:
        """Returns what pjmedia gets in place of a packet."""
        number = payload_type(packet)
        # Some gateways send telephone-events that were not negotiated. Our audio codecs have no such payload type.
        if number == self._events != 0 or is_event(packet):
            event = parse(packet)
            if event is not None and self._believes(sender_of(sender), event.ssrc):
                self._expect_tones(False)
                self._pressed.append(self._presses.feed(event))
            return ()
        if not self._told and not self._regular.takes(number) and number not in _NO_AUDIO:
            self._told = True
            log("WARNING", f"RTP of payload type {number}, which was not agreed on, is not heard")
        return self._regular.feed(packet)

    def keys(self, now: float) -> Iterator[str]:
        """Keys that were pressed since the last time."""
        while self._pressed:
            self.heard = True
            self.expect(now)
            if key := self._pressed.popleft():
                yield key

    def _expect_tones(self, expected: bool) -> None:
        if expected is not self._in_band:
            self._in_band = expected
            self._tell(InBandKeys(expected))

    def _believes(self, sender: str, ssrc: int) -> bool:
        """Keys are accepted from a sender with the audio's SSRC or address, and from anyone before any audio has
        come."""
        return sender == self._source.caller or ssrc == self._ssrc != 0 or not self._source.known

    def close(self) -> None:
        """Stops reading the transport's packets. Idempotent."""
        self._tap.close()


def _port(name: str) -> int:
    return int(name.rpartition(":")[2])
